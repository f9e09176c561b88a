package keycloak

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// AdminUsername is the permanent administrator's user name.
const AdminUsername = "admin"

// PermanentAdmin is an administrator who can log in. Both fields are empty if there is none.
type PermanentAdmin struct {
	Username string
	Password pulumi.StringOutput
}

// permanentAdmin returns the permanent administrator, if there is one.
func (a *Args) permanentAdmin() PermanentAdmin {
	if a.AdminPassword == nil {
		return PermanentAdmin{Password: pulumi.ToSecret(pulumi.String("")).(pulumi.StringOutput)}
	}
	return PermanentAdmin{Username: AdminUsername, Password: pulumi.ToSecret(a.AdminPassword).(pulumi.StringOutput)}
}

// bootstrapPermanentAdmin makes the server create the administrator at its first start. A later
// start ignores it; then the resource of realm master creates the administrator, see package
// identity.
func (a *Args) bootstrapPermanentAdmin(env map[string]pulumi.StringInput) {
	if who := a.permanentAdmin(); who.Username != "" {
		env["KC_BOOTSTRAP_ADMIN_USERNAME"] = pulumi.String(who.Username)
		env["KC_BOOTSTRAP_ADMIN_PASSWORD"] = who.Password
	}
}
