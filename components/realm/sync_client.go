package realm

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// SyncClientID is the client of the identity sync. Its only role, to view users, belongs to a
// client that Keycloak creates, see package identity.
const SyncClientID = "mlflow-keeper"

// SyncClient is a service account that can read users and their groups, and change nothing.
type SyncClient struct {
	// ID and Secret are the client's.
	ID     string
	Secret pulumi.StringOutput
	// RealmURL is the realm's address on the private network.
	RealmURL string
}

// IsZero reports whether there is none.
func (w SyncClient) IsZero() bool { return w.ID == "" || w.RealmURL == "" }
