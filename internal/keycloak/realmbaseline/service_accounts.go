package realmbaseline

import (
	"encoding/json"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// Service accounts differ only in their names and groups. So the baseline contains one, with the
// name anyAccount, and the settings determine the copies.
const anyAccount = "{account}"

// scopeOfMachines is the client scope that all of them share.
const scopeOfMachines = "clientScopes" + pathSeparator + realm.ServiceAccountScope

// placesOf returns the objects of an account in a document.
func placesOf(name string) (client, user string) {
	return "clients" + pathSeparator + name, "users" + pathSeparator + realm.ServiceAccountUsername(name)
}

func under(path, thing string) bool { return strings.HasPrefix(path, thing+pathSeparator) }

// accountsOf returns the service accounts of a stack, including the access admin.
func accountsOf(stack outputs.Stack) []outputs.ServiceAccount {
	if stack.AccessAdmin.ID == "" {
		return stack.ServiceAccounts
	}
	return append([]outputs.ServiceAccount{{Name: stack.AccessAdmin.ID}}, stack.ServiceAccounts...)
}

// names are the names of the stack's service accounts.
func names(stack outputs.Stack) []string {
	all := make([]string, 0, len(stack.ServiceAccounts))
	for _, account := range accountsOf(stack) {
		all = append(all, account.Name)
	}
	return all
}

// takeMachines removes service accounts from a document, and returns one of them in the
// baseline's form; nothing if there are none.
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

// machines returns all service accounts of a stack, as copies of the baseline's one.
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

// renamed returns a value with another account name, with or without the prefixes that Keycloak
// and the program add.
func renamed(value json.RawMessage, from, to string) json.RawMessage {
	text := string(value)
	for _, front := range []string{"", "service account ", realm.ServiceAccountUsername("")} {
		if text == `"`+front+from+`"` {
			return json.RawMessage(`"` + front + to + `"`)
		}
	}
	return value
}

// refreshCoversAccount are paths that a refresh reports for service accounts, in addition to
// those of every client: the scopes, and the groups of accounts in one.
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
