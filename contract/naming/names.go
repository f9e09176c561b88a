package naming

// Container returns the name of a service's container.
func Container(deployment, service string) string { return deployment + "-" + service }

// The volumes with data.
const (
	PostgresData    = "postgres-data"
	MLflowArtifacts = "mlflow-artifacts"
)

// Volume returns the name of a volume.
func Volume(deployment, data string) string { return deployment + "-" + data }

// The networks by purpose.
const (
	// EdgeNetwork has internet access.
	EdgeNetwork = "edge"
	// DataNetwork has the databases.
	DataNetwork = "data"
)

// Network returns the name of a network.
func Network(deployment, role string) string { return deployment + "-" + role }
