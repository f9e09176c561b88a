package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
)

func TestAServiceAccountIsReadWithItsDefaultsAndItsSecretCanBeRotated(t *testing.T) {
	values := localhost()
	values["mlflow-sso:serviceAccounts"] = `[{"name":"ci","groups":["mlflow-users"]},{"name":"boss","groups":["mlflow-admins"],"admin":true,"tokenMinutes":1},{"name":"lone"}]`
	values["mlflow-sso:credentials"] = `{"generations":{"service-account/ci":3}}`

	c, err := parse(values)

	require.NoError(t, err)
	require.Equal(t, []ServiceAccount{
		{Name: "ci", Groups: []string{"mlflow-users"}, TokenMinutes: 10},
		{Name: "boss", Groups: []string{"mlflow-admins"}, Admin: true, TokenMinutes: 1},
		{Name: "lone", TokenMinutes: 10},
	}, c.ServiceAccounts)
	require.Equal(t, 3, c.Credentials.Generations[credentials.ServiceAccount("ci")])
}
