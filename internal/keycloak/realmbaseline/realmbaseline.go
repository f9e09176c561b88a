// Package realmbaseline finds unmanaged changes in a stack's realm, by comparison with a fresh
// realm.
//
// Pulumi's refresh compares only what the program created. So this package compares Keycloak's
// export of the whole realm with a baseline: the export of a fresh stack, which a test keeps
// current for the pinned Keycloak. It omits what Pulumi's refresh and package adminrealm report,
// so nothing is reported twice. An export contains no users: those who may administer MLflow or
// the realm are requested separately.
//
// It changes nothing. Values that may be secrets are compared and never returned.
package realmbaseline

import (
	"bytes"
	"context"
	_ "embed" // the baseline
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

const (
	callTimeout = time.Minute
	// inTheConsole is the next step for every finding here.
	inTheConsole = "in Keycloak's console"
)

// Baseline is a fresh realm, and its version of Keycloak.
type Baseline struct {
	Keycloak string                     `json:"keycloak"`
	Realm    map[string]json.RawMessage `json:"realm"`
	// Machine is one service account; empty if the stack has none.
	Machine map[string]json.RawMessage `json:"machine"`
}

//go:embed baseline.json
var recorded []byte

// Realm is the realm of a running stack.
type Realm struct {
	stack outputs.Stack
	made  Managed
	api   *admin.Client
}

// Managed is what a stack's settings add to the baseline.
type Managed struct {
	// Administrators are the user names of MLflow's administrators, in addition to the demo
	// users.
	Administrators []string
	// Appointing are the providers and directories whose groups appoint administrators: each
	// login updates the members.
	Appointing []string
	// Groups are additional groups.
	Groups []string
	// Flows, Providers and Mappers are those of identity providers.
	Flows, Providers, Mappers []string
	// Directories are the names of the LDAP directories.
	Directories []string
	// ConfirmsEmail reports that users confirm their address.
	ConfirmsEmail bool
}

// Open logs in with the program's service account.
func Open(ctx context.Context, stack outputs.Stack, made Managed) (*Realm, error) {
	r := &Realm{stack: stack, made: made}
	var err error
	if r.api, err = admin.Open(ctx, stack.Keycloak, callTimeout); err != nil {
		return nil, r.failed("log in", err)
	}
	return r, nil
}

func (r *Realm) failed(what string, err error) error {
	return fmt.Errorf("realm %s of Keycloak at %s: %s: %w", r.stack.Realm.Name, r.stack.Keycloak.AdminURL, what, err)
}

// Baseline returns the current realm, with one service account for all of them.
func (r *Realm) Baseline(ctx context.Context) (Baseline, error) {
	seen, err := r.whole(ctx)
	if err == nil {
		seen.Machine = takeMachines(seen.Realm, names(r.stack))
	}
	return seen, err
}

// whole is the realm with all its service accounts.
func (r *Realm) whole(ctx context.Context) (Baseline, error) {
	var export map[string]any
	if err := r.api.Post(ctx, r.stack.Realm.Name, "/partial-export", &export, "exportClients", "true", "exportGroupsAndRoles", "true"); err != nil {
		return Baseline{}, r.failed("export", err)
	}
	version, _ := export["keycloakVersion"].(string)
	d, err := flatten(export, strings.NewReplacer(r.stack.MLflow.URL, "{mlflow}", r.stack.Keycloak.URL, "{keycloak}"))
	if err != nil {
		return Baseline{}, r.failed("read the export", err)
	}
	for path := range d {
		if reportedByOthers(path, names(r.stack)...) || refreshCoversAccount(path, r.stack) || r.made.has(path) {
			delete(d, path)
		}
	}
	return Baseline{Keycloak: version, Realm: d}, nil
}

// Differences returns objects that should not exist, differ, or are missing.
func (r *Realm) Differences(ctx context.Context) ([]check.Finding, error) {
	want, err := baseline()
	if err != nil {
		return nil, err
	}
	got, err := r.whole(ctx)
	if err != nil {
		return nil, err
	}
	if got.Keycloak != want.Keycloak {
		return nil, fmt.Errorf("the realm baseline is of Keycloak %s, and this server is %q; use the built image, or write a new baseline (CONTRIBUTING.md, raising versions)", want.Keycloak, got.Keycloak)
	}
	if len(got.Realm) == 0 {
		return nil, r.failed("read the export", fmt.Errorf("it is empty, want about %d values", len(want.Realm)))
	}
	maps.Copy(want.Realm, machines(want.Machine, r.stack))
	people, err := r.people(ctx)
	return append(withoutMissing(compare(got.Realm, want.Realm), names(r.stack)...), people...), err
}

// baseline is the recorded baseline, indented for readable diffs.
func baseline() (Baseline, error) {
	var want Baseline
	var compact bytes.Buffer
	if err := json.Compact(&compact, recorded); err != nil {
		return want, fmt.Errorf("baseline of a realm: %w", err)
	}
	if err := json.Unmarshal(compact.Bytes(), &want); err != nil {
		return want, fmt.Errorf("baseline of a realm: %w", err)
	}
	return want, nil
}

func shown(path string, value json.RawMessage) json.RawMessage {
	if value != nil && secretPath.MatchString(path) {
		return report.Secret
	}
	return value
}

// split splits a path into the object and its property.
func split(path string) (thing, rest string) {
	steps := strings.Split(path, pathSeparator)
	depth := 2
	switch {
	case len(steps) == 1:
		return "realm settings", path
	case steps[0] == "components" || steps[0] == "roles" && steps[1] == "client":
		depth = 4
		if steps[0] == "components" {
			depth = 3
		}
	case steps[0] == "roles", steps[0] == "clientScopeMappings":
		depth = 3
	case steps[0] == "attributes", steps[0] == "smtpServer", steps[0] == "browserSecurityHeaders":
		return "realm settings", path
	}
	// A mapper is an object of its own, whatever it belongs to.
	if at := slices.Index(steps, "protocolMappers"); at > 0 && len(steps) > at+1 {
		depth = at + 2
	}
	depth = min(depth, len(steps))
	return "realm " + strings.Join(steps[:depth], " "), strings.Join(steps[depth:], pathSeparator)
}
