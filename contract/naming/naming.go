// Package naming defines the Docker labels of a stack's objects: the program writes them,
// and the tool finds the objects by them.
package naming

// The keys. Deployment's value is the setting `name`; Component's is the part of
// the stack, such as postgres.
const (
	Deployment = "mlflow-sso.deployment"
	Component  = "mlflow-sso.component"
)

// Debian is on the base image, and so on every image that is built on it: the day, as
// 2006-01-02, of which its Debian packages are at least.
const Debian = "mlflow-sso.debian"
