package keycloak

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// AdminUsername is the person who may open the admin console at any time.
const AdminUsername = "admin"

// PermanentAdmin is somebody who can log in. Both fields are empty for nobody.
type PermanentAdmin struct {
	Username string
	Password pulumi.StringOutput
}

// permanentAdmin is who may open the admin console at any time.
func (a *Args) permanentAdmin() PermanentAdmin {
	if a.AdminPassword == nil {
		return PermanentAdmin{Password: pulumi.ToSecret(pulumi.String("")).(pulumi.StringOutput)}
	}
	return PermanentAdmin{Username: AdminUsername, Password: pulumi.ToSecret(a.AdminPassword).(pulumi.StringOutput)}
}

// bootstrapPermanentAdmin tells the server to make the person at its first start. At a later
// one it takes no notice; the tool does it then, see internal/keycloak/adminrealm.
func (a *Args) bootstrapPermanentAdmin(env map[string]pulumi.StringInput) {
	if who := a.permanentAdmin(); who.Username != "" {
		env["KC_BOOTSTRAP_ADMIN_USERNAME"] = pulumi.String(who.Username)
		env["KC_BOOTSTRAP_ADMIN_PASSWORD"] = who.Password
	}
}
