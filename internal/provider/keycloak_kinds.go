package provider

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/keycloak"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
)

// keycloakKind manages an object that Keycloak creates by itself. Setting it adopts the existing
// object, and deleting it leaves the object unchanged: removing a resource from a program must
// not relax what it restricted.
type keycloakKind struct {
	// of are the inputs that form the ID; empty for a singleton.
	of []resource.PropertyKey
	// needed are the inputs that must not be empty.
	needed []resource.PropertyKey
	// mutable can be changed in place.
	mutable []resource.PropertyKey
	// parts compare and apply the inputs.
	parts func(resource.PropertyMap) []adminrealm.Part
	// merge puts Keycloak's values into inputs that differ.
	merge func(resource.PropertyMap, adminrealm.Difference) error
	// more finds further mistakes; nil if there are none.
	more func(resource.PropertyMap) []plugin.CheckFailure
}

var _ kind = keycloakKind{}

func (keycloakKind) needs() need { return keycloakAdmin }

func (k keycloakKind) check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure) {
	failures := required(inputs, k.needed...)
	if k.more != nil {
		failures = append(failures, k.more(inputs)...)
	}
	return inputs, failures
}

func (k keycloakKind) identity(inputs resource.PropertyMap) string {
	if len(k.of) == 0 {
		return identity.MasterRealm
	}
	id := text(inputs, k.of[0])
	for _, name := range k.of[1:] {
		id += "/" + text(inputs, name)
	}
	return id
}

func (k keycloakKind) inPlace() []resource.PropertyKey { return k.mutable }

func (k keycloakKind) set(ctx context.Context, at target, c change) (resource.PropertyMap, error) {
	_, err := adminrealm.Of(*at.keycloak, k.parts(c.inputs)...).Reconcile(ctx)
	return c.inputs, err
}

func (k keycloakKind) read(ctx context.Context, at target, known recorded) (*recorded, error) {
	found, err := adminrealm.Of(*at.keycloak, k.parts(known.inputs)...).Differences(ctx)
	if admin.IsNotFound(err) {
		return nil, nil // its realm was deleted
	}
	if err != nil {
		return nil, err
	}
	now := known.inputs.Copy()
	for _, d := range found {
		if err := k.merge(now, d); err != nil {
			return nil, fmt.Errorf("%s: %w", d, err)
		}
	}
	return same(now), nil
}

// builtinClients are clients that Keycloak creates in every realm.
var builtinClients = keycloakKind{
	of: []resource.PropertyKey{"realm", "clientId"}, needed: []resource.PropertyKey{"realm", "clientId"}, mutable: []resource.PropertyKey{"enabled"},
	parts: func(inputs resource.PropertyMap) []adminrealm.Part {
		return []adminrealm.Part{adminrealm.BuiltinClient(text(inputs, "realm"), text(inputs, "clientId"), truth(inputs, "enabled"))}
	},
	merge: func(now resource.PropertyMap, _ adminrealm.Difference) error {
		now["enabled"] = resource.NewProperty(!truth(now, "enabled"))
		return nil
	},
}

// clientRoles are the roles of a service account.
var clientRoles = keycloakKind{
	of:      []resource.PropertyKey{"realm", "account", "owner"},
	needed:  []resource.PropertyKey{"realm", "account", "owner", "subject"},
	mutable: []resource.PropertyKey{"roles", "subject"},
	parts: func(inputs resource.PropertyMap) []adminrealm.Part {
		return []adminrealm.Part{adminrealm.ClientRoles(text(inputs, "realm"), text(inputs, "account"), text(inputs, "owner"), texts(inputs, "roles"))}
	},
	merge: func(now resource.PropertyMap, d adminrealm.Difference) error {
		now["roles"] = property(d.Roles())
		return nil
	},
	more: func(inputs resource.PropertyMap) []plugin.CheckFailure {
		if len(texts(inputs, "roles")) == 0 {
			return []plugin.CheckFailure{{Property: "roles", Reason: "is empty, want one role at least"}}
		}
		return nil
	},
}

// passwords are derived passwords of users.
var passwords = keycloakKind{
	of: []resource.PropertyKey{"realm", "username"}, needed: []resource.PropertyKey{"realm", "username", "password", "edition"},
	mutable: []resource.PropertyKey{"password", "edition"},
	parts: func(inputs resource.PropertyMap) []adminrealm.Part {
		return []adminrealm.Part{adminrealm.Password(adminrealm.Credential{
			Realm: text(inputs, "realm"), Username: text(inputs, "username"), Password: text(inputs, "password"), Edition: text(inputs, "edition"),
		})}
	},
	merge: func(now resource.PropertyMap, d adminrealm.Difference) error {
		now["edition"] = resource.NewProperty(d.Got)
		return nil
	},
}

// adminRealm is realm master.
var adminRealm = keycloakKind{parts: adminRealmParts, merge: mergeAdminRealm, more: checkAdminRealm, mutable: adminRealmInputs()}

// settingsTemplate has every setting with a value of its type; the values are examples.
func settingsTemplate() []identity.RealmSetting { return identity.AdminRealmSettings(0, "") }

func adminRealmInputs() []resource.PropertyKey {
	all := []resource.PropertyKey{identity.PermanentAdmin, identity.AdminPassword, identity.TemporaryAdminsExpire, identity.ExpiredAdmins}
	for _, s := range settingsTemplate() {
		all = append(all, resource.PropertyKey(s.Name))
	}
	return all
}

// adminRealmParts apply the settings last: a new address of the realm ends every session.
func adminRealmParts(inputs resource.PropertyMap) []adminrealm.Part {
	permanent := outputs.Login{}
	if truth(inputs, identity.PermanentAdmin) {
		permanent = outputs.Login{Username: keycloak.AdminUsername, Password: text(inputs, identity.AdminPassword)}
	}
	want := settingsTemplate()
	for i := range want {
		want[i].Value = plain(inputs[resource.PropertyKey(want[i].Name)]).Mappable()
		if want[i].Attribute && want[i].Value == "" {
			want[i].Value = nil
		}
	}
	return []adminrealm.Part{adminrealm.Profile(), adminrealm.Admins(permanent), adminrealm.Settings(want)}
}

func mergeAdminRealm(now resource.PropertyMap, d adminrealm.Difference) error {
	switch {
	case slices.ContainsFunc(settingsTemplate(), func(s identity.RealmSetting) bool { return s.Name == d.What }):
		value, err := d.Value()
		if err != nil {
			return err
		}
		if value == nil {
			value = ""
		}
		now[resource.PropertyKey(d.What)] = resource.NewPropertyValue(value)
	case d.IsPermanentAdmin():
		now[identity.PermanentAdmin] = resource.NewProperty(!truth(now, identity.PermanentAdmin))
	case d.Username() != "":
		now[identity.ExpiredAdmins] = property(append(texts(now, identity.ExpiredAdmins), d.Username()))
	default:
		now[identity.TemporaryAdminsExpire] = resource.NewProperty(false)
	}
	return nil
}

// checkAdminRealm requires every setting, of its type, and no other input.
func checkAdminRealm(inputs resource.PropertyMap) (failures []plugin.CheckFailure) {
	known := adminRealmInputs()
	for name := range inputs {
		if !slices.Contains(known, name) && name != "__defaults" && name != "version" {
			failures = append(failures, plugin.CheckFailure{Property: name, Reason: "is no setting of realm master that this provider sets"})
		}
	}
	for _, s := range settingsTemplate() {
		name := resource.PropertyKey(s.Name)
		want := resource.NewPropertyValue(s.Value)
		if s.Attribute {
			want = resource.NewProperty("")
		}
		if got := plain(inputs[name]); reflect.TypeOf(got.V) != reflect.TypeOf(want.V) {
			failures = append(failures, plugin.CheckFailure{Property: name, Reason: fmt.Sprintf("is a %s, want a %s", got.TypeString(), want.TypeString())})
		}
	}
	if truth(inputs, identity.PermanentAdmin) {
		failures = append(failures, required(inputs, identity.AdminPassword)...)
	}
	return failures
}
