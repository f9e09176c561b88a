package postgres

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// External is an external server. Its operator has created the databases and their roles; this
// program creates, changes and removes nothing there.
type External struct {
	// Address is the server's address for containers.
	Address address.Server
	// Prefix is the prefix of each database's name and of its role's, which is the same.
	Prefix string
	// Passwords maps each database, without the prefix, to its role's password.
	Passwords map[string]string
}

// Validate reports every mistake at once. Errors repeat no password.
func (e External) Validate() error {
	var m argcheck.List
	if err := e.Address.CheckExternal(); err != nil {
		m.Require(false, "Address: %v", err)
	}
	m.Require(e.Prefix == "" || namePattern.MatchString(e.Prefix), "Prefix is %q, want lower-case letters, digits and underscores", e.Prefix)
	m.Require(len(e.Passwords) > 0, "Passwords is empty, want at least one database")
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(e.Passwords)) {
		password := e.Passwords[name]
		m.Require(namePattern.MatchString(name), "Passwords has %q, want lower-case letters, digits and underscores", name)
		m.Require(password != "", "Passwords[%s] is empty, want a password", name)
		m.Require(owner[password] == "", "Passwords[%s] is that of %s too, want another: each service can open only its own database", name, owner[password])
		owner[password] = name
	}
	return m.Err()
}

// Connect returns the databases by their names without the prefix. If the settings are invalid,
// there are none.
func (e External) Connect() (map[string]Database, error) {
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("external postgres: %w", err)
	}
	databases := map[string]Database{}
	for name, password := range e.Passwords {
		databases[name] = Database{
			Address:    e.Address,
			Name:       e.Prefix + name,
			Password:   pulumi.ToSecret(pulumi.String(password)).(pulumi.StringOutput),
			Parameters: e.parameters(),
		}
	}
	return databases, nil
}

// URI returns the connection string of a database, in plain text.
func (e External) URI(name string) string {
	return uri(e.Address, e.Prefix+name, e.Passwords[name], e.parameters())
}

// parameters sets what a client's defaults leave open: those encrypt only if the server offers
// it, and accept any certificate.
func (e External) parameters() string {
	if !e.Address.TLS {
		return "sslmode=disable"
	}
	return "sslmode=verify-full&sslrootcert=" + address.Authorities
}
