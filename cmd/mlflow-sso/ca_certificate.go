package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

func newCACertificateCommand(ofStack outputsOf) *cobra.Command {
	var which stackFlags
	command := &cobra.Command{
		Use:   "certificate",
		Short: "Print the certificate that clients of a stack have to trust",
		Long: `certificate prints, in PEM, the root certificate of the stack's own authority
(edge.certificates is internal). It is no secret. Browsers and clients that shall reach the
stack are told to trust it, once: a new container of the edge keeps the authority.`,
		Example: `  mlflow-sso certificate --stack prod > mlflow-ca.pem
  export MLFLOW_TRACKING_SERVER_CERT_PATH=$PWD/mlflow-ca.pem     # for MLflow's Python client`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			told, err := ofStack(cmd.Context(), which)
			if err != nil {
				return err
			}
			docker, err := engine.Open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, docker.Close()) }()
			authority, err := edgeclient.Authority(cmd.Context(), told, docker)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), authority)
			return err
		},
	}
	which.flags(command.Flags())
	return command
}
