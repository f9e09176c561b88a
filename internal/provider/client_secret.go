package provider

import (
	"context"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/clientsecret"
)

// refusedEdition is the version of a secret that Keycloak does not accept.
const refusedEdition = "refused by Keycloak"

// clientSecrets are secrets of service accounts in realm master. They log in by themselves, since a
// provider configured with such a secret could not rotate it.
type clientSecrets struct{}

var _ kind = clientSecrets{}

func (clientSecrets) check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure) {
	return inputs, required(inputs, "clientId", "secret", "edition")
}

func (clientSecrets) identity(inputs resource.PropertyMap) string {
	return identity.MasterRealm + "/" + text(inputs, "clientId")
}

func (clientSecrets) inPlace() []resource.PropertyKey {
	return []resource.PropertyKey{"secret", "previous", "edition"}
}

func (clientSecrets) needs() need { return keycloakAddress }

// set tries the secret of the state before the derived ones: its generation may have been lowered.
func (clientSecrets) set(ctx context.Context, at target, c change) (resource.PropertyMap, error) {
	previous := append([]string{text(c.before.inputs, "secret")}, texts(c.inputs, "previous")...)
	rotated, err := clientIn(at, c.inputs).Set(ctx, text(c.inputs, "secret"), previous)
	if err != nil {
		return nil, err
	}
	if rotated {
		at.say("Keycloak accepts the secret of edition " + text(c.inputs, "edition") + ", and the earlier one no longer")
	}
	return c.inputs, nil
}

// read does not compare secrets: it reports whether Keycloak accepts the one in the state.
func (clientSecrets) read(ctx context.Context, at target, known recorded) (*recorded, error) {
	accepted, err := clientIn(at, known.inputs).Accepts(ctx, text(known.inputs, "secret"))
	if err != nil || accepted {
		return &known, err
	}
	now := known.inputs.Copy()
	now["edition"] = resource.NewProperty(refusedEdition)
	return same(now), nil
}

func clientIn(at target, inputs resource.PropertyMap) clientsecret.Client {
	return clientsecret.Client{AdminURL: at.keycloak.AdminURL, ID: text(inputs, "clientId")}
}
