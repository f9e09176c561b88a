package config

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// LoadFile reads and validates the settings of a stack file, "Pulumi.<stack>.yaml", with the
// project file's defaults, for tools that run outside of Pulumi.
func LoadFile(projectFile, stackFile string) (*Config, error) {
	project, err := workspace.LoadProject(projectFile)
	if err != nil {
		return nil, fmt.Errorf("project file: %w", err)
	}
	stack, err := workspace.LoadProjectStack(nil, project, stackFile)
	if err != nil {
		return nil, fmt.Errorf("stack file %s: %w", stackFile, err)
	}
	values := map[string]string{}
	for key, declared := range project.Config {
		if declared.Default == nil {
			continue
		}
		text, isText := declared.Default.(string)
		if !isText {
			encoded, err := json.Marshal(declared.Default)
			if err != nil {
				return nil, fmt.Errorf("project file: default of %s: %w", key, err)
			}
			text = string(encoded)
		}
		values[key] = text
	}
	set, err := stack.Config.Decrypt(config.NewBlindingDecrypter())
	if err != nil {
		return nil, fmt.Errorf("stack file %s: %w", stackFile, err)
	}
	for key, text := range set {
		values[key.String()] = text
	}
	secret := map[string]bool{}
	for _, key := range stack.Config.SecureKeys() {
		secret[key.String()] = true
	}
	var keys []string
	for key := range values {
		keys = append(keys, key)
	}
	c, err := Parse(Source{
		Keys:     keys,
		Get:      func(key string) (string, bool) { text, set := values[key]; return text, set },
		IsSecret: func(key string) bool { return secret[key] },
	})
	return c, inFile(err, stackFile)
}
