package identityprovider

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/saml"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// SAML is a provider that speaks SAML 2.0. Its answers come by the browser and count
// for nothing without its signature.
type SAML struct {
	// Entity is the provider's name, SignOn where a browser is sent.
	Entity, SignOn string
	// Certificates are those of its signatures.
	Certificates []string
	// MetadataURL is where it publishes all this.
	MetadataURL string
	// Audience is what the provider calls this stack: the realm's issuer.
	Audience string
	// GroupsAttribute and EmailAttribute are what is read of a person.
	GroupsAttribute, EmailAttribute string
}

// How Keycloak writes what an answer's subject is: nothing is read of it but that it
// stays the same.
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
	// An answer has no address of its own, as a token has: it is one of the attributes.
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
