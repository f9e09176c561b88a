//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/freesubnet"
)

// newPublicLab writes the stack file of a public stack: Pulumi.prod.yaml itself, except for what
// it leaves to the operator, what two stacks on one host must not share, and what would prevent
// the cleanup. Nothing is up yet.
func newPublicLab(folder string) (*lab, error) {
	l, err := nameLab(folder)
	if err != nil {
		return nil, err
	}
	ports, err := freeport.Ports(3)
	if err != nil {
		return nil, err
	}
	subnet, err := freesubnet.Subnet()
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(l.root, "Pulumi.prod.yaml"))
	if err != nil {
		return nil, err
	}
	var file struct {
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		return nil, err
	}
	set := func(group string, values map[string]any) {
		had, _ := file.Config["mlflow-sso:"+group].(map[string]any)
		for key, value := range had {
			if _, ok := values[key]; !ok {
				values[key] = value
			}
		}
		file.Config["mlflow-sso:"+group] = values
	}
	file.Config["mlflow-sso:name"] = l.name
	file.Config["mlflow-sso:protectData"] = false
	file.Config["mlflow-sso:restartPolicy"] = "unless-stopped"
	file.Config["mlflow-sso:edge"] = map[string]any{
		"certificates": "internal", "address": "127.0.0.1", "httpPort": ports[0], "httpsPort": ports[1], "subnet": subnet.String(),
	}
	set("mlflow", map[string]any{"publicURL": fmt.Sprintf("https://mlflow.%s.test:%d", l.name, ports[1])})
	set("keycloak", map[string]any{"publicURL": fmt.Sprintf("https://auth.%s.test:%d", l.name, ports[1]), "port": ports[2]})
	file.Config["mlflow-sso:serviceAccounts"] = []any{map[string]any{"name": accountOfLabs, "groups": []string{"mlflow-users"}}}
	text, err := yaml.Marshal(file)
	if err != nil {
		return nil, err
	}
	return l, os.WriteFile(l.file, text, 0o600)
}
