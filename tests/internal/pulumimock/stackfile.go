package pulumimock

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// StackFile returns the configuration of a stack file as the command line passes it to a program:
// the project file's defaults, overridden by the stack's own values. It needs no passphrase: an
// encrypted value becomes "[secret]".
func StackFile(projectFile, stackFile string) (values map[string]string, secretKeys []string, err error) {
	project, err := workspace.LoadProject(projectFile)
	if err != nil {
		return nil, nil, fmt.Errorf("project file: %w", err)
	}
	stack, err := workspace.LoadProjectStack(nil, project, stackFile)
	if err != nil {
		return nil, nil, fmt.Errorf("stack file: %w", err)
	}
	values = map[string]string{}
	for key, declared := range project.Config {
		switch value := declared.Default.(type) {
		case nil:
		case string:
			values[key] = value
		default:
			encoded, err := json.Marshal(value)
			if err != nil {
				return nil, nil, fmt.Errorf("project file: default of %s: %w", key, err)
			}
			values[key] = string(encoded)
		}
	}
	own, err := stack.Config.Decrypt(config.NewBlindingDecrypter())
	if err != nil {
		return nil, nil, fmt.Errorf("stack file %s: %w", stackFile, err)
	}
	for key, value := range own {
		values[key.String()] = value
	}
	for _, key := range stack.Config.SecureKeys() {
		secretKeys = append(secretKeys, key.String())
	}
	return values, secretKeys, nil
}
