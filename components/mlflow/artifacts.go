package mlflow

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// artifacts configures where the server keeps artifacts. It serves them itself, so no
// client needs access to the store.
func (a *Args) artifacts(env map[string]pulumi.StringInput) {
	if a.Artifacts.IsZero() {
		env["MLFLOW_ARTIFACTS_DESTINATION"] = pulumi.String(artifactPath)
		return
	}
	env["MLFLOW_ARTIFACTS_DESTINATION"] = pulumi.String(a.Artifacts.URI)
	// The server first writes uploads and downloads to this folder. /tmp is memory; at the
	// image's path for artifacts, Docker has a volume that is removed with the container.
	env["TMPDIR"] = pulumi.String(artifactPath + "/passing")
	env["AWS_ACCESS_KEY_ID"] = pulumi.String(a.Artifacts.AccessKeyID)
	env["AWS_SECRET_ACCESS_KEY"] = a.Artifacts.SecretKey
	for name, value := range a.Artifacts.Settings() {
		env[name] = pulumi.String(value)
	}
}
