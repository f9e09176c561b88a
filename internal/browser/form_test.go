package browser

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func pageOf(t *testing.T, body string) *Page {
	t.Helper()
	return &Page{
		URL: address(t, "http://localhost:8080/realms/mlflow/auth?state=s"), Status: http.StatusOK,
		Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(body),
	}
}

func TestAFormIsSentAsABrowserSendsIt(t *testing.T) {
	page := pageOf(t, `
		<form id="f" method="POST" action="/go?x=1&amp;y=2">
		  <input name="username" value=""><input type="password" name="password">
		  <input type="hidden" name="credentialId" value="a b&amp;c">
		  <input type="checkbox" name="off"><input type="checkbox" name="on" checked>
		  <input type="radio" name="r" value="1"><input type="radio" name="r" value="2" checked>
		  <input name="disabled" value="x" disabled><input value="nameless">
		  <input type="file" name="file"><input type="reset" name="reset" value="x">
		  <textarea name="t">two
lines</textarea>
		  <select name="s"><option value="1">one<option value="2" selected>two</select>
		  <select name="d"><option> first </option><option>second</option></select>
		  <button type="button" name="script" value="x">no</button>
		  <input type="submit" name="login" value="Sign In"><button name="other" value="x">other</button>
		</form>`)
	form := page.Forms()[0]

	require.NoError(t, form.Set("username", "ada@example.com"))
	require.NoError(t, form.Set("password", "p&=ä"))

	require.Equal(t, http.MethodPost, form.Method)
	require.Equal(t, "http://localhost:8080/go?x=1&y=2", form.Action.String())
	require.Equal(t, "username=ada%40example.com&password=p%26%3D%C3%A4&credentialId=a+b%26c&on=on&r=2&t=two%0D%0Alines&s=2&d=first&login=Sign+In", form.encode())
}

func TestAFieldThatTheFormDoesNotHaveCannotBeFilledIn(t *testing.T) {
	form := pageOf(t, `<form><input name=a></form>`).Forms()[0]
	require.ErrorContains(t, form.Set("b", "x"), `no field "b"`)
}

func TestTheFormWithTheNamedFieldsIsFound(t *testing.T) {
	page := pageOf(t, `<form id=search><input name=q></form><form id=login><input name=username><input name=password></form>`)
	require.Equal(t, "login", page.FormWith("username", "password").ID)
	require.Nil(t, page.FormWith("username", "otp"))
}

func TestAFormWithoutActionGoesBackToItsPage(t *testing.T) {
	page := pageOf(t, `<form method=post><input name=a></form>`)
	require.Equal(t, page.URL, page.Forms()[0].Action)
}

func TestTheBaseElementMovesActions(t *testing.T) {
	page := pageOf(t, `<base href="/other/"><form action="go"></form>`)
	require.Equal(t, "http://localhost:8080/other/go", page.Forms()[0].Action.String())
}

func TestAGetFormPutsItsFieldsIntoTheQuery(t *testing.T) {
	var query string
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		_, _ = io.WriteString(w, `<form action="/find?old=1"><input name=q value="a b"></form>`)
	})
	b := New()
	defer b.Close()
	page, err := b.Open(t.Context(), site)
	require.NoError(t, err)

	_, err = b.Submit(t.Context(), page.Forms()[0])

	require.NoError(t, err)
	require.Equal(t, "q=a+b", query)
}

func TestAFormThatCannotBeEncodedIsRefused(t *testing.T) {
	b := New()
	defer b.Close()
	_, err := b.Submit(t.Context(), pageOf(t, `<form method=post enctype="multipart/form-data"></form>`).Forms()[0])
	require.ErrorContains(t, err, "multipart/form-data")
}

func TestTextOfFindsAMessageByIDOrClass(t *testing.T) {
	page := pageOf(t, `<p class="a kc-feedback-text b">Invalid <b>user</b></p><span id="input-error-username">Wrong.</span>`)
	require.Equal(t, "Invalid user", page.TextOf("kc-feedback-text"))
	require.Equal(t, "Wrong.", page.TextOf("input-error"))
	require.Empty(t, page.TextOf("absent"))
}
