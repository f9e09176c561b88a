//go:build bench

package bench

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/freesubnet"
)

// publicStack is a stack with an edge.
type publicStack = stack.Stack

// openPublicStack opens a stack like `prod`, for this machine only, with limits above every
// request of a measurement.
func (m *machine) openPublicStack(ctx context.Context, t *testing.T) *publicStack {
	name := m.run + "-edge"
	subnet, err := freesubnet.Subnet()
	require.NoError(t, err)
	ports := map[int]bool{m.keycloakPort: true}
	for len(ports) < 3 {
		ports[freePort(t)] = true
	}
	delete(ports, m.keycloakPort)
	var edge []int
	for port := range ports {
		edge = append(edge, port)
	}
	content, err := yaml.Marshal(map[string]any{"config": map[string]any{
		"mlflow-sso:name": name,
		"mlflow-sso:edge": map[string]any{
			"certificates": "internal", "address": "127.0.0.1", "httpPort": edge[0], "httpsPort": edge[1],
			"subnet": subnet.String(), "requestsPerSecond": 2000,
		},
		"mlflow-sso:mlflow":   map[string]any{"publicURL": fmt.Sprintf("https://mlflow.%s.test:%d", name, edge[1])},
		"mlflow-sso:keycloak": map[string]any{"publicURL": fmt.Sprintf("https://auth.%s.test:%d", name, edge[1]), "port": m.keycloakPort},
	}})
	require.NoError(t, err)
	file := filepath.Join(m.files, "Pulumi."+name+".yaml")
	require.NoError(t, os.WriteFile(file, content, 0o600))
	return m.openStackFile(ctx, t, name, file)
}

// upPublicStack brings it up, and returns its outputs.
func (m *machine) upPublicStack(ctx context.Context, t *testing.T) outputs.Stack {
	s := m.openPublicStack(ctx, t)
	require.NoError(t, m.log.Step(ctx, "a stack with an edge", func(ctx context.Context, step *progress.Step) error {
		_, err := lifecycle.Up(ctx, s, step, false)
		return err
	}))
	deployed, err := s.Outputs(ctx)
	require.NoError(t, err)
	return deployed
}

// memberLogin is the header of a new member of the stack.
func (m *machine) memberLogin(ctx context.Context, t *testing.T, deployed outputs.Stack) http.Header {
	who, err := makeMember(ctx, deployed)
	require.NoError(t, err)
	token, err := scenario.Bearer(ctx, deployed, m.docker, who)
	require.NoError(t, err)
	return http.Header{"Authorization": {"Bearer " + token}}
}

// makeMember creates a user in Keycloak with access to MLflow; destroying the stack deletes the
// user.
func makeMember(ctx context.Context, deployed outputs.Stack) (outputs.User, error) {
	who := outputs.User{Username: "scientist", Email: "scientist@example.com", Password: rand.Text() + "aA1!", Group: deployed.Realm.UserGroup}
	a, err := openAdmin(ctx, deployed)
	if err != nil {
		return who, fmt.Errorf("make a member: %w", err)
	}
	body, err := json.Marshal(object{
		"username": who.Username, "email": who.Email, "emailVerified": true, "enabled": true,
		"firstName": "Some", "lastName": "Scientist", "groups": []string{"/" + who.Group},
		"credentials": []object{{"type": "password", "value": who.Password, "temporary": false}},
	})
	if err != nil {
		return who, err
	}
	path := "/admin/realms/" + url.PathEscape(deployed.Realm.Name) + "/users"
	return who, a.do(ctx, http.MethodPost, path, "application/json", body, nil)
}

// withDatabase returns the address of a database with another name, with its role's password.
func withDatabase(uri, name, password string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" {
		return "", errors.New("MLFLOW_BACKEND_STORE_URI is no address with a host")
	}
	u.User, u.Path, u.RawQuery = url.UserPassword(name, password), "/"+name, ""
	return u.String(), nil
}

// setting is the value of an environment variable; changed is the environment
// with other values.
func setting(env []string, name string) string {
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

func changed(env []string, with map[string]string) []string {
	var all []string
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if _, ok := with[name]; !ok {
			all = append(all, entry)
		}
	}
	for name, value := range with {
		all = append(all, name+"="+value)
	}
	return all
}
