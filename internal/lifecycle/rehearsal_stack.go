package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// RehearsalFile writes the stack file of a temporary stack for verifying another's snapshot, and
// returns its path: the same settings, but on this machine only, with its own databases, cache
// and artifacts, without protection and scheduled snapshots.
func RehearsalFile(repository, name, file, folder string) (string, error) {
	file = stack.FileOf(repository, name, file)
	settings, err := stack.Settings(repository, name, file)
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("stack file %s: %w", file, err)
	}
	var whole struct {
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.Unmarshal(raw, &whole); err != nil {
		return "", fmt.Errorf("stack file %s: %w", file, err)
	}
	ports, err := freeport.Ports(2)
	if err != nil {
		return "", err
	}
	prove(whole.Config, settings.Name, ports)
	text, err := yaml.Marshal(whole)
	if err != nil {
		return "", err
	}
	made := filepath.Join(folder, "Pulumi."+name+"-proof.yaml")
	return made, os.WriteFile(made, text, 0o600)
}

// prove changes settings to those of a temporary stack.
func prove(settings map[string]any, name string, ports []int) {
	// Other settings stay unchanged.
	set := func(group string, values map[string]any, without ...string) {
		key := config.Namespace + ":" + group
		members, _ := settings[key].(map[string]any)
		if members == nil {
			members = map[string]any{}
		}
		for member, value := range values {
			members[member] = value
		}
		for _, member := range without {
			delete(members, member)
		}
		settings[key] = members
	}
	settings[config.Namespace+":name"] = proofName(name)
	settings[config.Namespace+":protectData"] = false
	settings[config.Namespace+":restartPolicy"] = "no"
	delete(settings, config.Namespace+":edge")
	set("mlflow", map[string]any{"publicURL": fmt.Sprintf("http://localhost:%d", ports[0]), "port": ports[0]})
	set("keycloak", map[string]any{"publicURL": fmt.Sprintf("http://localhost:%d", ports[1]), "port": ports[1]})
	set("realm", map[string]any{"sslRequired": "none"})
	set("backup", map[string]any{"interval": "0s"}, "every") // including under its old name
	set("postgres", nil, "external")
	set("redis", nil, "external")
	set("artifacts", nil, "s3")
}

// proofName returns a valid name.
func proofName(name string) string {
	const end, most = "-proof", 40
	if len(name) > most-len(end) {
		name = name[:most-len(end)]
		for name[len(name)-1] == '-' {
			name = name[:len(name)-1]
		}
	}
	return name + end
}
