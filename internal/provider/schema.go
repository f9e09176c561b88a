package provider

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/mlflow-sso/mlflow-sso/components/backup"
	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/components/permissions"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// field is a property in Pulumi's schema language.
type field map[string]any

func textField(description string) field { return field{"type": "string", "description": description} }

func secretField(description string) field {
	return field{"type": "string", "secret": true, "description": description}
}

func switchField(description string) field {
	return field{"type": "boolean", "description": description}
}

func numberField(description string) field {
	return field{"type": "integer", "description": description}
}

// previousField are previous values by their versions.
func previousField() field {
	return field{"type": "object", "additionalProperties": field{"type": "string"}, "secret": true, "description": "The earlier values by their versions."}
}

func listField(description string) field {
	return field{"type": "array", "items": field{"type": "string"}, "description": description}
}

func secretListField(description string) field {
	return field{"type": "array", "items": field{"type": "string"}, "secret": true, "description": description}
}

// object is a resource or the provider in that language. Its inputs are also its outputs.
func object(description string, inputs map[string]field, optional ...string) map[string]any {
	var needed []string
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		if !slices.Contains(optional, name) {
			needed = append(needed, name)
		}
	}
	return map[string]any{"description": description, "inputProperties": inputs, "requiredInputs": needed, "properties": inputs, "required": needed}
}

// schemaOf returns the resources by their types.
func schemaOf() map[string]map[string]any {
	const realmName = "Name of the realm."
	return map[string]map[string]any{
		permissions.AccessAdminType: object("The access admin's own account in MLflow.", map[string]field{
			"subject": textField("The `sub` of its service account."),
		}),
		permissions.ServiceAccountType: object("A service account in MLflow.", map[string]field{
			"username": textField("Its user name at Keycloak and MLflow."), "subject": textField("The `sub` of its tokens."),
			"admin": switchField("Whether it administers MLflow."), "active": switchField("Whether it may be used; always set."),
			"displayName": textField("The name that is shown."), "by": textField("The access admin that creates it."),
		}, "active", "displayName", "by"),
		permissions.GrantType: object("A permission in MLflow, for one of group, user and serviceAccount.", map[string]field{
			"group": textField("Name of a group."), "user": textField("Name of a user."), "serviceAccount": textField("Name of a service account."),
			"kind": textField("What is permitted: experiments, models or prompts."), "pattern": textField("Which of them."),
			"permission": textField("The permission in MLflow."), "future": switchField("Whether nothing has to match yet."),
			"priority": numberField("Computed from the pattern: the narrower one decides."),
			"by":       textField("The access admin that creates it."),
		}, "group", "user", "serviceAccount", "future", "priority", "by"),
		identity.AdminRealmType: adminRealmSchema(),
		loginproof.TypeToken:    loginProofSchema(),
		mlflow.EncryptionKeyType: object("A key that encrypts secrets in MLflow's database. Creating or updating it encrypts them with the current value.", map[string]field{
			mlflow.KeyContainer: textField("Name of MLflow's container."), mlflow.KeyLabel: textField("The credential: mlflow/gateway-key or mlflow/webhook-key."),
			mlflow.KeyVersion: textField("Which root secret and generation the value is of."), mlflow.KeyValue: secretField("The current value."),
			mlflow.KeyPrevious: previousField(),
		}),
		backup.RepositoryKeyType: object("What opens the repository of snapshots, and the encrypted copy of the root secret that a snapshot has.", map[string]field{
			backup.KeyContainer: textField("Name of the backup container."), backup.KeyVersion: textField("Which root secret and generation the value is of."),
			backup.KeyValue: secretField("The current key, which the container has."), backup.KeyPrevious: previousField(),
			backup.KeyRootSecret:       secretField("The root secret, in base64."),
			backup.KeyPassphraseFile:   textField("File with the recovery passphrase, on the machine that runs Pulumi."),
			backup.KeyPassphraseDigest: secretField("Another one with another passphrase or root secret."),
			backup.KeyRecoverable:      switchField("Whether the passphrase opens the repository and the copy of the root secret; always set."),
		}, backup.KeyRecoverable),
		identity.BuiltinClientType: object("A client that Keycloak creates in every realm.", map[string]field{
			"realm": textField(realmName), "clientId": textField("Its client ID."),
			"enabled": switchField("Whether the client accepts logins. A missing client counts as disabled."),
		}),
		identity.ClientRolesType: object("All roles of a client's service account that belong to another client.", map[string]field{
			"realm": textField(realmName), "account": textField("ID of the client with the service account."),
			"subject": textField("ID of the service account itself."),
			"owner":   textField("ID of the client to which the roles belong."), "roles": listField("Names of the roles, and of no more."),
		}),
		identity.PasswordType: object("A user's derived password, set when its edition changes.", map[string]field{
			"realm": textField(realmName), "username": textField("Name of the user."), "password": secretField("The password."),
			"edition": textField("Which root secret and generation the password is of."),
		}),
		identity.GroupMembersType: object("A group that has listed members and service accounts, and no other ones.", map[string]field{
			"realm": textField(realmName), "group": textField("Name of the group."), "members": listField("User names of those who may be in it."),
			identity.UnlistedMembers: listField("Unlisted members: none, once they are removed."),
		}),
		identity.ClientSecretType: object("The secret of a service account in realm master, which it sets as that account itself.", map[string]field{
			"clientId": textField("ID of the account's client."), "secret": secretField("The current secret."),
			"previous": secretListField("All known previous ones."),
			"edition":  textField("Which root secret and generation the secret is of."),
		}),
	}
}

// loginProofSchema has an output that is not an input, and no inputs among the outputs.
func loginProofSchema() map[string]any {
	digests := field{"type": "object", "additionalProperties": field{"type": "string"}, "secret": true}
	described := func(description string) field {
		f := maps.Clone(digests)
		f["description"] = description
		return f
	}
	schema := object("The proof that the logins of a stack work: creating or updating it runs the checks of `mlflow-sso verify`.", map[string]field{
		loginproof.Mode:     textField("When an update runs them: onChange or always."),
		loginproof.Outputs:  secretField("The stack's outputs, as JSON."),
		loginproof.Triggers: described("Digests by what they are of: with another one the proof is outdated."),
	})
	schema["properties"] = map[string]field{loginproof.Proved: described("The triggers of the last proof; none where it failed or was left out.")}
	schema["required"] = []string{loginproof.Proved}
	return schema
}

func adminRealmSchema() map[string]any {
	inputs := map[string]field{
		identity.PermanentAdmin:        switchField("Whether user admin may log in at any time."),
		identity.AdminPassword:         secretField("First password of user admin."),
		identity.TemporaryAdminsExpire: switchField("Whether the user profile keeps the end of a temporary administrator's time."),
		identity.ExpiredAdmins:         listField("Temporary administrators whose time is over; none, once they are deleted."),
	}
	for _, s := range settingsTemplate() {
		description := "Keycloak's setting of that name."
		switch s.Value.(type) {
		case bool:
			inputs[s.Name] = switchField(description)
		case int:
			inputs[s.Name] = numberField(description)
		case []string:
			inputs[s.Name] = listField(description)
		default:
			inputs[s.Name] = textField(description)
		}
	}
	return object("Realm master, in which Keycloak's administrators are.", inputs, identity.AdminPassword)
}

// GetSchema describes the provider and every type.
func (s *server) GetSchema(context.Context, plugin.GetSchemaRequest) (plugin.GetSchemaResponse, error) {
	config := map[string]field{
		"url":       textField("Where Keycloak's admin API answers; for resources inside Keycloak."),
		"container": textField("Name of a container; for resources inside MLflow, or managed by a program in a container."),
		"clientId":  textField("Client of the service account; none for a provider that logs in nowhere."), "clientSecret": secretField("The client's secret."),
	}
	schema, err := json.Marshal(map[string]any{
		"name": pulumiplugin.Name, "version": pulumiplugin.Version,
		"description": "What an MLflow stack with single sign-on needs inside MLflow and Keycloak, and no other provider manages.",
		"provider":    object("For one Keycloak or one container.", config, "url", "container", "clientId", "clientSecret"),
		"resources":   schemaOf(),
	})
	return plugin.GetSchemaResponse{Schema: schema}, err
}
