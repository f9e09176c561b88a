// Package probe runs programs inside MLflow's container: the modules of the package
// mlflow_sso.probes in images/mlflow.
//
// The container usually has the module, and runs it from its image. An image of another release,
// or of the setting images.mlflow, lacks it or has another version of it: then the tool sends its
// own copy of the same source. So every command works on a stack of an older release, and always
// with the version of the probe that it expects.
package probe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/images"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Probe is the name of a module.
type Probe string

// The probes. Each module documents its input and output.
const (
	APIKeyRewrap       Probe = "api_key_rewrap"
	ArtifactStore      Probe = "artifact_store"
	CodeExchange       Probe = "code_exchange"
	DatabaseRoles      Probe = "database_roles"
	DefaultCredentials Probe = "default_credentials"
	DiscoveryDocument  Probe = "discovery_document"
	ExternalServices   Probe = "external_services"
	FixtureRemoval     Probe = "fixture_removal"
	PackageVersions    Probe = "package_versions"
	PrivilegeInventory Probe = "privilege_inventory"
	RedisAccess        Probe = "redis_access"
	RequestFields      Probe = "request_fields"
	RouteScan          Probe = "route_scan"
	ServerHealth       Probe = "server_health"
	SessionLifetime    Probe = "session_lifetime"
	SpooledBytes       Probe = "spooled_bytes"
	StolenToken        Probe = "stolen_token"
	TemporaryUsers     Probe = "temporary_users"

	WebhookSecretRewrap Probe = "webhook_secret_rewrap"
)

const (
	// unavailable is the exit code of mlflow_sso.probes for a module that it lacks or has in
	// another version.
	unavailable = 69
	// noPackage begins Python's error for an image without the package.
	noPackage = "No module named"
	ourModule = "mlflow_sso"
)

// Engine runs commands in containers, such as [engine.Engine].
type Engine interface {
	Exec(ctx context.Context, container string, argv []string, options ...engine.ExecOption) (engine.Result, error)
}

// Exec runs a probe in a running container with input as standard input (nil for none). Arguments
// must not be secret: the host's process list shows them. A probe that fails is not an error
// here, see [engine.Result.Err].
func (p Probe) Exec(ctx context.Context, in Engine, container string, input []byte, arguments ...string) (engine.Result, error) {
	source, err := p.source()
	if err != nil {
		return engine.Result{}, err
	}
	run := func(argv ...string) (engine.Result, error) {
		var options []engine.ExecOption
		if input != nil {
			options = append(options, engine.Stdin(bytes.NewReader(input)))
		}
		return in.Exec(ctx, container, append(argv, arguments...), options...)
	}
	digest := sha256.Sum256(source)
	result, err := run("python", "-m", "mlflow_sso.probes", string(p), hex.EncodeToString(digest[:]))
	if err == nil && lacksModule(result) {
		result, err = run("python", "-c", string(source))
	}
	if err != nil {
		return engine.Result{}, fmt.Errorf("probe %s: %w", p, err)
	}
	return result, nil
}

// Run is Exec for a probe whose failure is an error; it returns the standard output.
func (p Probe) Run(ctx context.Context, in Engine, container string, input []byte, arguments ...string) ([]byte, error) {
	result, err := p.Exec(ctx, in, container, input, arguments...)
	if err == nil {
		err = result.Err()
	}
	if err != nil {
		return nil, err
	}
	return []byte(result.Stdout), nil
}

// JSON is Run for a JSON result. No error repeats the result, which may contain secrets.
func JSON[T any](ctx context.Context, in Engine, container string, p Probe, input []byte, arguments ...string) (T, error) {
	var answer, none T
	said, err := p.Run(ctx, in, container, input, arguments...)
	if err != nil {
		return none, err
	}
	if err := json.Unmarshal(said, &answer); err != nil {
		return none, fmt.Errorf("the answer of probe %s is not the wanted JSON", p)
	}
	return answer, nil
}

// RunOnce runs a probe in a temporary container of MLflow's image.
func (p Probe) RunOnce(ctx context.Context, docker *engine.Engine, once engine.RunSpec, input []byte) (said []byte, err error) {
	end, err := docker.StartEphemeral(ctx, once)
	if err != nil {
		return nil, err
	}
	said, err = p.Run(ctx, docker, once.Name, input)
	if ended := end(); err == nil && ended != nil {
		return nil, ended
	}
	return said, err
}

// source returns the module's text; the image has a copy of it.
func (p Probe) source() ([]byte, error) {
	source, err := images.Probes.ReadFile(path.Join(images.ProbesFolder, string(p)+".py"))
	if err != nil {
		return nil, fmt.Errorf("this tool has no probe %q: %w", p, err)
	}
	return source, nil
}

// lacksModule reports whether the image lacks this version of the probe.
func lacksModule(result engine.Result) bool {
	if result.ExitCode == unavailable {
		return true
	}
	// An import error of the image's own module is its own failure.
	last := strings.TrimSpace(result.Stderr)
	last = last[strings.LastIndex(last, "\n")+1:]
	return result.ExitCode == 1 && strings.Contains(last, noPackage) && strings.Contains(last, ourModule)
}
