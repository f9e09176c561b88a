package tests

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// declared are the settings of the project file, without the project's name.
func declared(t *testing.T) map[string]workspace.ProjectConfigType {
	t.Helper()
	project, err := workspace.LoadProject(inRepository("Pulumi.yaml"))
	require.NoError(t, err)
	require.Equal(t, config.Namespace, string(project.Name))
	all := map[string]workspace.ProjectConfigType{}
	for key, setting := range project.Config {
		name, ours := strings.CutPrefix(key, config.Namespace+":")
		require.True(t, ours, "Pulumi.yaml declares %s, want a key that begins with %s:", key, config.Namespace)
		all[name] = setting
	}
	return all
}

// fields are the settings that the program reads, and their types.
func fields() map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[config.Config]()) {
		if name := field.Tag.Get("json"); name != "-" {
			all[name] = field.Type
		}
	}
	return all
}

func TestEveryDeclaredSettingIsReadAndEveryReadOneIsDeclared(t *testing.T) {
	require.Equal(t, slices.Sorted(maps.Keys(fields())), slices.Sorted(maps.Keys(declared(t))))
	types := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Struct: "object", reflect.Slice: "array"}
	for name, setting := range declared(t) {
		kind := fields()[name]
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem() // optional objects
		}
		require.Equal(t, types[kind.Kind()], setting.TypeName(), "of %s", name)
		require.NotEmpty(t, setting.Description, "of %s", name)
		require.False(t, setting.Secret, "%s: no setting is a secret", name)
		if setting.TypeName() == "array" {
			require.Equal(t, "object", setting.Items.Type, "of %s", name)
		}
	}
}

// The default is in the project file for readers and in package config for the program: a
// difference would show only if one of them is absent.
func TestDefaultsOfTheProjectFileAreThoseOfTheProgram(t *testing.T) {
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	with := settingsFrom(t, values)
	for name, setting := range declared(t) {
		if value, own := values[config.Namespace+":"+name]; setting.Default != nil && own && value == defaultText(t, setting.Default) {
			delete(values, config.Namespace+":"+name)
		}
	}
	require.Equal(t, with, settingsFrom(t, values))
}

func defaultText(t *testing.T, value any) string {
	t.Helper()
	if text, ok := value.(string); ok {
		return text
	}
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	return string(encoded)
}

func TestStackFilesSetOnlyDeclaredSettingsOfTheDeclaredType(t *testing.T) {
	files, err := filepath.Glob(inRepository("Pulumi.*.yaml"))
	require.NoError(t, err)
	checked := 0
	for _, file := range files {
		stack := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		if !slices.Contains(stacks, stack) {
			continue // a developer's own stack file
		}
		checked++
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var read struct {
			Config map[string]any `yaml:"config"`
		}
		require.NoError(t, yaml.Unmarshal(content, &read))
		require.NotEmpty(t, read.Config)
		for key, value := range read.Config {
			name, ours := strings.CutPrefix(key, config.Namespace+":")
			setting, known := declared(t)[name]
			require.True(t, ours && known, "%s sets %s, which Pulumi.yaml does not declare", filepath.Base(file), key)
			require.True(t, workspace.ValidateConfigValue(setting.TypeName(), setting.Items, value),
				"%s: got %v for %s, want a value of type %s", filepath.Base(file), value, key, setting.TypeName())
		}
	}
	require.Equal(t, len(stacks), checked)
}

func TestStackFilesCanStandOnOneHost(t *testing.T) {
	dev, prod := settings(t, "dev"), settings(t, "prod")
	require.NotEqual(t, dev.Name, prod.Name)
	var ports []int
	for _, p := range append(dev.Published(), prod.Published()...) {
		require.NotContains(t, ports, p.Port, "of %s", p.Key)
		ports = append(ports, p.Port)
	}
	require.Len(t, ports, 2+3)
}

// A mistake stops the program before it registers anything.
func TestMistakeInTheSettingsRegistersNothing(t *testing.T) {
	right, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	for name, test := range map[string]struct {
		set  map[string]string
		want []string
	}{
		"bad value":   {map[string]string{"mlflow-sso:restartPolicy": "sometimes"}, []string{`mlflow-sso:restartPolicy: got "sometimes"`}},
		"bad type":    {map[string]string{"mlflow-sso:protectData": "maybe"}, []string{"mlflow-sso:protectData: got maybe, want true or false"}},
		"bad member":  {map[string]string{"mlflow-sso:redis": `{"memoryMB":"x"}`}, []string{`mlflow-sso:redis.memoryMB: got "x"`}},
		"unknown key": {map[string]string{"mlflow-sso:protectdata": "true"}, []string{"mlflow-sso:protectdata: unknown setting"}},
		"several": {
			map[string]string{"mlflow-sso:colour": "blue", "mlflow-sso:protectData": "maybe", "mlflow-sso:redis": "[]"},
			[]string{"mlflow-sso:colour: ", "mlflow-sso:protectData: ", "mlflow-sso:redis: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			values := maps.Clone(right)
			maps.Copy(values, test.set)
			r, err := runWith(t, values)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, r.Resources)
		})
	}
}

func TestNoSettingMayBeEncrypted(t *testing.T) {
	values, _, err := pulumimock.StackFile(inRepository("Pulumi.yaml"), inRepository("Pulumi.dev.yaml"))
	require.NoError(t, err)
	r, err := runWith(t, values, pulumimock.Encrypted("mlflow-sso:name"))
	require.ErrorContains(t, err, "mlflow-sso:name: is encrypted")
	require.Empty(t, r.Resources)
}
