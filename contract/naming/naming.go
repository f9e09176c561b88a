// Package naming defines the Docker labels of a stack's objects: the program writes them,
// and the tool finds the objects by them.
package naming

// The keys. Deployment's value is the setting `name`; Component's is the part of
// the stack, such as postgres.
const (
	Deployment = "mlflow-sso.deployment"
	Component  = "mlflow-sso.component"
)
