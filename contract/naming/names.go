package naming

// Container is the name of a service's container.
func Container(deployment, service string) string { return deployment + "-" + service }

// The volumes with data.
const (
	PostgresData    = "postgres-data"
	MLflowArtifacts = "mlflow-artifacts"
)

// Volume is the name of a volume.
func Volume(deployment, data string) string { return deployment + "-" + data }

// The networks, by what they are for.
const (
	// EdgeNetwork leads out of the host.
	EdgeNetwork = "edge"
	// DataNetwork has the databases.
	DataNetwork = "data"
)

// Network is the name of a network.
func Network(deployment, role string) string { return deployment + "-" + role }
