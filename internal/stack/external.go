package stack

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/network"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"

	"github.com/mlflow-sso/mlflow-sso/components/image"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

// tryScript runs inside MLflow's image.
//
//go:embed probe_external.py
var tryScript string

// tryWithin bounds a look at all services that are not the stack's. Each client
// gives up by itself before.
const tryWithin = 2 * time.Minute

// probeExternal connects to the services that are not the stack's, as its
// containers will: by MLflow's image, on the edge network. A container that cannot
// reach its database would be waited for in vain for minutes, and say little.
// Nothing but that image has been made or changed by then. It returns whether a Keycloak has
// left data in a database there.
func (s *Stack) probeExternal(ctx context.Context, step Step, known *State) (holds bool, err error) {
	elsewhere, err := platform.ReadExternal(s.Config)
	if err != nil || !elsewhere.Any() {
		return false, err
	}
	step.Say("trying the services that are not the stack's")
	made, err := s.mlflowImage(ctx, step, known)
	if err != nil {
		return false, err
	}
	asked, secrets := asked(elsewhere)
	input, err := json.Marshal(asked)
	if err != nil {
		return false, fmt.Errorf("services that are not the stack's: %w", err)
	}
	once := engine.RunSpec{
		Name: s.Config.Name + "-check", Image: made, Network: s.wayOut(ctx), Within: tryWithin,
		Labels: map[string]string{naming.Deployment: s.Config.Name, naming.Component: "check"},
	}
	result, err := s.Docker.RunOnce(ctx, once, []string{"python", "-c", tryScript}, engine.Stdin(strings.NewReader(string(input))))
	if err == nil {
		err = result.Err()
	}
	if err != nil {
		return false, fmt.Errorf("try the services that are not the stack's: %s", without(secrets, err.Error()))
	}
	var seen []probeResult
	if err := json.Unmarshal([]byte(result.Stdout), &seen); err != nil {
		return false, fmt.Errorf("try the services that are not the stack's: the answer is no list: %w", err)
	}
	for i := range seen {
		seen[i].Said = without(secrets, seen[i].Said)
		holds = holds || seen[i].Keycloak
	}
	return holds, judge(elsewhere, seen)
}

// needed are the resources that a service's image, and the root secret, need. Pulumi makes every
// provider in any case, so what that of Keycloak builds on is among them.
func (s *Stack) needed(service string) []string {
	return append(s.rootsAlone(), s.urns("**$mlflow-sso:image:Image::"+service, "**::"+service+"-image")...)
}

// rootsAlone are the root secrets, as Pulumi names them, with what they are part of. It
// makes providers whether they are asked for or not, and they are part of something, too.
func (s *Stack) rootsAlone() []string {
	return s.urns(
		"mlflow-sso:platform:Platform::platform",
		"**$mlflow-sso:credentials:Credentials::"+platform.CredentialsName, "**::"+platform.CredentialsName+"-root*",
		"**$mlflow-sso:realm:Realm::realm", "**$mlflow-sso:access:Access::access",
	)
}

func (s *Stack) urns(ends ...string) []string {
	var urns []string
	for _, end := range ends {
		urns = append(urns, "urn:pulumi:"+s.Name+"::*::"+end)
	}
	return urns
}

// mlflowImage is the ID of MLflow's image, which is made first where it is not
// there as the settings want it.
func (s *Stack) mlflowImage(ctx context.Context, step Step, known *State) (string, error) {
	of := image.Args{
		Deployment: s.Config.Name, Service: "mlflow", Folder: filepath.Join(s.Repository, platform.ImagesFolder),
		Base: s.Config.Images.Base, Reference: s.Config.Images.MLflow,
	}
	wanted, err := of.Name()
	if err != nil {
		return "", err
	}
	if id := known.ImageID(wanted); id != "" {
		if _, err := s.Docker.API().ImageInspect(ctx, id); err == nil {
			return id, nil
		}
	}
	if _, err := s.update(ctx, step, true, optup.Target(s.needed("mlflow"))); err != nil {
		return "", err
	}
	if known, err = s.ReadState(ctx); err != nil {
		return "", err
	}
	if id := known.ImageID(wanted); id != "" {
		return id, nil
	}
	return "", fmt.Errorf("the state of stack %q has no image %s, which was to be made just now", s.Name, wanted)
}

// wayOut is the network by which the stack's containers reach what is elsewhere, or,
// before it is there, the one that Docker has for everybody.
func (s *Stack) wayOut(ctx context.Context) string {
	edge := s.Config.Name + "-edge"
	if _, err := s.Docker.API().NetworkInspect(ctx, edge, network.InspectOptions{}); err != nil {
		return network.NetworkBridge
	}
	return edge
}

// ImageID is the ID of the image of that name; empty where the state has none.
func (s *State) ImageID(name string) string {
	for _, r := range s.Of(TypeImage) {
		if id, ok := r.Outputs["imageId"].(string); ok && r.Inputs["name"] == name {
			return id
		}
	}
	return ""
}

// asked is what the script reads, and the secrets in it.
func asked(e platform.External) (map[string]any, []string) {
	all, secrets := map[string]any{}, []string{}
	if e.Postgres != nil {
		databases := map[string]string{}
		for name, password := range e.Postgres.Passwords {
			databases[name] = e.Postgres.URI(name)
			secrets = append(secrets, databases[name], password)
		}
		all[postgresService] = databases
	}
	if e.Redis != nil {
		all[redisService] = map[string]string{"url": e.Redis.URL(), "prefix": e.Redis.Prefix}
		secrets = append(secrets, e.Redis.URL(), e.Redis.Password)
	}
	if e.Artifacts != nil {
		all[s3Service] = map[string]any{
			"bucket": e.Artifacts.Bucket, "prefix": e.Artifacts.Prefix, "key_id": e.Artifacts.AccessKeyID, "secret": e.Artifacts.SecretKey,
			"settings": e.Artifacts.Settings(),
		}
		secrets = append(secrets, e.Artifacts.SecretKey)
	}
	return all, secrets
}

// without is a text in which no secret stands, should a client repeat one.
func without(secrets []string, text string) string {
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return text
}
