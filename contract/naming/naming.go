// Package naming defines the names and Docker labels of a stack's objects: the program writes
// them, and the tool finds the objects by them.
package naming

// The keys. Deployment's value is the setting `name`; Component's is the part of
// the stack, such as postgres.
const (
	Deployment = "mlflow-sso.deployment"
	Component  = "mlflow-sso.component"
)

// Debian is a label of the base image and of every image that is built on it: the minimum date of
// its Debian packages, as 2006-01-02.
const Debian = "mlflow-sso.debian"
