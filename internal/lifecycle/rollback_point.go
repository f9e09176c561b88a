package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"gopkg.in/yaml.v3"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// Stage is how far an upgrade is.
type Stage string

// The stages of an upgrade.
const (
	// Changing says that its data may have been migrated, or may be on its way.
	Changing Stage = "changing"
	// Done says that the new versions run; whether they do so well is for a proof to say.
	Done Stage = "done"
	// Back says that the stack is again as it was.
	Back Stage = "back"
)

// RollbackPoint is what is kept of a stack as it was before its last upgrade: its settings and
// images, and where its data is.
type RollbackPoint struct {
	Began time.Time `json:"began"`
	Stage Stage     `json:"stage"`
	// Snapshot was taken when nobody could write any more and nothing was changed yet.
	Snapshot string `json:"snapshot"`
	// Moved says that the databases were taken out of one cluster of Postgres and put into
	// another; the old one is kept in the volume until the new one is proved.
	Moved bool `json:"moved"`
	// Versions are those of before.
	Versions map[string]string `json:"versions"`
	// File is the stack file of before, with the images that are kept.
	File string `json:"file"`
}

// keptTag marks the images of before an upgrade. An image with another name, too, is not
// deleted with the first one.
const keptTag = "way-back"

// applied is where the settings of the last update are kept: what the stack file says
// by then may be what it is to become.
func applied(s *stack.Stack) string { return filepath.Join(s.Home.Stack(s.Name), "applied.yaml") }

func rollbackFolder(s *stack.Stack) string { return filepath.Join(s.Home.Stack(s.Name), "way-back") }

// saveLastSettings keeps the settings of an update that has ended well.
func saveLastSettings(s *stack.Stack) error {
	if !s.OwnState() {
		return nil
	}
	text, err := os.ReadFile(s.File)
	if err == nil {
		err = os.WriteFile(applied(s), text, 0o600) //nolint:gosec // a file of the home's own
	}
	if err != nil {
		return fmt.Errorf("keep the settings: %w", err)
	}
	return nil
}

// ReadRollbackPoint is what is known of the last upgrade; nil where there was none.
func ReadRollbackPoint(s *stack.Stack) (*RollbackPoint, error) {
	text, err := os.ReadFile(filepath.Join(rollbackFolder(s), "upgrade.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var way RollbackPoint
	if err == nil {
		err = json.Unmarshal(text, &way)
	}
	if err != nil {
		return nil, fmt.Errorf("read the rollback point: %w", err)
	}
	return &way, nil
}

func writeRollbackPoint(s *stack.Stack, way *RollbackPoint) error {
	text, err := json.MarshalIndent(way, "", "  ")
	path := filepath.Join(rollbackFolder(s), "upgrade.json")
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("record the stage of the upgrade: %w", err)
	}
	return nil
}

// createRollbackPoint makes the way back: the settings of the last update, and every image under a second
// name by which those settings call it.
func createRollbackPoint(ctx context.Context, s *stack.Stack) (*RollbackPoint, error) {
	text, err := os.ReadFile(applied(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the settings with which stack %s was last deployed are unknown, because an older mlflow-sso deployed it: "+
			"run `mlflow-sso up --stack %s` with the current settings and images, and change the versions afterwards", s.Name, s.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("previous settings: %w", err)
	}
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	known, err := s.ReadState(ctx)
	if err != nil {
		return nil, err
	}
	images := map[string]string{}
	for _, r := range known.Of(stack.TypeImage) {
		service, ok := strings.CutSuffix(r.URN.Name(), "-image")
		id, has := r.Outputs["imageId"].(string)
		if !ok || !has {
			continue
		}
		images[service] = keptImage(s, service)
		if err := s.Docker.API().ImageTag(ctx, id, images[service]); err != nil {
			return nil, fmt.Errorf("keep the image of %s: %w", service, err)
		}
	}
	if text, err = withImages(text, images); err != nil {
		return nil, fmt.Errorf("previous settings: %w", err)
	}
	if err := os.MkdirAll(rollbackFolder(s), 0o700); err != nil {
		return nil, fmt.Errorf("rollback point: %w", err)
	}
	way := &RollbackPoint{Began: time.Now(), Stage: Changing, Versions: maps.Clone(deployed.Versions), File: filepath.Join(rollbackFolder(s), "Pulumi."+s.Name+".yaml")}
	if err := os.WriteFile(way.File, text, 0o600); err != nil { //nolint:gosec // a file of the home's own
		return nil, fmt.Errorf("rollback point: %w", err)
	}
	return way, nil
}

// keptImage is the second name of a service's image.
func keptImage(s *stack.Stack, service string) string {
	return s.Config.Name + "/" + service + ":" + keptTag
}

// withImages changes settings so that they name these images.
func withImages(settings []byte, images map[string]string) ([]byte, error) {
	var whole map[string]any
	if err := yaml.Unmarshal(settings, &whole); err != nil {
		return nil, err
	}
	values, ok := whole["config"].(map[string]any)
	if !ok {
		return nil, errors.New("no config, want one")
	}
	const key = config.Namespace + ":images"
	set, ok := values[key].(map[string]any)
	if !ok {
		set = map[string]any{}
	}
	for service, name := range images {
		set[service] = name
	}
	values[key] = set
	return yaml.Marshal(whole)
}

// removeKeptImages removes the second names of images, which hold them on the disk.
func removeKeptImages(ctx context.Context, s *stack.Stack) error {
	var errs []error
	for _, service := range []string{"backup", "edge", "keycloak", "mlflow", "postgres", "redis"} {
		_, err := s.Docker.API().ImageRemove(ctx, keptImage(s, service), image.RemoveOptions{})
		if err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("remove image %s: %w", keptImage(s, service), err))
		}
	}
	return errors.Join(errs...)
}

// versionsBefore are those that the stack has, also where its images are kept ones.
func versionsBefore(s *stack.Stack, deployed map[string]string) (map[string]string, error) {
	before := maps.Clone(deployed)
	if !slices.ContainsFunc(slices.Collect(maps.Values(before)), func(v string) bool { return strings.HasSuffix(v, ":"+keptTag) }) {
		return before, nil
	}
	way, err := ReadRollbackPoint(s)
	if err != nil || way == nil {
		return before, err
	}
	for service, version := range before {
		if version == keptImage(s, service) {
			before[service] = way.Versions[service]
		}
	}
	return before, nil
}
