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

// checkNew refuses a new rule whose pattern matches no existing object, which is usually a typing
// error. It skips rules for future objects, and stacks whose MLflow is not running yet.
func (grants) checkNew(ctx context.Context, connect func(context.Context) (target, error), inputs resource.PropertyMap) ([]plugin.CheckFailure, error) {
	r := ruleOf(inputs)
	if r.Future {
		return nil, nil
	}
	at, err := connect(ctx)
	var names []string
	if err == nil {
		names, err = at.mlflow.Names(ctx, r.Kind)
	}
	if errors.Is(err, accessclient.ErrAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("unknown whether it matches anything: %w", err)
	}
	if slices.ContainsFunc(names, r.Pattern.Matches) {
		return nil, nil
	}
	return []plugin.CheckFailure{{Property: "pattern", Reason: fmt.Sprintf(
		"%s %q of %s %s match nothing that MLflow has (%d there): correct it, or say `future: true` in that rule", r.Kind.Plural(), r.Pattern, r.Who, r.Name, len(names),
	)}}, nil
}
