package stack

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"gopkg.in/yaml.v3"
)

// imagesKey is the setting with the minimum date of the Debian packages.
const imagesKey, dateKey = "mlflow-sso:images", "date"

// SetImagesDate writes the date into the stack file, and returns the file's path. It preserves
// everything else, including comments.
func SetImagesDate(repository, name, file string, day time.Time) (string, error) {
	file = FileOf(repository, name, file)
	// Do not write to an invalid file.
	if _, err := Settings(repository, name, file); err != nil {
		return "", err
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	before, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	after, err := withImagesDate(before, day.UTC().Format(time.DateOnly))
	if err != nil {
		return "", fmt.Errorf("stack file %s: %w", file, err)
	}
	return file, os.WriteFile(file, after, info.Mode().Perm()) //nolint:gosec // the operator names the file
}

func withImagesDate(text []byte, day string) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("got no mapping, want one with config in it")
	}
	images := mappingAt(mappingAt(document.Content[0], "config"), imagesKey)
	value := valueOf(images, dateKey)
	if value == nil {
		value = &yaml.Node{}
		images.Content = append(images.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: dateKey}, value)
	}
	// Quoted: YAML parses a bare date as a timestamp.
	*value = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: day, LineComment: value.LineComment}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&document); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// mappingAt returns the mapping of that name, and creates it if it is missing or empty.
func mappingAt(mapping *yaml.Node, name string) *yaml.Node {
	value := valueOf(mapping, name)
	if value == nil {
		value = &yaml.Node{}
		mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, value)
	}
	if value.Kind != yaml.MappingNode {
		*value = yaml.Node{Kind: yaml.MappingNode}
	}
	return value
}

func valueOf(mapping *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	return nil
}
