package redis

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// External is an external server.
type External struct {
	// Address is the server's address for containers.
	Address address.Server
	// Password is the password of the user default.
	Password string
	// Prefix is the prefix of every key, so that stacks on one server do not share permission
	// decisions.
	Prefix string
}

// Validate reports every mistake at once. Errors do not repeat the password.
func (e External) Validate() error {
	var m argcheck.List
	if err := e.Address.CheckExternal(); err != nil {
		m.Require(false, "Address: %v", err)
	}
	m.Require(e.Password != "", "Password is empty, want one")
	m.Require(e.Prefix != "", `Prefix is "", want one that no other stack at this server has`)
	return m.Err()
}

// Connect returns the connection to the cache.
func (e External) Connect() (Endpoint, error) {
	if err := e.Validate(); err != nil {
		return Endpoint{}, fmt.Errorf("external redis: %w", err)
	}
	return Endpoint{
		Address:  e.Address,
		Password: pulumi.ToSecret(pulumi.String(e.Password)).(pulumi.StringOutput),
		Prefix:   e.Prefix,
	}, nil
}

// URL returns the address in redis-py's format, in plain text.
func (e External) URL() string { return location(e.Address, e.Password) }
