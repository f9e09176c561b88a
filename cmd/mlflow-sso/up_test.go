package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
)

func TestUpVerifiesUnlessTheSettingsWantNoProof(t *testing.T) {
	dev, err := os.ReadFile(filepath.Join("..", "..", "Pulumi.dev.yaml"))
	require.NoError(t, err)
	for mode, want := range map[string]bool{loginproof.OnChange: true, loginproof.Always: true, loginproof.Never: false} {
		file := filepath.Join(t.TempDir(), "Pulumi.lab.yaml")
		require.NoError(t, os.WriteFile(file, append(dev, "  mlflow-sso:proof: "+mode+"\n"...), 0o600))
		got, err := proofWanted(stackFlags{name: "lab", file: file})
		require.NoError(t, err)
		require.Equal(t, want, got, mode)
	}
	_, err = proofWanted(stackFlags{name: "lab", file: "absent.yaml"})
	require.Error(t, err)
}
