package reconcile

import (
	"context"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmusers"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// Invitations invites the listed users without a password. If Keycloak cannot send mail, it lists
// them. A mail has no state, so this is not a resource.
func Invitations(ctx context.Context, s *stack.Stack, step stack.Step) error {
	if len(s.Config.Users) == 0 {
		return nil
	}
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	in, err := realmusers.Open(ctx, deployed)
	if err != nil {
		return err
	}
	return invite(ctx, s, step, in)
}

func invite(ctx context.Context, s *stack.Stack, step stack.Step, in *realmusers.Realm) error {
	var usernames []string
	for _, p := range s.Config.Users {
		usernames = append(usernames, p.Username)
	}
	waiting, err := in.NeedInvitation(ctx, usernames)
	if err != nil || len(waiting) == 0 {
		return err
	}
	if s.Config.Realm.Mail == nil {
		note(s, step, "no password yet: "+strings.Join(waiting, ", ")+" (`mlflow-sso invite NAME` gives one)")
		return nil
	}
	for _, username := range waiting {
		if _, err := in.Invite(ctx, username, realmusers.LinkLifetime, false); err != nil {
			return err
		}
		note(s, step, username+" was written to, to set a password")
	}
	return nil
}

// UnlistedMembers returns members of managed groups whom the settings do not list.
func UnlistedMembers(ctx context.Context, s *stack.Stack) ([]check.Finding, error) {
	if len(s.Config.Realm.ManagedGroups) == 0 {
		return nil, nil
	}
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	return unlistedMembers(ctx, s, deployed)
}

func unlistedMembers(ctx context.Context, s *stack.Stack, deployed outputs.Stack) ([]check.Finding, error) {
	if len(s.Config.Realm.ManagedGroups) == 0 {
		return nil, nil
	}
	in, err := realmusers.Open(ctx, deployed)
	if err != nil {
		return nil, err
	}
	return in.Unlisted(ctx, s.Config.ManagedGroups())
}

// NewlyListed reports whether a user is listed who is not in the state of an existing realm.
func NewlyListed(s *stack.Stack, known *stack.State) bool {
	if len(known.Of(stack.TypeRealm)) == 0 {
		return false
	}
	var names []string
	for _, r := range known.Of(stack.TypeUser) {
		username, _ := r.Inputs["username"].(string)
		names = append(names, username)
	}
	return slices.ContainsFunc(s.Config.Users, func(p config.User) bool { return !slices.Contains(names, p.Username) })
}

// note reports what happened to a user, at once and in the summary.
func note(s *stack.Stack, step stack.Step, what string) {
	step.Say("%s", what)
	s.Note(what)
}
