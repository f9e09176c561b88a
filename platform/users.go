package platform

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/components/users"
	"github.com/mlflow-sso/mlflow-sso/config"
)

// makeUsers creates the users in the settings, if any.
func (p *Platform) makeUsers(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
	if len(p.config.Users) == 0 {
		return nil
	}
	args := &users.Args{Realm: p.realm.Resources}
	for _, who := range p.config.Users {
		args.Users = append(args.Users, users.User(who))
	}
	name, opts := p.child("people", opts)
	_, err := users.New(ctx, name, args, opts...)
	return err
}

// mail returns Keycloak's mail server. The password is a secret output from here on.
func mail(set *config.Mail) (*realm.Mail, error) {
	if set == nil {
		return nil, nil
	}
	m := &realm.Mail{Server: set.Server(), From: set.From, Username: set.Username}
	if set.Username != "" {
		password, err := set.PasswordFile.Read()
		if err != nil {
			return nil, fmt.Errorf("realm.mail.passwordFile: %w", err)
		}
		m.Password = pulumi.ToSecret(pulumi.String(password)).(pulumi.StringOutput)
	}
	return m, nil
}
