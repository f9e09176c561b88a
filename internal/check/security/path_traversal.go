package security

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// files are attacks by file paths and by the locations that clients set in MLflow.
func (c *suite) files() []attack {
	return []attack{
		{
			name: "path-traversal", tries: "a member requests another member's file, and /etc/passwd, through paths that leave their own run: plain, encoded once and twice, with backslashes, absolute",
			control: "the same requests without the traversal read the member's own file", defence: "MLflow refuses such paths before it opens a file", next: "raise MLflow", run: c.traversal,
		},
		{
			name: "artifact-location-hijack", tries: "a member sets the location of their own experiment, run or model version to another member's files, or to /etc, and then reads their own files",
			control: "the owner reads the file there", defence: "MLflow refuses local paths; the plugin checks the permission on what the location names", needs: []check.ID{"cross-user-read"}, next: "docs/reference/security-test.md says what is known about it", run: c.borrowed,
		},
	}
}

// climbs returns spellings of a path out of depth folders.
func climbs(depth int, to string) map[string]string {
	up := strings.Repeat("../", depth) + to
	encoded := strings.NewReplacer(".", "%2e", "/", "%2f").Replace(up)
	return map[string]string{
		"plain":              up,
		"dots encoded":       strings.ReplaceAll(up, "..", "%2e%2e"),
		"encoded":            encoded,
		"encoded two times":  strings.ReplaceAll(encoded, "%", "%25"),
		"with backslashes":   strings.ReplaceAll(up, "/", "%5c"),
		"behind a real file": noteName + "/../" + up,
		"with a semicolon":   strings.ReplaceAll(up, "../", "..;/"),
		"as an address":      "file:///" + to,
	}
}

// passwd is the start of a file that every system has and no client may read.
const passwd = "root:x:0:"

func (c *suite) traversal(ctx context.Context) (string, error) {
	owner, own, err := c.theirs(ctx)
	if err != nil {
		return "", err
	}
	tried := 0
	for _, base := range []struct {
		prefix string
		depth  int
	}{
		{artifacts + "/" + own.files() + "/", 3},
		{"/ajax-api/2.0/mlflow-artifacts/artifacts/" + own.files() + "/", 3},
		{artifacts + "?path=" + own.files() + "/", 3},
		{"/get-artifact?run_id=" + own.run + "&path=", 3},
		{"/model-versions/get-artifact?name=" + own.model + "&version=1&path=", 3},
		{api + "artifacts/list?run_id=" + own.run + "&path=", 3},
	} {
		proper, err := c.as(ctx, c.thiefToken, http.MethodGet, strings.TrimSuffix(base.prefix, "/"), nil)
		if strings.Contains(base.prefix, noteName) || !strings.Contains(base.prefix, "list") && !strings.Contains(base.prefix, "?path=") {
			proper, err = c.as(ctx, c.thiefToken, http.MethodGet, base.prefix+noteName, nil)
		}
		if err != nil {
			return "", err
		}
		if !strings.Contains(proper.body, own.marker) && !strings.Contains(proper.body, noteName) {
			path, _, _ := strings.Cut(base.prefix, "?")
			return "", check.NotRun(fmt.Errorf("%d and not the member's own file for %s", proper.status, path))
		}
		for _, target := range []struct {
			depth int
			to    string
		}{{base.depth, owner.files() + "/" + noteName}, {base.depth, owner.files()}, {12, "etc/passwd"}} {
			for how, climb := range climbs(target.depth, target.to) {
				got, err := c.as(ctx, c.thiefToken, http.MethodGet, base.prefix+climb, nil)
				if err != nil {
					return "", err
				}
				tried++
				listed := got.status == http.StatusOK && target.to == owner.files() && strings.Contains(got.body, `"`+noteName+`"`)
				if strings.Contains(got.body, owner.marker) || strings.Contains(got.body, passwd) || listed {
					path, _, _ := strings.Cut(base.prefix, "?")
					return "", check.Mismatch(fmt.Sprintf("a file that is not the member's, by %s with a climb %s", path, how), "a refusal")
				}
			}
		}
	}
	return fmt.Sprintf("%d paths return no file", tried), nil
}

// borrowed points the thief's own objects at other users' files.
func (c *suite) borrowed(ctx context.Context) (string, error) {
	owner, own, err := c.theirs(ctx)
	if err != nil {
		return "", err
	}
	// The control: a version that is located at the member's own files shows them, and so does an
	// experiment at MLflow's default location.
	got, err := c.borrowByVersion(own.marker)(ctx, "mlflow-artifacts:/"+own.files(), noteName)
	if err == nil && got {
		got, err = c.borrowByExperiment(own, c.thiefToken)(ctx, "", leftName)
	}
	if err != nil {
		return "", err
	}
	if !got {
		return "", check.NotRun(errors.New("neither a version nor an experiment shows a member's own files"))
	}
	proper, err := c.as(ctx, c.ownerToken, http.MethodGet, artifacts+"/"+owner.files()+"/"+noteName, nil)
	if err != nil {
		return "", err
	}
	if !strings.Contains(proper.body, owner.marker) {
		return "", check.NotRun(fmt.Errorf("%d and no marker for the owner's own file", proper.status))
	}
	var taken, kept []string
	for _, location := range []struct{ what, uri, file string }{
		{"the owner's files", "mlflow-artifacts:/" + owner.files(), noteName},
		{"the owner's experiment", "mlflow-artifacts:/" + owner.experiment, owner.run + "/artifacts/" + noteName},
		{"the owner's files on the server's disk", "file:///mlflow/artifacts/" + owner.files(), noteName},
		{"the server's disk by a path", "/mlflow/artifacts/" + owner.files(), noteName},
		{"/etc", "file:///etc", "passwd"},
		{"/etc by a path", "/etc", "passwd"},
		{"the owner's run", "runs:/" + owner.run, noteName},
	} {
		for how, try := range map[string]func(context.Context, string, string) (bool, error){
			"an experiment": c.borrowByExperiment(owner, c.ownerToken), "a model version": c.borrowByVersion(owner.marker),
		} {
			got, err := try(ctx, location.uri, location.file)
			if err != nil {
				return "", err
			}
			if got {
				taken = append(taken, how+" that lies at "+location.what)
			} else {
				kept = append(kept, how)
			}
		}
	}
	if len(taken) > 0 {
		return "", check.Mismatch("files that are not the member's, by "+strings.Join(taken, ", by "), "a refusal of the location or of the file")
	}
	return fmt.Sprintf("%d borrowed locations give nothing", len(kept)), nil
}

// leftName is a file that the thief writes.
const leftName = "left.txt"

// stolen reports whether a response contains another user's data.
func stolen(got response, marker string) bool {
	return strings.Contains(got.body, marker) || strings.Contains(got.body, passwd)
}

func (c *suite) borrowByExperiment(whose *fixtures, reader string) func(context.Context, string, string) (bool, error) {
	return func(ctx context.Context, location, file string) (bool, error) {
		var experiment struct {
			ID string `json:"experiment_id"`
		}
		got, err := c.as(ctx, c.thiefToken, http.MethodPost, api+"experiments/create", map[string]any{"name": c.newName(), "artifact_location": location})
		if err != nil || got.into(&experiment) != nil {
			return false, err // refused, as it should be
		}
		var run struct {
			Run struct {
				Info struct {
					ID  string `json:"run_id"`
					URI string `json:"artifact_uri"`
				} `json:"info"`
			} `json:"run"`
		}
		got, err = c.as(ctx, c.thiefToken, http.MethodPost, api+"runs/create", map[string]any{"experiment_id": experiment.ID})
		if err != nil || got.into(&run) != nil {
			return false, err
		}
		// The marker is at its own location, to show that reading works.
		upload := request{method: http.MethodPost, url: c.stack.MLflow.URL + ajax + "upload-artifact?run_uuid=" + run.Run.Info.ID + "&path=" + leftName, header: bearer(c.thiefToken), raw: []byte(whose.marker)}
		if location != "" {
			upload.raw = []byte("left by the thief")
		}
		if _, err := c.ask(ctx, upload); err != nil {
			return false, err
		}
		// A run's location is below its experiment's: one request reads from outside, the other
		// writes a file there.
		for _, path := range []string{file, "../../" + file, "%2e%2e/%2e%2e/" + file} {
			got, err := c.as(ctx, c.thiefToken, http.MethodGet, "/get-artifact?run_id="+run.Run.Info.ID+"&path="+path, nil)
			if err != nil || stolen(got, whose.marker) {
				return err == nil, err
			}
		}
		got, err = c.as(ctx, reader, http.MethodGet, artifacts+"?path="+whose.files(), nil)
		if err != nil {
			return false, err
		}
		if !strings.Contains(got.body, noteName) {
			return false, check.NotRun(fmt.Errorf("%d and no list of files for who owns them", got.status))
		}
		if strings.Contains(got.body, run.Run.Info.ID) {
			return true, nil
		}
		return false, nil
	}
}

func (c *suite) borrowByVersion(marker string) func(context.Context, string, string) (bool, error) {
	return func(ctx context.Context, location, file string) (bool, error) {
		name := c.newName()
		got, err := c.as(ctx, c.thiefToken, http.MethodPost, api+"registered-models/create", map[string]any{"name": name})
		if err != nil {
			return false, err
		}
		if got.status != http.StatusOK {
			return false, check.NotRun(fmt.Errorf("%d for a member's own model", got.status))
		}
		var version struct {
			Version struct {
				Number string `json:"version"`
			} `json:"model_version"`
		}
		for _, body := range []map[string]any{
			{"name": name, "source": location},
			{"name": name, "source": location, "run_id": c.thiefThings.run},
			{"name": name, "source": location, "run_id": c.ownerThings.run},
		} {
			got, err = c.as(ctx, c.thiefToken, http.MethodPost, api+"model-versions/create", body)
			if err != nil {
				return false, err
			}
			if got.into(&version) != nil {
				continue // refused, as it should be
			}
			got, err = c.as(ctx, c.thiefToken, http.MethodGet,
				"/model-versions/get-artifact?name="+name+"&version="+version.Version.Number+"&path="+url.QueryEscape(file), nil)
			if err != nil || stolen(got, marker) {
				return err == nil, err
			}
		}
		return false, nil
	}
}
