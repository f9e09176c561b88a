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

// services are attacks with passwords that everybody knows, or with none.
func (c *suite) services() []attack {
	return []attack{
		{
			name: "default-passwords", tries: "the passwords that MLflow's and Keycloak's manuals come with",
			control: "a personal token at MLflow, and a proper password at Keycloak, are taken", defence: "every password is derived from the root secret",
			next: "change that password at once", run: c.defaultPasswords,
		},
		{
			name: "password-grant", tries: "a name and a password at Keycloak's token endpoint, where there is no form to slow a machine down, as `admin-cli` and as every client of the realm that is enabled and public",
			control: "the same name and password log in by the form; `account-console` is among the clients", defence: "the client `admin-cli` of the realm is shut, and no other has direct access grants",
			next: "`mlflow-sso up --refresh` shuts it", run: c.passwordGrants,
		},
		{
			name: "redis-without-password", tries: "Redis from the data network, without a password and with usual ones",
			control: "its own password is taken there", defence: "`requirepass`, in the environment of {redis} alone",
			next: "docker restart {redis}", run: func(ctx context.Context) (string, error) {
				return c.knock(ctx, "redis", "NOAUTH", "Authentication required", "WRONGPASS", "invalid username-password", "invalid password")
			},
		},
		{
			name: "postgres-without-password", tries: "Postgres from the data network, as each role and as the superuser, without a password and with usual ones",
			control: "MLflow's own password is taken there", defence: "`pg_hba.conf`: SCRAM for each role at its own database, nothing for the superuser",
			next: "check images/postgres/pg_hba.conf and the roles' passwords", run: func(ctx context.Context) (string, error) {
				return c.knock(ctx, "postgres", "no password supplied", "password authentication failed", "pg_hba.conf", "role")
			},
		},
	}
}

func (c *suite) defaultPasswords(ctx context.Context) (string, error) {
	return c.visit.CheckDefaultPasswords(ctx)
}

// probeResult is one answer of the script.
type probeResult struct{ Who, Answer string }

// knock lets MLflow's container ask a service without its password. What is no
// refusal for want of a password proves nothing.
func (c *suite) knock(ctx context.Context, service string, refusals ...string) (string, error) {
	var all []probeResult
	if err := c.inMLflow(ctx, probe.DefaultCredentials, "", &all, service); err != nil {
		return "", check.NotRun(fmt.Errorf("ask %s from %s: %w", service, c.stack.MLflow.Container, err))
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
			strange = fmt.Errorf("%s says %q to %s, which is no refusal", service, k.Answer, k.Who)
		default:
			refused++
		}
	}
	switch {
	case len(in) > 0:
		return "", check.Mismatch(fmt.Sprintf("%s lets in %s", service, strings.Join(in, ", ")), "a refusal")
	case strange != nil:
		return "", check.NotRun(strange)
	case !proper:
		return "", check.NotRun(errors.New(service + " does not take its own password"))
	case refused == 0:
		return "", check.NotRun(errors.New("nobody knocked at " + service))
	}
	return fmt.Sprintf("%s refuses %d attempts and takes its own password", service, refused), nil
}
