//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

// plugin718 is what a plugin of the 7.18 line needs instead of a part of the lock file.
//
//go:embed testdata/plugin-7.18.txt
var plugin718 string

// older builds the image of a service from its folder with changes to its files.
func older(t *testing.T, l *lab, service string, change map[string]func(string) string) string {
	t.Helper()
	docker, folder := openEngine(t), filepath.Join(l.root, "images", service)
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		require.NoError(t, err)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		if edit := change[name]; edit != nil {
			edited := edit(string(content))
			require.NotEqual(t, string(content), edited, name)
			content = []byte(edited)
		}
		info, err := entry.Info()
		require.NoError(t, err)
		require.NoError(t, writer.WriteHeader(&tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: int64(len(content))}))
		_, err = writer.Write(content)
		return err
	}))
	require.NoError(t, writer.Close())
	name, base := fmt.Sprintf("e2e-older/%s:%d", service, time.Now().UnixNano()), baseImage()
	built, err := docker.API().ImageBuild(t.Context(), &packed, build.ImageBuildOptions{
		Tags: []string{name}, BuildArgs: map[string]*string{"BASE": &base}, NetworkMode: "host", Remove: true, ForceRemove: true,
	})
	require.NoError(t, err)
	said, err := io.ReadAll(built.Body)
	require.NoError(t, err)
	require.Contains(t, string(said), "Successfully tagged", "%s", said)
	t.Cleanup(func() {
		_, err := docker.API().ImageRemove(context.Background(), name, image.RemoveOptions{Force: true, PruneChildren: true})
		require.NoError(t, err)
	})
	return name
}

// bookworm installs packages of Postgres 15 from the Debian release that has it.
func bookworm(dockerfile string) string {
	dockerfile = regexp.MustCompile(`(postgresql(?:-client)?)-17`).ReplaceAllString(dockerfile, "$1-15")
	dockerfile = strings.ReplaceAll(dockerfile, "postgresql/17/", "postgresql/15/")
	return strings.Replace(dockerfile, " && apt-get update", " && sed s/trixie/bookworm/g /etc/apt/sources.list >/etc/apt/sources.list.d/bookworm.list \\\n && apt-get update", 1)
}

// withoutBuildCheck omits the check that the image's packages are current.
func withoutBuildCheck(dockerfile string) string {
	return regexp.MustCompile(`(?m)^RUN .*build_check\n`).ReplaceAllString(dockerfile, "")
}

// withPlugin718 replaces the plugin in the lock file of MLflow's image.
func withPlugin718(lock string) string {
	return regexp.MustCompile(`(?m)^mlflow-oidc-auth\S* \\\n(?:    .*\n)+`).ReplaceAllString(lock, "") + plugin718
}

// owned is the data of a user from before.
type owned struct {
	deployed      outputs.Stack
	owner, reader string // e-mails
	ownerToken    string // personal, as basic authorization
	readerToken   string
	experiment    string
	run, artifact string
}

// ask calls the API with an authorization header.
func (o *owned) ask(t *testing.T, authorization, method, path string, body any, into any) int {
	t.Helper()
	var encoded []byte
	if text, ok := body.(string); ok {
		encoded = []byte(text)
	} else if body != nil {
		var err error
		encoded, err = json.Marshal(body)
		require.NoError(t, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, o.deployed.MLflow.URL+path, bytes.NewReader(encoded))
	require.NoError(t, err)
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Timeout: time.Minute}).Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	if into != nil {
		require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", path, content)
		if text, ok := into.(*string); ok {
			*text = string(content)
		} else {
			require.NoError(t, json.Unmarshal(content, into), "%s", content)
		}
	}
	return answer.StatusCode
}

// populate makes two of the demo users owners of tokens: the member has a run with a file, and
// shares it with the administrator's colleague.
func populate(t *testing.T, deployed outputs.Stack) *owned {
	t.Helper()
	o := &owned{deployed: deployed}
	visit := scenario.New(deployed, openEngine(t))
	require.NoError(t, visit.SetUp(t.Context()))
	token := func(username string) (email, basic string) {
		for _, user := range deployed.DemoUsers {
			if user.Username != username {
				continue
			}
			who := scenario.DemoUser(user)
			require.NoError(t, visit.SignIn(t.Context(), who))
			// As the plugin before 8 creates them: one for each user.
			body := fmt.Appendf(nil, `{"expiration": %q}`, time.Now().UTC().Add(24*time.Hour).Format(time.RFC3339))
			page, err := who.Browser.Fetch(t.Context(), http.MethodPatch, deployed.MLflow.URL+"/api/2.0/mlflow/users/access-token", nil, body)
			require.NoError(t, err)
			var issued struct{ Token string }
			require.NoError(t, json.Unmarshal(page.Body, &issued), "%d %s", page.Status, page.Body)
			require.NotEmpty(t, issued.Token, "%s", page.Body)
			return who.Email, "Basic " + base64.StdEncoding.EncodeToString([]byte(who.Email+":"+issued.Token))
		}
		require.Fail(t, "no such person", username)
		return "", ""
	}
	var admin string
	o.owner, o.ownerToken = token("demo-member")
	o.reader, admin = token("demo-admin")
	o.readerToken = admin
	var made struct {
		ID  string `json:"experiment_id"`
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	o.ask(t, o.ownerToken, http.MethodPost, "/api/2.0/mlflow/experiments/create", map[string]any{"name": "from before"}, &made)
	o.experiment = made.ID
	o.ask(t, o.ownerToken, http.MethodPost, "/api/2.0/mlflow/runs/create", map[string]any{"experiment_id": o.experiment, "run_name": "kept"}, &made)
	o.run, o.artifact = made.Run.Info.ID, "/api/2.0/mlflow-artifacts/artifacts/"+made.ID+"/"+made.Run.Info.ID+"/artifacts/note.txt"
	o.ask(t, o.ownerToken, http.MethodPost, "/api/2.0/mlflow/runs/log-batch", map[string]any{"run_id": o.run, "metrics": []map[string]any{{"key": "loss", "value": 0.5, "timestamp": 1, "step": 1}}}, new(string))
	o.ask(t, o.ownerToken, http.MethodPut, o.artifact, "from before the upgrade", new(string))
	// A permission that no group grants: the administrator adds the outsider manually.
	require.Contains(t, []int{200, 201}, o.ask(t, admin, http.MethodPost, "/api/2.0/mlflow/users", map[string]any{"username": "granted@example.com", "display_name": "Granted"}, nil))
	require.Contains(t, []int{200, 201}, o.ask(t, admin, http.MethodPost, "/api/2.0/mlflow/permissions/users/granted@example.com/experiments/"+o.experiment, map[string]any{"permission": "READ"}, nil))
	return o
}

// requireKept requires all of it: by the previous tokens, and by the content of the database.
func (o *owned) requireKept(t *testing.T) {
	t.Helper()
	var found struct {
		Run struct {
			Info struct {
				Status string `json:"status"`
			} `json:"info"`
			Data struct {
				Metrics []struct{ Key string } `json:"metrics"`
			} `json:"data"`
		} `json:"run"`
	}
	for who, token := range map[string]string{"owner": o.ownerToken, "administrator": o.readerToken} {
		o.ask(t, token, http.MethodGet, "/api/2.0/mlflow/runs/get?run_id="+url.QueryEscape(o.run), nil, &found)
		require.Len(t, found.Run.Data.Metrics, 1, who)
		var content string
		o.ask(t, token, http.MethodGet, o.artifact, nil, &content)
		require.Equal(t, "from before the upgrade", content, who)
	}
	docker := openEngine(t)
	require.Equal(t, "READ", inAuth(t, o.deployed, docker,
		"SELECT permission FROM experiment_permissions p JOIN users u ON u.id = p.user_id WHERE u.username = 'granted@example.com' AND p.experiment_id = '"+o.experiment+"'"))
	require.Equal(t, "mlflow-users", inAuth(t, o.deployed, docker,
		"SELECT g.group_name FROM user_groups m JOIN groups g ON g.id = m.group_id JOIN users u ON u.id = m.user_id WHERE u.username = '"+o.owner+"'"))
	require.Equal(t, "t", inAuth(t, o.deployed, docker, "SELECT is_admin FROM users WHERE username = '"+o.reader+"'"))
}

// versions are what the containers hold.
func versions(t *testing.T, deployed outputs.Stack) string {
	t.Helper()
	docker := openEngine(t)
	postgres, err := docker.Exec(t.Context(), deployed.Postgres.Container, []string{"postgres", "--version"})
	require.NoError(t, err)
	plugin, err := docker.Exec(t.Context(), deployed.MLflow.Container, []string{"python", "-c", "import importlib.metadata as m; print(m.version('mlflow-oidc-auth'))"})
	require.NoError(t, err)
	return regexp.MustCompile(`\) (\d+)`).FindStringSubmatch(postgres.Stdout)[1] + " " + strings.TrimSpace(plugin.Stdout)
}

// A team's stack with the plugin 7.18 is upgraded to 11.0.2. In make nightly it also has Postgres
// 15, which is upgraded to 17: killed in the middle of the migration it is rolled back; then it
// completes; then it is rolled back a second time, from the snapshot.
func TestAnUpgradeKeepsAllThatPeopleHaveAndSoDoesTheWayBack(t *testing.T) {
	const current = "17 11.0.2"
	old := "17 7.18.0"
	if allTests {
		old = "15 7.18.0"
	}
	l, _ := keepingLab(t)
	now, err := os.ReadFile(l.file)
	require.NoError(t, err)
	// The plugin 7.18 does not support service accounts of an identity provider.
	now = regexp.MustCompile(`(?m)^  mlflow-sso:serviceAccounts:\n(    .*\n)+`).ReplaceAll(now, nil)
	require.NotContains(t, string(now), "serviceAccounts")
	images := map[string]string{"mlflow": older(t, l, "mlflow", map[string]func(string) string{
		"requirements.txt": withPlugin718,
		"Dockerfile":       withoutBuildCheck,
		// This project's application is written for the current plugin.
		"entrypoint": func(text string) string {
			return strings.ReplaceAll(text, "--app-name mlflow-sso", "--app-name oidc-auth")
		},
	})}
	if allTests {
		for _, service := range []string{"postgres", "backup"} {
			images[service] = older(t, l, service, map[string]func(string) string{"Dockerfile": bookworm})
		}
	}
	setting, err := json.Marshal(images)
	require.NoError(t, err)
	before := fmt.Appendf(bytes.Clone(now), "  mlflow-sso:images: %s\n", setting)
	require.NoError(t, os.WriteFile(l.file, before, 0o600))
	l.must(t, "up", "--no-verify")
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	require.Equal(t, old, versions(t, deployed))
	has := populate(t, deployed)
	has.requireKept(t)

	// The settings request other versions: no update installs them without a rehearsal.
	require.NoError(t, os.WriteFile(l.file, now, 0o600))
	refused, err := l.run(t.Context(), "up", "--no-verify")
	require.NoError(t, err)
	require.Equal(t, 1, refused.code)
	require.Contains(t, refused.stderr, "mlflow-oidc-auth 11.0.2")
	require.Equal(t, old, versions(t, deployed))

	if allTests {
		killedHalfWayAndBack(t, l, has, old)
	}

	began := time.Now()
	done := l.must(t, "upgrade")
	t.Logf("upgraded in %s: %s", time.Since(began).Round(time.Second), strings.TrimSpace(done.stdout))
	require.Equal(t, current, versions(t, deployed))
	has.requireKept(t)
	require.Regexp(t, allPassed, l.must(t, "verify").stdout)
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")
	clusters, err := openEngine(t).Exec(t.Context(), deployed.Postgres.Container, []string{"ls", "/var/lib/postgresql"})
	require.NoError(t, err)
	require.Equal(t, "17", strings.TrimSpace(clusters.Stdout), "the old cluster is gone once the new one is proved")

	if allTests {
		backFromTheSnapshot(t, l, has, old)
	}
}

// killedHalfWayAndBack kills an upgrade while the databases are moved, and rolls it back.
func killedHalfWayAndBack(t *testing.T, l *lab, has *owned, old string) {
	t.Helper()
	began := time.Now()
	killedOnTheMove(t, l, has.deployed)
	half, err := l.run(t.Context(), "up", "--no-verify")
	require.NoError(t, err)
	require.Equal(t, 1, half.code)
	require.Contains(t, half.stderr, "upgrade --rollback")
	t.Logf("rehearsed and killed half way in %s", time.Since(began).Round(time.Second))
	began = time.Now()
	back := l.must(t, "upgrade", "--rollback", "--no-verify") // today's checks are for today's plugin
	t.Logf("back from half way in %s: %s", time.Since(began).Round(time.Second), strings.TrimSpace(back.stdout))
	require.Equal(t, old, versions(t, has.deployed))
	has.requireKept(t)
}

// backFromTheSnapshot rolls back a finished upgrade. Data written since is lost, and the command
// says so.
func backFromTheSnapshot(t *testing.T, l *lab, has *owned, old string) {
	t.Helper()
	var later struct {
		ID string `json:"experiment_id"`
	}
	has.ask(t, has.ownerToken, http.MethodPost, "/api/2.0/mlflow/experiments/create", map[string]any{"name": "from after"}, &later)
	asked, err := l.run(t.Context(), "upgrade", "--rollback")
	require.NoError(t, err)
	require.Equal(t, 2, asked.code, "no terminal for the confirmation")
	began := time.Now()
	back := l.must(t, "upgrade", "--rollback", "--yes", "--no-verify")
	t.Logf("back from the snapshot in %s: %s", time.Since(began).Round(time.Second), strings.TrimSpace(back.stdout))
	require.Equal(t, old, versions(t, has.deployed))
	has.requireKept(t)
	require.Equal(t, http.StatusNotFound, has.ask(t, has.readerToken, http.MethodGet, "/api/2.0/mlflow/experiments/get?experiment_id="+later.ID, nil, nil))
	// The stack file still requests the other versions; reset, it changes nothing relevant.
	refused, err := l.run(t.Context(), "up", "--no-verify")
	require.NoError(t, err)
	require.Contains(t, refused.stderr, "versions change")
}

// killedOnTheMove starts an upgrade and kills it when the new Postgres exists and is empty, or
// half full.
func killedOnTheMove(t *testing.T, l *lab, deployed outputs.Stack) {
	t.Helper()
	at, err := datadir.Open()
	require.NoError(t, err)
	docker := openEngine(t)
	moving := func() bool {
		noted, err := os.Stat(filepath.Join(at.Stack(l.name), "way-back", "upgrade.json"))
		if err != nil {
			return false
		}
		seen, err := docker.API().ContainerInspect(t.Context(), deployed.Postgres.Container)
		if err != nil || seen.State.Health == nil || seen.State.Health.Status != "healthy" {
			return false
		}
		started, err := time.Parse(time.RFC3339Nano, seen.State.StartedAt)
		return err == nil && started.After(noted.ModTime())
	}
	command := l.command(t.Context(), "upgrade")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer // read once the tool has ended
	command.Stderr = &said
	require.NoError(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	deadline := time.After(15 * time.Minute)
	for !moving() {
		select {
		case err := <-ended:
			require.FailNow(t, "the upgrade ended before its data moved", "%v\n%s", err, said.String())
		case <-deadline:
			require.FailNow(t, "the data never moved")
		case <-time.After(50 * time.Millisecond):
		}
	}
	require.NoError(t, syscall.Kill(-command.Process.Pid, syscall.SIGKILL))
	<-ended
}
