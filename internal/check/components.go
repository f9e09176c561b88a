package check

// The parts of a stack, in the order in which faults propagate.
const (
	Host         Component = "host"
	Postgres     Component = "postgres"
	Redis        Component = "redis"
	Keycloak     Component = "keycloak"
	Realm        Component = "realm"
	MLflow       Component = "mlflow"
	IdentitySync Component = "keeper"
	Edge         Component = "edge"
	Backup       Component = "backup"
)

// Components are all parts of a stack, in that order.
func Components() []Component {
	return []Component{Host, Postgres, Redis, Keycloak, Realm, MLflow, IdentitySync, Edge, Backup}
}
