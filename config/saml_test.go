package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const descriptor = `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://id.example.com/saml">
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="encryption"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>RU5D</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>
      QUJD
      REVG</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://id.example.com/redirect"/>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://id.example.com/post"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>`

func TestASAMLProvidersDocumentIsReadAndItsMistakesAreNamed(t *testing.T) {
	read := func(text string) (Descriptor, error) {
		path := filepath.Join(t.TempDir(), "idp.xml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return ReadDescriptor(path)
	}
	got, err := read(descriptor)
	require.NoError(t, err)
	require.Equal(t, Descriptor{Entity: "https://id.example.com/saml", SignOn: "https://id.example.com/post", Certificates: []string{"QUJDREVG"}}, got)

	for name, test := range map[string]struct{ from, to, want string }{
		"no XML":         {descriptor, "{}", "is not the XML document"},
		"another kind":   {descriptor, "<a/>", "begins with a, want the EntityDescriptor"},
		"no name":        {`entityID="https://id.example.com/saml"`, "", "entityID is missing"},
		"no signature":   {`use="signing"`, `use="encryption"`, "got no certificate for signing"},
		"no certificate": {"REVG", "&lt;", "is not base64"},
		"plain http":     {"https://id.example.com/post", "http://id.example.com/post", "want https"},
		"no form":        {"HTTP-POST", "SOAP", "is missing, want an address"},
	} {
		_, err := read(strings.ReplaceAll(descriptor, test.from, test.to))
		require.ErrorContains(t, err, test.want, name)
	}
	_, err = ReadDescriptor("idp.xml")
	require.ErrorContains(t, err, "want the absolute path")
}
