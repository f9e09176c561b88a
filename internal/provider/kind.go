package provider

import (
	"context"
	"maps"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"github.com/mlflow-sso/mlflow-sso/components/backup"
	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/components/permissions"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessclient"
)

// kind manages the resources of one type. The table of kinds is the only dispatch: anything a
// kind needs beyond this interface is an optional interface below, never a type switch. Inputs
// are those that check has returned.
type kind interface {
	// check completes inputs and returns their mistakes.
	check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure)
	// identity returns the ID; a different ID is another resource.
	identity(inputs resource.PropertyMap) string
	// inPlace are the inputs that can be changed in place.
	inPlace() []resource.PropertyKey
	// needs is what must be configured, and reachable, for set, read and remove.
	needs() need
	// set applies the inputs, whether or not the object exists, and returns the state.
	set(ctx context.Context, at target, c change) (resource.PropertyMap, error)
	// read returns the actual state; nil if the object does not exist.
	read(ctx context.Context, at target, known recorded) (*recorded, error)
}

// remover is a kind whose deletion removes something. Deleting any other leaves the object
// unchanged.
type remover interface {
	remove(ctx context.Context, at target, inputs resource.PropertyMap) error
}

// differ is a kind that does not compare inputs with inputs. say reports to the user.
type differ interface {
	diff(r plugin.DiffRequest, say func(string)) plugin.DiffResponse
}

// planner is a kind whose state differs from its inputs. The plan is the state that a preview
// shows.
type planner interface {
	plan(inputs resource.PropertyMap) resource.PropertyMap
}

// newcomer is a kind that checks a new resource against the existing objects. connect connects to
// the service; an error of checkNew is reported and fails nothing.
type newcomer interface {
	checkNew(ctx context.Context, connect func(context.Context) (target, error), inputs resource.PropertyMap) ([]plugin.CheckFailure, error)
}

// patient is a kind whose changes may take longer than changeTimeout.
type patient interface {
	limit() time.Duration
}

// change is a resource that is created or updated.
type change struct {
	inputs resource.PropertyMap
	// before is the state's; empty for a resource that is created.
	before recorded
}

// recorded are the inputs and the state of a resource.
type recorded struct{ inputs, state resource.PropertyMap }

// same is for a kind whose state is its inputs; nil inputs mean none.
func same(inputs resource.PropertyMap) *recorded {
	if inputs == nil {
		return nil
	}
	return &recorded{inputs, inputs}
}

// need is what a kind must connect to.
type need int

const (
	// nothing is for a kind whose inputs contain everything it needs.
	nothing need = iota
	// keycloakAddress is the address of Keycloak's admin API, without a login.
	keycloakAddress
	// keycloakAdmin is the admin API with a login.
	keycloakAdmin
	// mlflowAdmin is MLflow as its access admin.
	mlflowAdmin
)

// ofKeycloak reports whether Keycloak stores the resource.
func (n need) ofKeycloak() bool { return n == keycloakAddress || n == keycloakAdmin }

// target is where a provider manages its resources. Only the need of a kind must be set.
type target struct {
	// keycloak has no client if the provider has none.
	keycloak *outputs.Keycloak
	mlflow   *accessclient.Client
	// container is the name of MLflow's.
	container string
	// warn and say report permanently, progress until the next report.
	warn, say, progress func(string)
}

// kindsWith returns all kinds by their types.
func kindsWith(proofs *loginProofs) map[tokens.Type]kind {
	all := maps.Clone(stateless)
	all[loginproof.TypeToken] = proofs
	return all
}

// stateless are the kinds that every server shares.
var stateless = map[tokens.Type]kind{
	permissions.AccessAdminType: accessAdmins{}, permissions.ServiceAccountType: accounts{}, permissions.GrantType: grants{},
	identity.AdminRealmType: adminRealm, identity.BuiltinClientType: builtinClients, identity.ClientRolesType: clientRoles, identity.PasswordType: passwords,
	identity.ClientSecretType: clientSecrets{}, identity.GroupMembersType: groupMembers{},
	mlflow.EncryptionKeyType: encryptionKeys{inContainer{openDocker}}, backup.RepositoryKeyType: repositoryKeys{inContainer{openDocker}},
}
