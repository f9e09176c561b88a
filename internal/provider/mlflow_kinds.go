package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessclient"
)

// ofMLflow is embedded by the kinds that MLflow stores.
type ofMLflow struct{}

func (ofMLflow) needs() need { return mlflowAdmin }

// accessAdmins is the access admin's own account. Its input is the `sub` of its client's service
// account: if Keycloak has recreated that, the account is linked again.
type accessAdmins struct{ ofMLflow }

func (accessAdmins) check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure) {
	return inputs, required(inputs, "subject")
}

func (accessAdmins) identity(resource.PropertyMap) string { return "steward" }

func (accessAdmins) inPlace() []resource.PropertyKey { return []resource.PropertyKey{"subject"} }

func (accessAdmins) set(ctx context.Context, at target, c change) (resource.PropertyMap, error) {
	_, _, err := at.mlflow.LinkIdentity(ctx)
	return c.inputs, err
}

func (accessAdmins) read(ctx context.Context, at target, known recorded) (*recorded, error) {
	if bound, err := at.mlflow.IsLinked(ctx); err != nil || !bound {
		return nil, err
	}
	return same(known.inputs), nil
}

func (accessAdmins) remove(ctx context.Context, at target, _ resource.PropertyMap) error {
	return at.mlflow.UnlinkIdentity(ctx)
}

// accounts are service accounts. The plugin never changes an account's display name, so that
// alone is not a difference.
type accounts struct{ ofMLflow }

func (accounts) check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure) {
	failures := required(inputs, "username", "subject")
	if name := text(inputs, "username"); name != strings.ToLower(name) {
		failures = append(failures, plugin.CheckFailure{Property: "username", Reason: fmt.Sprintf("is %q, want lower-case letters: MLflow keeps it so", name)})
	}
	checked := inputs.Copy()
	checked["admin"] = resource.NewProperty(truth(inputs, "admin"))
	// An administrator may deactivate an account manually.
	checked["active"] = resource.NewProperty(true)
	return checked, failures
}

func (accounts) identity(inputs resource.PropertyMap) string { return text(inputs, "username") }

func (accounts) inPlace() []resource.PropertyKey {
	return []resource.PropertyKey{"subject", "admin", "active", "displayName"}
}

func (accounts) set(ctx context.Context, at target, c change) (resource.PropertyMap, error) {
	_, err := at.mlflow.SetAccount(ctx, accessclient.Account{
		Username: text(c.inputs, "username"), Subject: text(c.inputs, "subject"), Admin: truth(c.inputs, "admin"), DisplayName: text(c.inputs, "displayName"),
	})
	return c.inputs, err
}

func (accounts) read(ctx context.Context, at target, known recorded) (*recorded, error) {
	found, err := at.mlflow.Account(ctx, text(known.inputs, "username"))
	if err != nil || found == nil {
		return nil, err
	}
	now := known.inputs.Copy()
	now["subject"] = resource.NewProperty(found.Subject)
	now["admin"] = resource.NewProperty(found.Admin)
	now["active"] = resource.NewProperty(found.Active)
	return same(now), nil
}

func (accounts) remove(ctx context.Context, at target, inputs resource.PropertyMap) error {
	return at.mlflow.RemoveAccount(ctx, text(inputs, "username"))
}

// grants are access rules. Exactly one of group, user and serviceAccount is set: MLflow's name of
// the subject.
type grants struct{ ofMLflow }

var subjects = []accessrule.Subject{accessrule.Group, accessrule.User, accessrule.ServiceAccount}

func ruleOf(inputs resource.PropertyMap) (r accessrule.Rule) {
	r = accessrule.Rule{
		Kind: accessrule.Kind(text(inputs, "kind")), Pattern: accessrule.Pattern(text(inputs, "pattern")),
		Permission: text(inputs, "permission"), Future: truth(inputs, "future"),
	}
	for _, who := range subjects {
		if name := text(inputs, resource.PropertyKey(who)); name != "" {
			r.Who, r.Name = who, name
		}
	}
	return r
}

func (grants) check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure) {
	var failures []plugin.CheckFailure
	fail := func(property resource.PropertyKey, format string, args ...any) {
		failures = append(failures, plugin.CheckFailure{Property: property, Reason: fmt.Sprintf(format, args...)})
	}
	named := 0
	for _, who := range subjects {
		if text(inputs, resource.PropertyKey(who)) != "" {
			named++
		}
	}
	r := ruleOf(inputs)
	if named != 1 {
		fail("group", "%d of group, user and serviceAccount are set, want one", named)
	}
	if !slices.Contains(accessrule.Kinds(), r.Kind) {
		fail("kind", "is %q, want one of %v", r.Kind, accessrule.Kinds())
	}
	if !slices.Contains(accessrule.Permissions(), r.Permission) {
		fail("permission", "is %q, want one of %s", r.Permission, strings.Join(accessrule.Permissions(), ", "))
	}
	checked := inputs.Copy()
	if _, err := accessrule.Parse(string(r.Pattern)); err != nil {
		fail("pattern", "%v", err)
	} else {
		checked["priority"] = resource.NewProperty(float64(r.Pattern.Priority()))
	}
	return checked, failures
}

func (grants) identity(inputs resource.PropertyMap) string { return ruleOf(inputs).Key() }

func (grants) inPlace() []resource.PropertyKey {
	return []resource.PropertyKey{"permission", "priority", "future"}
}

func (grants) set(ctx context.Context, at target, c change) (resource.PropertyMap, error) {
	_, err := at.mlflow.SetGrant(ctx, ruleOf(c.inputs))
	return c.inputs, err
}

func (grants) read(ctx context.Context, at target, known recorded) (*recorded, error) {
	found, err := at.mlflow.FindGrant(ctx, ruleOf(known.inputs))
	if err != nil || found == nil {
		return nil, err
	}
	now := known.inputs.Copy()
	now["permission"] = resource.NewProperty(found.Permission)
	now["priority"] = resource.NewProperty(float64(found.Priority))
	return same(now), nil
}

func (grants) remove(ctx context.Context, at target, inputs resource.PropertyMap) error {
	return at.mlflow.RemoveGrant(ctx, ruleOf(inputs))
}

func required(inputs resource.PropertyMap, names ...resource.PropertyKey) (failures []plugin.CheckFailure) {
	for _, name := range names {
		if text(inputs, name) == "" {
			failures = append(failures, plugin.CheckFailure{Property: name, Reason: "is missing, want a text"})
		}
	}
	return failures
}
