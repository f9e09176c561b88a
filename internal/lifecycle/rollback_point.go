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

// Stage is the progress of an upgrade.
type Stage string

// The stages of an upgrade.
const (
	// Changing means that its data has been or is being migrated.
	Changing Stage = "changing"
	// Done means that the new versions run; a verification must show that they work.
	Done Stage = "done"
	// Back means that the stack is rolled back.
	Back Stage = "back"
)

// RollbackPoint is what is kept of a stack from before its last upgrade: its settings and images,
// and the location of its data.
type RollbackPoint struct {
	Began time.Time `json:"began"`
	Stage Stage     `json:"stage"`
	// Snapshot was taken after all writers stopped and before any change.
	Snapshot string `json:"snapshot"`
	// Moved reports that the databases moved from one Postgres cluster to another; the old one
	// stays in the volume until the new one is verified.
	Moved bool `json:"moved"`
	// Versions are the previous versions.
	Versions map[string]string `json:"versions"`
	// File is the previous stack file, with the kept images.
	File string `json:"file"`
}

// keptTag is a second tag of the images from before an upgrade, so that Docker does not delete
// them with the first tag.
const keptTag = "way-back"

// applied is the file with the settings of the last update: the stack file may already contain
// future ones.
func applied(s *stack.Stack) string { return filepath.Join(s.Home.Stack(s.Name), "applied.yaml") }

func rollbackFolder(s *stack.Stack) string { return filepath.Join(s.Home.Stack(s.Name), "way-back") }

// saveLastSettings saves the settings of a successful update.
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

// ReadRollbackPoint returns the record of the last upgrade; nil if there was none.
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

// createRollbackPoint creates a rollback point: the settings of the last update, and a second tag for
// every image, which those settings use.
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

// keptImage returns the second tag of a service's image.
func keptImage(s *stack.Stack, service string) string {
	return s.Config.Name + "/" + service + ":" + keptTag
}

// withImages changes settings to use these images.
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

// removeKeptImages removes the second tags, which keep images on the disk.
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

// versionsBefore returns the stack's versions, also if its images are kept ones.
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
