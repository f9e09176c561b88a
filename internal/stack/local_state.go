package stack

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

// LocalState is what a state in a folder on this machine says about a stack in clear. Neither
// Pulumi nor the passphrase is needed for it, and its outputs lack all secrets.
type LocalState struct {
	Stack    string
	Deployed outputs.Stack
	// Updated is when the state was last written.
	Updated time.Time
}

// Up says whether the state has outputs: the stack was brought up and not destroyed.
func (l LocalState) Up() bool { return l.Deployed.Deployment != "" }

// LocalStates are those of all stacks, by name. What cannot be read is in the error; the others
// are returned nevertheless.
func LocalStates(h datadir.Home) ([]LocalState, error) {
	s := Stack{Options: Options{Home: h}}
	folder, ok := s.StateFolder()
	if !ok {
		return nil, nil
	}
	files, err := filepath.Glob(filepath.Join(folder, ".pulumi", "stacks", "*", "*.json*"))
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	var all []LocalState
	var failed error
	for _, file := range files {
		name, ok := stackOf(file)
		if !ok {
			continue
		}
		state, err := readLocal(file)
		if err != nil {
			failed = fmt.Errorf("state %s: %w", file, err)
			continue
		}
		state.Stack = name
		all = append(all, state)
	}
	slices.SortFunc(all, func(a, b LocalState) int { return strings.Compare(a.Stack, b.Stack) })
	return all, failed
}

// stackOf is the stack of a file in the state; false for what is not a state, such as a copy.
func stackOf(file string) (string, bool) {
	name := strings.TrimSuffix(filepath.Base(file), ".gz")
	return strings.CutSuffix(name, ".json")
}

func readLocal(file string) (state LocalState, err error) {
	opened, err := os.Open(file)
	if err != nil {
		return state, err
	}
	defer func() { _ = opened.Close() }()
	var content io.Reader = opened
	if strings.HasSuffix(file, ".gz") {
		if content, err = gzip.NewReader(opened); err != nil {
			return state, err
		}
	}
	var read struct {
		Checkpoint struct {
			Latest *apitype.DeploymentV3 `json:"latest"`
		} `json:"checkpoint"`
	}
	if err := json.NewDecoder(content).Decode(&read); err != nil {
		return state, err
	}
	if read.Checkpoint.Latest == nil {
		return state, nil
	}
	state.Updated = read.Checkpoint.Latest.Manifest.Time
	for _, r := range read.Checkpoint.Latest.Resources {
		if string(r.Type) != string(resource.RootStackType) || len(r.Outputs) == 0 {
			continue
		}
		plain, err := json.Marshal(withoutSecrets(r.Outputs))
		if err != nil {
			return state, err
		}
		return state, json.Unmarshal(plain, &state.Deployed)
	}
	return state, nil
}

// withoutSecrets drops the members that are secrets.
func withoutSecrets(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, member := range value {
			if !isSecret(member) {
				kept[name] = withoutSecrets(member)
			}
		}
		return kept
	case []any:
		kept := make([]any, 0, len(value))
		for _, member := range value {
			if !isSecret(member) {
				kept = append(kept, withoutSecrets(member))
			}
		}
		return kept
	}
	return value
}
