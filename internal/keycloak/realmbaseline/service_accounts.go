package realmbaseline

import (
	"encoding/json"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// Service accounts are alike but for their names and groups. So the baseline has one
// of them, whose name is anyAccount, and the settings say how often it is there.
const anyAccount = "{account}"

// scopeOfMachines is what all of them have in common.
const scopeOfMachines = "clientScopes" + pathSeparator + realm.ServiceAccountScope

// placesOf are the things of an account in a document.
func placesOf(name string) (client, user string) {
	return "clients" + pathSeparator + name, "users" + pathSeparator + realm.ServiceAccountUsername(name)
}

func under(path, thing string) bool { return strings.HasPrefix(path, thing+pathSeparator) }

// accountsOf are the service accounts of a stack, the access admin among them.
func accountsOf(stack outputs.Stack) []outputs.ServiceAccount {
	if stack.AccessAdmin.ID == "" {
		return stack.ServiceAccounts
	}
	return append([]outputs.ServiceAccount{{Name: stack.AccessAdmin.ID}}, stack.ServiceAccounts...)
}

// names are those of the stack's service accounts.
func names(stack outputs.Stack) []string {
	all := make([]string, 0, len(stack.ServiceAccounts))
	for _, account := range accountsOf(stack) {
		all = append(all, account.Name)
	}
	return all
}

// takeMachines takes what is of service accounts out of a document, and returns one
// of them as a baseline has it; nothing where there are none.
func takeMachines(d document, names []string) document {
	one := document{}
	for i, name := range names {
		client, user := placesOf(name)
		anyClient, anyUser := placesOf(anyAccount)
		for path, value := range d {
			var to string
			switch {
			case under(path, client):
				to = anyClient + strings.TrimPrefix(path, client)
			case under(path, user):
				to = anyUser + strings.TrimPrefix(path, user)
			case under(path, scopeOfMachines):
				to = path
			default:
				continue
			}
			delete(d, path)
			if i == 0 {
				one[to] = renamed(value, name, anyAccount)
			}
		}
	}
	return one
}

// machines are all service accounts of a stack as a baseline's one says.
func machines(one document, stack outputs.Stack) document {
	all := document{}
	anyClient, anyUser := placesOf(anyAccount)
	for _, account := range accountsOf(stack) {
		client, user := placesOf(account.Name)
		for path, value := range one {
			switch {
			case under(path, anyClient):
				path = client + strings.TrimPrefix(path, anyClient)
			case under(path, anyUser):
				path = user + strings.TrimPrefix(path, anyUser)
			}
			all[path] = renamed(value, anyAccount, account.Name)
		}
	}
	return all
}

// renamed is a value in which an account's name, alone or behind what Keycloak and
// the program put in front of it, is another.
func renamed(value json.RawMessage, from, to string) json.RawMessage {
	text := string(value)
	for _, front := range []string{"", "service account ", realm.ServiceAccountUsername("")} {
		if text == `"`+front+from+`"` {
			return json.RawMessage(`"` + front + to + `"`)
		}
	}
	return value
}

// refreshCoversAccount is what refresh was seen to name of service accounts, beside what
// it names of every client: the scopes, and the groups of those that have one.
func refreshCoversAccount(path string, stack outputs.Stack) bool {
	for _, account := range accountsOf(stack) {
		client, user := placesOf(account.Name)
		switch path {
		case client + pathSeparator + "defaultClientScopes", client + pathSeparator + "optionalClientScopes":
			return true
		case user + pathSeparator + "groups":
			return len(account.Groups) > 0
		}
	}
	return false
}
