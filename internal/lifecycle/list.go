package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/inventory"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
)

// Listing is all stacks that are known here.
type Listing struct {
	DataDirectory string `json:"dataDirectory"`
	// WorkingCopy has the stack files; empty outside of one.
	WorkingCopy string `json:"workingCopy"`
	// Docker is the Docker host; DockerProblem is why its containers are not known.
	Docker        string   `json:"docker"`
	DockerProblem string   `json:"dockerProblem,omitempty"`
	Stacks        []Listed `json:"stacks"`
}

// Listed is one stack: of a stack file, of the state, or of the labels of containers.
type Listed struct {
	// Stack is empty for a deployment whose stack is not known here.
	Stack      string `json:"stack"`
	Deployment string `json:"deployment"`
	// File is the stack file in the working copy; empty where there is none.
	File string `json:"file"`
	// OwnState says whether the data directory has the state; Updated is when it was last written.
	OwnState bool      `json:"ownState"`
	Updated  time.Time `json:"updated,omitzero"`
	// Ready of its Containers on the Docker host are ready; the first was started at Since.
	Containers int       `json:"containers"`
	Ready      int       `json:"ready"`
	Since      time.Time `json:"since,omitzero"`
	MLflow     string    `json:"mlflow"`
	// Problem is why its settings or its state cannot be read.
	Problem string `json:"problem,omitempty"`
}

// Foreign says whether containers run whose state is not in the data directory.
func (l Listed) Foreign() bool { return l.Containers > 0 && !l.OwnState }

// List finds all stacks. What cannot be read is part of the result.
func List(ctx context.Context) (Listing, error) {
	listing := Listing{DataDirectory: datadir.Place(), Stacks: []Listed{}}
	if root, err := workingcopy.Find("."); err == nil {
		listing.WorkingCopy = root
	}
	for _, name := range StackNames() {
		listing.Stacks = append(listing.Stacks, listed(name, listing.WorkingCopy))
	}
	if err := listing.addDeployments(ctx); err != nil {
		if ctx.Err() != nil {
			return listing, err
		}
		listing.DockerProblem = err.Error()
	}
	slices.SortStableFunc(listing.Stacks, func(a, b Listed) int {
		return cmp.Or(cmp.Compare(a.Stack, b.Stack), cmp.Compare(a.Deployment, b.Deployment))
	})
	return listing, nil
}

func listed(name, root string) Listed {
	d := describe(Selection{Name: name})
	l := Listed{Stack: name, Deployment: d.deployment, OwnState: d.ownState, Updated: d.state.Updated, MLflow: d.mlflow}
	if file := filepath.Join(root, "Pulumi."+name+".yaml"); root != "" && exists(file) {
		l.File = file
	}
	if d.failed != nil {
		l.Problem = d.failed.Error()
	}
	return l
}

// addDeployments adds what is on the Docker host to the stacks, and the deployments of other states.
func (l *Listing) addDeployments(ctx context.Context) (err error) {
	docker, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	l.Docker = docker.Host
	all, err := inventory.Deployments(ctx, docker)
	if err != nil {
		return err
	}
	for _, d := range all {
		i := l.stackOf(d.Name)
		if i < 0 {
			l.Stacks, i = append(l.Stacks, Listed{Deployment: d.Name}), len(l.Stacks)
		}
		at := &l.Stacks[i]
		at.Containers, at.Ready, at.Since = len(d.Containers), d.Ready(), d.Since()
	}
	return nil
}

// stackOf is the place of the stack with a deployment: the one whose state is here, if there are two
// of one name; -1 without any.
func (l *Listing) stackOf(deployment string) int {
	i := slices.IndexFunc(l.Stacks, func(s Listed) bool { return s.Deployment == deployment && s.OwnState })
	if i < 0 {
		i = slices.IndexFunc(l.Stacks, func(s Listed) bool { return s.Deployment == deployment })
	}
	return i
}
