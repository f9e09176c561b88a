package lifecycle

import "strings"

// findings are the results of the steps before an update.
type findings struct {
	recovery
	// requested is set if the caller requests a refresh.
	requested bool
	// realmChanged reports that an administrator has changed what the project's own provider
	// configures in Keycloak. Every update restores it, so that update refreshes.
	realmChanged bool
	// keysDiffer reports that data is encrypted with keys other than the state's.
	keysDiffer bool
	// externalKeycloak reports that an external database contains a Keycloak's data.
	externalKeycloak bool
	// databaseMoved reports that Keycloak is about to use another database.
	databaseMoved bool
	// newUsers reports listed users who are not in the state of an existing realm.
	newUsers bool
	// loginRefused reports that Keycloak refuses the secret in the state.
	loginRefused bool
}

// inherits reports whether Keycloak contains resources that are not in the state.
func (f findings) inherits() bool { return f.behind && (f.kept || f.externalKeycloak) }

// refresh reports whether the actual state may differ from the recorded one.
func (f findings) refresh() bool { return f.recovery.refresh || f.afterwards() }

// afterwards reports whether that still applies once Keycloak runs.
func (f findings) afterwards() bool { return f.requested || f.realmChanged || f.keysDiffer }

// Plan is the steps of an update, in order.
type Plan struct {
	// KeycloakFirst updates everything except the realm before the rest: objects inside Keycloak
	// can be compared with the state only once Keycloak runs and accepts the secret in the state.
	// Resources that depend on outputs of the realm wait, too.
	KeycloakFirst bool
	// RefreshFirst refreshes in that first update.
	RefreshFirst bool
	// Import imports objects inside Keycloak that are not in the state: a user whom an
	// administrator has created keeps password and membership.
	Import bool
	// Refresh refreshes in the full update.
	Refresh bool
}

// planUp decides on the order of an update.
func planUp(f findings) Plan {
	p := Plan{
		KeycloakFirst: f.inherits() || f.databaseMoved || f.down || f.loginRefused,
		Import:        f.inherits() || f.newUsers,
		Refresh:       f.refresh(),
	}
	if p.KeycloakFirst {
		p.RefreshFirst, p.Refresh = f.refresh(), f.afterwards()
	}
	if f.databaseMoved && !p.Import {
		// The realm in the state must be found in the new database before it can be relied on.
		p.Refresh = true
	}
	return p
}

// String returns a text such as "update all but the realm (refresh), import what Keycloak has, update
// everything".
func (p Plan) String() string {
	refresh := func(text string, yes bool) string {
		if yes {
			return text + " (refresh)"
		}
		return text
	}
	var parts []string
	if p.KeycloakFirst {
		parts = append(parts, refresh("update all but the realm", p.RefreshFirst))
	}
	if p.Import {
		parts = append(parts, "import what Keycloak has")
	}
	return strings.Join(append(parts, refresh("update everything", p.Refresh)), ", ")
}
