package security

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// services are attacks with well-known passwords, or without one.
func (c *suite) services() []attack {
	return []attack{
		{
			name: "default-passwords", tries: "the default passwords from MLflow's and Keycloak's documentation",
			control: "MLflow accepts a personal token, and Keycloak a correct password", defence: "every password is derived from the root secret",
			next: "change that password at once", run: c.defaultPasswords,
		},
		{
			name: "password-grant", tries: "a user name and a password at Keycloak's token endpoint, where no form slows a script down, as `admin-cli` and as every enabled public client of the realm",
			control: "the same user name and password log in at the form; `account-console` is among the clients", defence: "the realm's client `admin-cli` is disabled, and no other client has direct access grants",
			next: "`mlflow-sso up --refresh` shuts it", run: c.passwordGrants,
		},
		{
			name: "redis-without-password", tries: "Redis from the data network, without a password and with common ones",
			control: "Redis accepts its own password there", defence: "`requirepass`, with a derived password",
			next: "docker restart {redis}", run: func(ctx context.Context) (string, error) {
				return c.knock(ctx, "redis", "NOAUTH", "Authentication required", "WRONGPASS", "invalid username-password", "invalid password")
			},
		},
		{
			name: "postgres-without-password", tries: "Postgres from the data network, as each role and as the superuser, without a password and with common ones",
			control: "Postgres accepts MLflow's own password there", defence: "`pg_hba.conf`: SCRAM for each role on its own database, no access for the superuser",
			next: "check images/postgres/pg_hba.conf and the roles' passwords", run: func(ctx context.Context) (string, error) {
				return c.knock(ctx, "postgres", "no password supplied", "password authentication failed", "pg_hba.conf", "role")
			},
		},
	}
}

func (c *suite) defaultPasswords(ctx context.Context) (string, error) {
	return c.visit.CheckDefaultPasswords(ctx)
}

// probeResult is one result of the probe.
type probeResult struct{ Who, Answer string }

// knock connects to a service from MLflow's container without its password. An error other than a
// missing password proves nothing.
func (c *suite) knock(ctx context.Context, service string, refusals ...string) (string, error) {
	var all []probeResult
	if err := c.inMLflow(ctx, probe.DefaultCredentials, "", &all, service); err != nil {
		return "", check.NotRun(fmt.Errorf("connect to %s from %s: %w", service, c.stack.MLflow.Container, err))
	}
	return judgeKnocks(service, all, refusals)
}

func judgeKnocks(service string, all []probeResult, refusals []string) (string, error) {
	proper, refused, in := false, 0, []string{}
	var strange error
	for _, k := range all {
		switch {
		case k.Who == "proper":
			proper = k.Answer == "in"
		case k.Answer == "in":
			in = append(in, k.Who)
		case !slices.ContainsFunc(refusals, func(words string) bool { return strings.Contains(k.Answer, words) }):
			strange = fmt.Errorf("%s answers %q to %s, which is not a refusal", service, k.Answer, k.Who)
		default:
			refused++
		}
	}
	switch {
	case len(in) > 0:
		return "", check.Mismatch(fmt.Sprintf("%s accepts %s", service, strings.Join(in, ", ")), "a refusal")
	case strange != nil:
		return "", check.NotRun(strange)
	case !proper:
		return "", check.NotRun(errors.New(service + " does not take its own password"))
	case refused == 0:
		return "", check.NotRun(errors.New("no connection was tried to " + service))
	}
	return fmt.Sprintf("%s refuses %d attempts and takes its own password", service, refused), nil
}
