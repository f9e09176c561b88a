package stack

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/mlflow-sso/mlflow-sso/contract/containerenv"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// environment is a container's property with its variables. One secret among them makes the whole
// property a secret.
const environment = "envs"

// nameVariables adds which variables of a container differ: the engine only reports that its
// environment does. The values of those that hold no secret are shown, see package containerenv.
// The new ones are in the plan, encrypted, and the old ones in the state.
func (s *Stack) nameVariables(ctx context.Context, plan string, all []difference) error {
	planned, err := readPlan(plan)
	if err != nil {
		return err
	}
	var before *State
	var open config.Decrypter
	for i := range all {
		d := &all[i]
		encrypted := planned[d.urn]
		if encrypted == "" || len(d.change.Properties) == 0 {
			continue
		}
		if before == nil {
			if before, err = s.ReadState(ctx); err != nil {
				return err
			}
			if open, err = s.decrypter(); err != nil {
				return err
			}
		}
		if open == nil {
			return nil
		}
		plain, err := open.DecryptValue(ctx, encrypted)
		if err != nil {
			return fmt.Errorf("the environment of %s cannot be read: %w", d.change.Resource, err)
		}
		d.change.Properties = named(d.change.Properties, before.variables(d.urn), variables(plain), slices.Contains(d.keys, environment))
	}
	return nil
}

// readPlan returns the new environments of containers by their URN, encrypted.
func readPlan(path string) (map[string]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	var plan apitype.DeploymentPlanV1
	if err := json.Unmarshal(content, &plan); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	environments := map[string]string{}
	for urn, of := range plan.ResourcePlans {
		if of.Goal == nil || string(of.Goal.Type) != TypeContainer {
			continue
		}
		for _, inputs := range []map[string]any{of.Goal.InputDiff.Adds, of.Goal.InputDiff.Updates} {
			if value := inputs[environment]; isSecret(value) {
				environments[string(urn)], _ = value.(map[string]any)["ciphertext"].(string)
			}
		}
	}
	return environments, nil
}

// decrypter decrypts with the stack's passphrase; nil if the stack uses another secrets provider.
func (s *Stack) decrypter() (config.Decrypter, error) {
	settings, err := workspace.LoadProjectStack(nil, nil, filepath.Join(s.mirror, "Pulumi."+s.Name+".yaml"))
	if err != nil {
		return nil, fmt.Errorf("copy of the stack file: %w", err)
	}
	version, rest, _ := strings.Cut(settings.EncryptionSalt, ":")
	encoded, _, _ := strings.Cut(rest, ":")
	if version != "v1" || settings.SecretsProvider != "" && settings.SecretsProvider != "passphrase" {
		return nil, nil
	}
	salt, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("the salt in the copy of the stack file is not base64")
	}
	phrase, err := s.passphrase()
	if err != nil {
		return nil, err
	}
	return config.NewSymmetricCrypterFromPassphrase(phrase, salt), nil
}

// passphrase returns Pulumi's passphrase, from the same sources in the same order.
func (s *Stack) passphrase() (string, error) {
	if typed, ok := os.LookupEnv("PULUMI_CONFIG_PASSPHRASE"); ok {
		return typed, nil
	}
	file := os.Getenv("PULUMI_CONFIG_PASSPHRASE_FILE")
	if file == "" {
		file = s.Home.Passphrase()
	}
	content, err := os.ReadFile(file) //nolint:gosec // a file that the operator names is what Pulumi itself reads
	if err != nil {
		return "", fmt.Errorf("passphrase: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// variables returns the environment of a container in the state.
func (s *State) variables(urn string) map[string]string {
	for _, r := range s.Of(TypeContainer) {
		if string(r.URN) != urn {
			continue
		}
		if marked, ok := r.Inputs[environment].(map[string]any); ok && isSecret(marked) {
			plain, _ := marked["plaintext"].(string)
			return variables(plain)
		}
	}
	return nil
}

// variables parses a list of NAME=value in JSON.
func variables(encoded string) map[string]string {
	var list []string
	if err := json.Unmarshal([]byte(encoded), &list); err != nil {
		return nil
	}
	found := map[string]string{}
	for _, pair := range list {
		name, value, _ := strings.Cut(pair, "=")
		found[name] = value
	}
	return found
}

// named replaces the environment by the variables that differ.
func named(properties []report.Property, before, after map[string]string, forces bool) []report.Property {
	if len(before) == 0 || len(after) == 0 {
		return properties
	}
	kept := slices.DeleteFunc(properties, func(p report.Property) bool { return top(p.Name) == environment })
	// A variable whose value is unknown before the update is listed without its name.
	_, later := after[plugin.UnknownStringValue]
	both := maps.Clone(before)
	maps.Copy(both, after)
	delete(both, plugin.UnknownStringValue)
	hidden := append(secrets(before), secrets(after)...)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		old, had := before[name]
		value, has := after[name]
		if had == has && old == value {
			continue
		}
		p := report.Property{Name: environment + "." + name, Forces: forces}
		if had {
			p.Old = variable(name, old, hidden)
		}
		switch {
		case has:
			p.New = variable(name, value, hidden)
		case later:
			p.New = report.Unknown
		}
		kept = append(kept, p)
	}
	slices.SortFunc(kept, func(a, b report.Property) int { return strings.Compare(a.Name, b.Name) })
	return kept
}

// leastSecret is the length of the shortest secret that is looked for in other variables. A stack's
// own have 43 characters.
const leastSecret = 6

// secrets are the values of variables that may hold one.
func secrets(of map[string]string) (all []string) {
	for name, value := range of {
		if !containerenv.Public(name) && len(value) >= leastSecret {
			all = append(all, value)
		}
	}
	return all
}

// login is the user and the password in a URL.
var login = regexp.MustCompile(`://[^/@\s]*@`)

// variable is the value of one as all users may see it. One that holds no secret by its name is
// nevertheless hidden where a secret of the same container or a login is in it.
func variable(name, value string, hidden []string) json.RawMessage {
	if !containerenv.Public(name) || login.MatchString(value) ||
		slices.ContainsFunc(hidden, func(secret string) bool { return strings.Contains(value, secret) }) {
		return report.Secret
	}
	return shown(value)
}
