package config

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// User is a user of the realm that the stack file manages. The password is set by the
// user and is no setting.
type User struct {
	// Username is the user name, in lower case. Another name is another user.
	Username string `json:"username"`
	// Email is the address that identifies the user in MLflow and receives invitations.
	Email string `json:"email"`
	// FirstName is shown in Keycloak and MLflow.
	FirstName string `json:"firstName"`
	// LastName is shown in Keycloak and MLflow.
	LastName string `json:"lastName"`
	// Groups are all groups of the user; mlflow-users or mlflow-admins is required.
	Groups []string `json:"groups"`
	// Enabled can be false to refuse logins without removing the user.
	Enabled bool `json:"enabled"`
}

func (p *User) setDefaults() { p.Enabled = true }

// Mail is the mail server that Keycloak uses.
type Mail struct {
	// Host is the server's host name or address, as Keycloak's container reaches it.
	Host string `json:"host"`
	// Port is the server's port: TLS from the start at 465, otherwise STARTTLS.
	Port int `json:"port"`
	// TLS encrypts connections and verifies the server's certificate; it can be false for a
	// private address only.
	TLS bool `json:"tls"`
	// From is the sender's address.
	From string `json:"from"`
	// Username is the login name at the server; empty if it requires no login.
	Username string `json:"username"`
	// PasswordFile is the absolute path of a file with the password.
	PasswordFile SecretFile `json:"passwordFile"`
}

func (m *Mail) setDefaults() { m.Port, m.TLS = 587, true }

// Server returns the address for Keycloak's container.
func (m *Mail) Server() address.Server {
	return address.Server{Host: m.Host, Port: m.Port, TLS: m.TLS}
}

// UsersInGroup returns the user names of the stack file's users in a group.
func (c *Config) UsersInGroup(group string) []string {
	var names []string
	for _, p := range c.Users {
		if slices.Contains(p.Groups, group) {
			names = append(names, p.Username)
		}
	}
	return names
}

// ManagedGroups returns the permitted members of each managed group, apart from demo users and
// service accounts.
func (c *Config) ManagedGroups() map[string][]string {
	groups := map[string][]string{}
	for _, group := range c.Realm.ManagedGroups {
		groups[group] = c.UsersInGroup(group)
		if group == realm.AdminGroup {
			groups[group] = append(groups[group], c.Realm.Administrators...)
		}
	}
	return groups
}

// groups returns all groups of the realm that the program creates.
func (c *Config) groups() []string {
	return append([]string{realm.AdminGroup, realm.UserGroup}, c.Realm.Groups...)
}

var (
	usernamePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{2,63}$`)
	// A slash would split a group path, a comma a list in MLflow.
	groupPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	// Keycloak refuses the same in users' names.
	personNamePattern = regexp.MustCompile(`^[^<>&"$%!#?§;*~/\\|^=\[\]{}()\x00-\x1f]{0,255}$`)
)

// users validates the users of the stack file and the groups of the realm.
func (v *validation) users(c *Config) {
	for i, group := range c.Realm.Groups {
		switch {
		case !groupPattern.MatchString(group):
			v.fail("realm.groups", "got %q, want at most 64 letters, digits, dots, underscores and hyphens", group)
		case slices.Contains([]string{realm.AdminGroup, realm.UserGroup}, group):
			v.fail("realm.groups", "got %q, which always exists, want it omitted", group)
		case slices.Contains(c.Realm.Groups[:i], group):
			v.fail("realm.groups", "got %q twice, want every group once", group)
		}
	}
	for i, group := range c.Realm.ManagedGroups {
		v.knownGroup("realm.managedGroups", group, c)
		if slices.Contains(c.Realm.ManagedGroups[:i], group) {
			v.fail("realm.managedGroups", "got %q twice, want every group once", group)
		}
	}
	for i, p := range c.Users {
		v.user(fmt.Sprintf("users[%d]", i), p, c)
		for _, other := range c.Users[:i] {
			if p.Username == other.Username {
				v.fail(fmt.Sprintf("users[%d].username", i), "got %q twice, want each user once", p.Username)
			}
			// MLflow would treat them as one user.
			if strings.EqualFold(p.Email, other.Email) {
				v.fail(fmt.Sprintf("users[%d].email", i), "got %q, which %s has too, want one address for each user: MLflow identifies users by it", p.Email, other.Username)
			}
		}
	}
	if m := c.Realm.Mail; m != nil {
		v.mail(m)
	}
}

func (v *validation) user(key string, p User, c *Config) {
	switch {
	case !usernamePattern.MatchString(p.Username):
		v.fail(key+".username", "got %q, want 3 to 64 lower-case letters, digits, dots, underscores and hyphens", p.Username)
	case c.Realm.DemoUsers && slices.Contains(realm.DemoUsernames(), p.Username):
		v.fail(key+".username", "got %q, which is a demo user while realm.demoUsers is true, want another", p.Username)
	case strings.HasPrefix(p.Username, realm.ServiceAccountUsername("")):
		v.fail(key+".username", "got %q, want another: Keycloak names the accounts of machines so", p.Username)
	}
	if !isMailAddress(p.Email) {
		v.fail(key+".email", "got %q, want the address of one user, such as ada@example.com: MLflow identifies users by it", p.Email)
	}
	for _, name := range []struct{ key, got string }{{"firstName", p.FirstName}, {"lastName", p.LastName}} {
		if !personNamePattern.MatchString(name.got) {
			v.fail(key+"."+name.key, "got %q, want a name of at most 255 characters, without the signs that Keycloak refuses in one", name.got)
		}
	}
	for i, group := range p.Groups {
		v.knownGroup(key+".groups", group, c)
		if slices.Contains(p.Groups[:i], group) {
			v.fail(key+".groups", "got %q twice, want every group once", group)
		}
	}
	if !slices.Contains(p.Groups, realm.AdminGroup) && !slices.Contains(p.Groups, realm.UserGroup) {
		v.fail(key+".groups", "got %q for %s, want %s or %s among them: MLflow refuses users without one; set `enabled: false` to refuse logins",
			p.Groups, p.Username, realm.UserGroup, realm.AdminGroup)
	}
}

// knownGroup requires a group that the program creates.
func (v *validation) knownGroup(key, group string, c *Config) {
	if !slices.Contains(c.groups(), group) {
		v.fail(key, "got %q, which is not a group of the realm, want one of %s; realm.groups adds more", group, strings.Join(c.groups(), ", "))
	}
}

func (v *validation) mail(m *Mail) {
	v.server("realm.mail", m.Server())
	if !isMailAddress(m.From) {
		v.fail("realm.mail.from", "got %q, want the sender's address", m.From)
	}
	switch {
	case m.Username == "" && m.PasswordFile != "":
		v.fail("realm.mail.username", `got "" while passwordFile is set, want whom the password is of`)
	case m.Username != "":
		v.secret("realm.mail.passwordFile", m.PasswordFile)
	}
}

// isMailAddress reports whether a text is exactly one address, in lower case: Keycloak stores it
// so, and every preview would show a difference otherwise.
func isMailAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text && text == strings.ToLower(text)
}
