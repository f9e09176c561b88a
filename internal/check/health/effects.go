package health

import (
	"slices"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// usersNotice is what they notice while the container of a component does not work: the first
// question of an operator on call. docs/reference/reliability.md has the measurements.
var usersNotice = map[Component]string{
	Postgres:     "MLflow and logins fail; what was acknowledged is kept",
	Redis:        "users notice nothing, nothing is lost",
	Keycloak:     "logins and password changes fail; users who are logged in, and personal tokens, go on",
	MLflow:       "MLflow fails for everyone; what was acknowledged is kept",
	IdentitySync: "users notice nothing; changes of users and groups in Keycloak do not reach MLflow, also of those who leave",
	Edge:         "MLflow and Keycloak cannot be reached",
	Backup:       "users notice nothing; no snapshots are taken",
}

// ofContainers are the findings of a container that does not work.
var ofContainers = []check.ID{ContainerMissing, ContainerPaused, ContainerExited, ContainerRestarting, ContainerUnhealthy}

// addEffects says for containers that do not work what users notice.
func addEffects(found []Finding) {
	for i := range found {
		if slices.Contains(ofContainers, found[i].ID) {
			found[i].Effect = usersNotice[found[i].Component]
		}
	}
}
