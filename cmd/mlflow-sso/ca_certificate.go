package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// asPEM is the format of certificates.
const asPEM format = "pem"

func newCACertificateCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "ca-certificate",
		Short: "Print the CA certificate that clients of a stack must trust",
		Long: `ca-certificate prints the root certificate of the stack's own certificate authority in PEM
(edge.certificates is internal). It is not a secret. Add it to the trusted certificates of
browsers and clients once: it survives a replacement of the edge container.`,
		Example: `  mlflow-sso ca-certificate --stack prod > mlflow-ca.pem
  export MLFLOW_TRACKING_SERVER_CERT_PATH=$PWD/mlflow-ca.pem     # for MLflow's Python client`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the stack has no certificate authority, or it cannot be read"}),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			stack, err := ofStack(cmd.Context(), *which)
			if err != nil {
				return err
			}
			docker, err := engine.Open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, docker.Close()) }()
			authority, err := edgeclient.Authority(cmd.Context(), stack, docker)
			if err != nil {
				return err
			}
			if output == asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"certificate": authority})
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), authority)
			return err
		},
	}
	output.flagOf(command, asPEM, asJSON)
	return command
}
