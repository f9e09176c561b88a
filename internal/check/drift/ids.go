package drift

import (
	"maps"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmbaseline"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmusers"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/privilege"
)

// The IDs of the checks: the places that are compared.
const (
	Volumes    check.ID = "volumes"
	Resources  check.ID = "resources"
	Members    check.ID = "group-members"
	Host       check.ID = "host"
	Realm      check.ID = "realm"
	Privileges check.ID = "privileges"
)

// The IDs of findings. Those of the realm, of groups and of privileges are named in
// packages realmbaseline, realmusers and privilege.
const (
	ResourceMissing    check.ID = "resource-missing"
	ResourceChanged    check.ID = "resource-changed"
	ResourceReplaced   check.ID = "resource-replaced"
	ResourceUndeclared check.ID = "resource-undeclared"
	ContainerUnmanaged check.ID = "container-unmanaged"
	NetworkUnmanaged   check.ID = "network-unmanaged"
	VolumeUnmanaged    check.ID = "volume-unmanaged"
)

// about says what each check compares.
var about = map[check.ID]string{
	Volumes:    "The data volumes are those of the state. On other data, a comparison would be meaningless, so the other checks do not run.",
	Resources:  "Every resource of the Pulumi program is as the settings want it, after Pulumi has read the actual state.",
	Members:    "Managed groups contain only users that the settings list.",
	Host:       "The host has no container, network or volume around the stack that is not in its state.",
	Realm:      "The realm differs from a fresh one only by what the program and the settings create.",
	Privileges: "Nothing has power in MLflow, Postgres or the realm that the settings do not declare.",
}

// meanings says what each finding means.
var meanings = map[check.ID]string{
	ResourceMissing:                   "A resource of the program does not exist.",
	ResourceChanged:                   "A resource differs, and an update can change it in place.",
	ResourceReplaced:                  "A resource differs, and an update has to delete it and create it again.",
	ResourceUndeclared:                "The state has a resource that the program and the settings do not have.",
	ContainerUnmanaged:                "A container has the deployment's label or is on its networks, and is not in the state.",
	NetworkUnmanaged:                  "A network has the deployment's label or one of its containers, and is not in the state.",
	VolumeUnmanaged:                   "A volume has the deployment's label, and is not in the state.",
	realmusers.MemberUnlisted:         "A user is in a managed group, and the settings do not list them for it.",
	realmbaseline.ObjectUnmanaged:     "The realm has an object that neither the stack nor a fresh Keycloak creates.",
	realmbaseline.ObjectChanged:       "An object or a setting of the realm was changed manually.",
	realmbaseline.ObjectMissing:       "An object of a fresh realm was deleted.",
	realmbaseline.AdminUndeclared:     "A user is in the administrators' group, and the settings do not name them.",
	realmbaseline.RealmAdminUnmanaged: "A user has roles of the realm's own administration.",
	privilege.Administrator:           "MLflow has an administrator that neither Keycloak's group nor the settings name.",
	privilege.ServiceAccount:          "MLflow has a service account that no setting declares.",
	privilege.SCIMToken:               "A SCIM token lets an external program write users and groups.",
	privilege.WebhookID:               "A webhook sends events out of the stack.",
	privilege.PatternID:               "MLflow has a permission pattern that no setting declares.",
	privilege.PostgresRole:            "Postgres has a role that is not one of the stack's, or has more rights than the stack gives it.",
	privilege.NestedGroup:             "A nested group with the name of the administrators' group makes its members administrators.",
	privilege.ArtifactsMode:           "The artifact directory is accessible to other users of the container's host.",
}

// Meanings are the IDs of all findings with what each means.
func Meanings() map[check.ID]string { return maps.Clone(meanings) }
