package realm

import (
	"strconv"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// implicitTLS is the port for TLS without STARTTLS.
const implicitTLS = 465

// Mail is the SMTP server that Keycloak uses.
type Mail struct {
	// Server is its address for Keycloak's container.
	Server address.Server
	// From is the sender.
	From string
	// Username and Password authenticate there; empty and nil if the server needs no login.
	Username string
	Password pulumi.StringInput
}

// server returns Keycloak's setting; nil without a server.
func (m *Mail) server() keycloak.RealmSmtpServerPtrInput {
	if m == nil {
		return nil
	}
	args := &keycloak.RealmSmtpServerArgs{
		Host:            pulumi.String(m.Server.Host),
		Port:            pulumi.String(strconv.Itoa(m.Server.Port)),
		From:            pulumi.String(m.From),
		FromDisplayName: pulumi.String("MLflow"),
		Ssl:             pulumi.Bool(m.Server.TLS && m.Server.Port == implicitTLS),
		Starttls:        pulumi.Bool(m.Server.TLS && m.Server.Port != implicitTLS),
	}
	if m.Username != "" {
		args.Auth = &keycloak.RealmSmtpServerAuthArgs{
			Username: pulumi.String(m.Username), Password: pulumi.ToSecret(m.Password).(pulumi.StringOutput),
		}
	}
	return args
}

func (a *Args) confirms() pulumi.BoolPtrInput {
	if !a.ConfirmsEmail {
		return nil
	}
	return pulumi.Bool(true)
}
