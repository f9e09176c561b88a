package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/inventory"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// Status is what runs of a stack, and where. Neither Pulumi nor the passphrase of the state is
// needed for it, and the state itself only for some of it.
type Status struct {
	Stack      string `json:"stack"`
	Deployment string `json:"deployment"`
	// OwnState says whether the data directory has the state of the stack; Updated is when it was
	// last written.
	OwnState      bool      `json:"ownState"`
	DataDirectory string    `json:"dataDirectory"`
	Updated       time.Time `json:"updated,omitzero"`
	// MLflow and Keycloak are the addresses in the browser; empty where neither the state nor the
	// stack file is here.
	MLflow   string `json:"mlflow"`
	Keycloak string `json:"keycloak"`
	// Versions are those of the services as deployed, by service; the state has them.
	Versions map[string]string `json:"versions"`
	// Ready is how many of the containers run and are healthy.
	Ready      int                   `json:"ready"`
	Containers []inventory.Container `json:"containers"`
}

// StatusOf reports the status of a stack. Where neither its state nor its settings are here, its
// name may be that of a deployment.
func StatusOf(ctx context.Context, which Selection) (status Status, err error) {
	known := describe(which)
	docker, err := engine.Open(ctx)
	if err != nil {
		return status, err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	found, err := inventory.Of(ctx, docker, cmp.Or(known.deployment, which.Name))
	switch {
	case err != nil:
		return status, err
	case len(found.Containers) == 0 && known.failed != nil:
		return status, withOthers(ctx, known.failed)
	case len(found.Containers) == 0 && !known.ownState:
		return status, stack.NotUp(which.Name)
	}
	return known.status(which.Name, found), nil
}

// description is what can be found out about a stack without Docker and without its passphrase.
type description struct {
	state    stack.LocalState
	ownState bool
	// deployment, mlflow and keycloak are from the state, else from the settings.
	deployment, mlflow, keycloak string
	// failed is why the settings cannot be read, where the state does not say as much.
	failed error
}

func describe(which Selection) description {
	var d description
	if at, ok := datadir.Existing(); ok {
		// A state that cannot be read is as none: what runs is reported nevertheless.
		states, _ := stack.LocalStates(at)
		if i := slices.IndexFunc(states, func(s stack.LocalState) bool { return s.Stack == which.Name }); i >= 0 {
			d.ownState, d.state = true, states[i]
		}
	}
	if deployed := d.state.Deployed; d.state.Up() {
		d.deployment, d.mlflow, d.keycloak = deployed.Deployment, deployed.MLflow.URL, deployed.Keycloak.URL
		return d
	}
	settings, err := Settings(which)
	if err != nil && d.ownState {
		// A first update that runs, or what was destroyed: the copies of the last update are left.
		settings, err = which.copies()
	}
	if err != nil {
		d.failed = err
		return d
	}
	d.deployment, d.mlflow, d.keycloak = settings.Name, settings.MLflow.PublicURL.String(), settings.Keycloak.PublicURL.String()
	return d
}

func (d description) status(name string, found inventory.Deployment) Status {
	s := Status{
		Stack: name, Deployment: found.Name, OwnState: d.ownState, DataDirectory: datadir.Place(), Updated: d.state.Updated,
		MLflow: d.mlflow, Keycloak: d.keycloak, Versions: d.state.Deployed.Versions, Ready: found.Ready(), Containers: found.Containers,
	}
	if s.Versions == nil {
		s.Versions = map[string]string{}
	}
	return s
}
