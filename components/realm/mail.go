package realm

import (
	"strconv"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// implicitTLS is the port at which TLS is spoken from the first byte.
const implicitTLS = 465

// Mail is the server through which Keycloak writes to people.
type Mail struct {
	// Server is where Keycloak's container reaches it.
	Server address.Server
	// From is the sender.
	From string
	// Username and Password log in there; empty and nil where it takes mail without.
	Username string
	Password pulumi.StringInput
}

// server is Keycloak's setting; nil, and no setting, where there is no server.
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
