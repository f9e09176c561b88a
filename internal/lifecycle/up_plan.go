package lifecycle

import "strings"

// findings are what the steps before an update have found out.
type findings struct {
	recovery
	// requested says that the caller asks to look first at what there is.
	requested bool
	// realmChanged says that an administrator has changed in Keycloak what the project's own provider
	// sets there. Defences are restored by every update, so that one is refreshed.
	realmChanged bool
	// keysDiffer says that data is encrypted with other keys than the state says.
	keysDiffer bool
	// externalKeycloak says that an external database holds what a Keycloak has left there.
	externalKeycloak bool
	// databaseMoved says that Keycloak is about to find another database.
	databaseMoved bool
	// newUsers says that users are listed whom the state of an existing realm does not know.
	newUsers bool
	// loginRefused says that Keycloak refuses the secret with which the state asks it.
	loginRefused bool
}

// inherits says whether Keycloak holds resources that the state does not know.
func (f findings) inherits() bool { return f.behind && (f.kept || f.externalKeycloak) }

// refresh says whether what there is may differ from the state.
func (f findings) refresh() bool { return f.recovery.refresh || f.afterwards() }

// afterwards says whether that is so also once Keycloak runs.
func (f findings) afterwards() bool { return f.requested || f.realmChanged || f.keysDiffer }

// Plan is what an update does, and in which order.
type Plan struct {
	// KeycloakFirst updates all but the realm before the rest: what is inside Keycloak can be
	// compared with the state only once Keycloak answers, and takes the secret with which the
	// state asks. Resources that depend on outputs of the realm wait, too.
	KeycloakFirst bool
	// RefreshFirst refreshes that first update.
	RefreshFirst bool
	// Import takes into the state what exists inside Keycloak and is not in it: a user whom an
	// administrator has created keeps password and membership.
	Import bool
	// Refresh refreshes the update of everything.
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
		// What the state has of the realm is looked for in the other database before it is believed.
		p.Refresh = true
	}
	return p
}

// String is such as "update all but the realm (refresh), import what Keycloak has, update everything".
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
