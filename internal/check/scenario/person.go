package scenario

import (
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

// Person is a user who can log in at Keycloak.
type Person struct {
	// Username is the name in Keycloak, Email the name in MLflow.
	Username, Email string
	// Group is the user's only group; empty for none.
	Group string
	// ID is the user's ID in Keycloak, for a user created for the run.
	ID string
	// Browser is where the user is signed in; nil before that.
	Browser *browser.Browser

	password string
}

// Login is the user's credentials for Keycloak's form; never print it.
func (p *Person) Login() outputs.Login {
	return outputs.Login{Username: p.Username, Password: p.password}
}

// DemoUser is one of the stack's demo users.
func DemoUser(user outputs.User) *Person {
	return &Person{Username: user.Username, Email: user.Email, password: user.Password, Group: user.Group}
}
