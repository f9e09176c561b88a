package main

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmusers"
)

func TestAnInvitationIsForOnePersonAndForATimeThatMakesSense(t *testing.T) {
	for _, args := range [][]string{{}, {"ada", "bob"}, {"ada", "--link-ttl", "5s"}, {"ada", "--link-ttl", "800h"}} {
		var stderr bytes.Buffer
		require.Equal(t, exitUsage, run(append([]string{"invite"}, args...), io.Discard, &stderr), args)
		require.Contains(t, stderr.String(), "want ")
	}
}

func TestAnInvitationShowsWhatAUserNeedsAndNoMore(t *testing.T) {
	stack := outputs.Stack{MLflow: outputs.MLflow{URL: "https://mlflow.example.com"}}
	var shown bytes.Buffer
	require.NoError(t, printInvitation(&shown, stack, &realmusers.Invitation{Username: "ada", Email: "ada@example.com", Password: "good-for-one-login"}))
	for _, want := range []string{"https://mlflow.example.com\n", "ada\n", "good-for-one-login\n", "Keycloak requires a new one"} {
		require.Contains(t, shown.String(), want)
	}
	shown.Reset()
	require.NoError(t, printInvitation(&shown, stack, &realmusers.Invitation{Username: "ada", Email: "ada@example.com", Until: time.Now()}))
	require.Contains(t, shown.String(), "sent an e-mail to ada@example.com")
	require.NotContains(t, shown.String(), "Password")
	require.NotContains(t, shown.String(), "locked")
	shown.Reset()
	require.NoError(t, printInvitation(&shown, stack, &realmusers.Invitation{Username: "ada", Email: "ada@example.com", Password: "p", Unlocked: 12}))
	require.Contains(t, shown.String(), "ada was locked after 12 wrong passwords; the lock is removed")
}
