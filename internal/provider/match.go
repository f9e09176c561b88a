package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessclient"
)

// mustMatch refuses a new rule whose pattern matches nothing that there is, which
// mostly is a slip of the pen. It is not for a rule that says it is for the future,
// and not for a stack whose MLflow does not run yet.
func (s *server) mustMatch(ctx context.Context, urn resource.URN, inputs resource.PropertyMap) []plugin.CheckFailure {
	r := ruleOf(inputs)
	if r.Future {
		return nil
	}
	if !s.configured() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	at, err := s.connected(ctx, grants{})
	var names []string
	if err == nil {
		names, err = at.mlflow.Names(ctx, r.Kind)
	}
	if errors.Is(err, accessclient.ErrAbsent) {
		return nil
	}
	if err != nil {
		s.warn(ctx, urn, fmt.Sprintf("not known whether it matches anything: %v", err))
		return nil
	}
	if slices.ContainsFunc(names, r.Pattern.Matches) {
		return nil
	}
	return []plugin.CheckFailure{{Property: "pattern", Reason: fmt.Sprintf(
		"%s %q of %s %s match nothing that MLflow has (%d there): correct it, or say `future: true` in that rule", r.Kind.Plural(), r.Pattern, r.Who, r.Name, len(names),
	)}}
}
