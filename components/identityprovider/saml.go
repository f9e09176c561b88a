package identityprovider

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/saml"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// SAML is a SAML 2.0 provider. Its responses come through the browser and are valid only with its
// signature.
type SAML struct {
	// Entity is the provider's entity ID, SignOn the URL for logins.
	Entity, SignOn string
	// Certificates verify its signatures.
	Certificates []string
	// MetadataURL is the address of its metadata.
	MetadataURL string
	// Audience is this stack's entity ID at the provider: the realm's issuer.
	Audience string
	// GroupsAttribute and EmailAttribute are the attributes with a user's groups and address.
	GroupsAttribute, EmailAttribute string
}

// Keycloak's name for the format of a response's subject: only its stability matters.
const persistent = "Persistent"

func (b *builder) saml(p Provider) error {
	made, err := saml.NewIdentityProvider(b.ctx, b.name+"-"+p.Alias, &saml.IdentityProviderArgs{
		Realm:                     b.args.Realm.RealmID,
		Alias:                     pulumi.String(p.Alias),
		DisplayName:               pulumi.String(p.DisplayName),
		ProviderId:                pulumi.String("saml"),
		Enabled:                   pulumi.Bool(true),
		EntityId:                  pulumi.String(p.SAML.Audience),
		SingleSignOnServiceUrl:    pulumi.String(p.SAML.SignOn),
		SigningCertificate:        pulumi.String(strings.Join(p.SAML.Certificates, ",")),
		ValidateSignature:         pulumi.Bool(true),
		WantAssertionsSigned:      pulumi.Bool(true),
		PostBindingAuthnRequest:   pulumi.Bool(true),
		PostBindingResponse:       pulumi.Bool(true),
		NameIdPolicyFormat:        pulumi.String(persistent),
		PrincipalType:             pulumi.String("SUBJECT"),
		FirstBrokerLoginFlowAlias: b.flow,
		TrustEmail:                pulumi.Bool(p.TrustEmail),
		SyncMode:                  pulumi.String("IMPORT"),
		StoreToken:                pulumi.Bool(false),
		ExtraConfig: pulumi.StringMap{
			"idpEntityId": pulumi.String(p.SAML.Entity), "metadataDescriptorUrl": pulumi.String(p.SAML.MetadataURL),
		},
	}, b.args.Realm.Options(b.component)...)
	if err != nil {
		return err
	}
	mapper := b.mapperOf(p.Alias, made.Alias, made)
	if err := mapper(usernames, "saml-username-idp-mapper", map[string]string{
		"syncMode": "IMPORT", "target": "LOCAL", "template": "${ALIAS}.${ATTRIBUTE." + p.SAML.EmailAttribute + "}",
	}); err != nil {
		return err
	}
	// Unlike a token, a response has no standard field for the address: it is one of the
	// attributes.
	if err := mapper(addresses, "saml-user-attribute-idp-mapper", map[string]string{
		"syncMode": "IMPORT", "attribute.name": p.SAML.EmailAttribute, "user.attribute": "email",
	}); err != nil {
		return err
	}
	for _, theirs := range slices.Sorted(maps.Keys(p.Groups)) {
		attributes, err := json.Marshal([]map[string]string{{"key": p.SAML.GroupsAttribute, "value": theirs}})
		if err != nil {
			return err
		}
		if err := mapper(theirs, "saml-advanced-group-idp-mapper", map[string]string{
			"syncMode": "FORCE", "attributes": string(attributes), "are.attribute.values.regex": "false", "group": "/" + p.Groups[theirs],
		}); err != nil {
			return err
		}
	}
	return nil
}
