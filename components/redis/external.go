package redis

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// External is a server that is not the stack's.
type External struct {
	// Address is where containers reach it.
	Address address.Server
	// Password is that of the user default.
	Password string
	// Prefix begins every key. Another stack's decisions about the same person must
	// not be taken for this one's.
	Prefix string
}

// Validate reports every mistake in it at once. The password is not repeated.
func (e External) Validate() error {
	var m argcheck.List
	if err := e.Address.CheckExternal(); err != nil {
		m.Require(false, "Address: %v", err)
	}
	m.Require(e.Password != "", "Password is empty, want one")
	m.Require(e.Prefix != "", `Prefix is "", want one that no other stack at this server has`)
	return m.Err()
}

// Connect hands on the cache.
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

// URL is the address in the form that redis-py reads, in clear.
func (e External) URL() string { return location(e.Address, e.Password) }
