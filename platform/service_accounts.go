package platform

import (
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
)

// serviceAccounts returns the service accounts in the settings.
func (p *Platform) serviceAccounts() []realm.ServiceAccount {
	var all []realm.ServiceAccount
	for _, a := range p.config.ServiceAccounts {
		all = append(all, realm.ServiceAccount{
			Name: a.Name, Groups: a.Groups, Admin: a.Admin,
			Secret:        p.credentials.Password(a.Label()),
			TokenLifespan: time.Duration(a.TokenMinutes) * time.Minute,
		})
	}
	return all
}

func (p *Platform) serviceAccountOutputs() pulumi.Array {
	all := pulumi.Array{}
	for _, m := range p.realm.ServiceAccounts {
		all = append(all, pulumi.Map{
			"name":     pulumi.String(m.Name),
			"username": pulumi.String(m.Username),
			"subject":  m.Subject,
			"secret":   pulumi.ToSecret(m.Secret),
			"groups":   pulumi.ToStringArray(m.Groups),
			"admin":    pulumi.Bool(m.Admin),
		})
	}
	return all
}
