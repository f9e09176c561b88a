package config

import (
	"os"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// lines are where the settings of a stack file are.
type lines struct{ settings *yaml.Node }

// readLines reads a stack file; nil where it cannot be read.
func readLines(file string) *lines {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var document yaml.Node
	if yaml.Unmarshal(content, &document) != nil || len(document.Content) != 1 {
		return nil
	}
	_, settings := member(document.Content[0], "config")
	return &lines{settings}
}

// step is one part of a path: ".name" or "[name]".
var step = regexp.MustCompile(`\.?([^.\[\]]+)|\[([^\]]*)\]`)

// of is the line of a setting, or of what it would be part of; 0 where the file has neither.
func (l *lines) of(path string) int {
	if l == nil || l.settings == nil {
		return 0
	}
	path, _, _ = strings.Cut(path, " and ") // two settings in one mistake
	line, at := 0, l.settings
	for _, found := range step.FindAllStringSubmatch(path, -1) {
		name := found[1]
		if strings.HasPrefix(found[0], "[") {
			name = found[2]
		}
		key, value := part(at, name)
		if key == nil {
			return line
		}
		line, at = key.Line, value
	}
	return line
}

// part is a member of a mapping, an element of a list by its number, or one by its name.
func part(node *yaml.Node, name string) (key, value *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.SequenceNode {
		for _, known := range append([]string{name}, former(name)...) {
			if key, value = member(node, known); key != nil {
				return key, value
			}
		}
		return nil, nil
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(node.Content) {
		return node.Content[i], node.Content[i]
	}
	for _, element := range node.Content {
		for _, naming := range []string{"name", "alias"} {
			if _, own := member(element, naming); own != nil && own.Value == name {
				return element, element
			}
		}
	}
	return nil, nil
}

func member(node *yaml.Node, name string) (key, value *yaml.Node) {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return node.Content[i], node.Content[i+1]
		}
	}
	return nil, nil
}

// former are the old names of a setting, or of a member by its own name.
func former(name string) (old []string) {
	short, top := strings.CutPrefix(name, Namespace+":")
	for _, row := range RenamedSettings() {
		_, is := split(row.New)
		_, was := split(row.Old)
		switch {
		case is != short || top == strings.Contains(row.New, "."):
		case top:
			old = append(old, Namespace+":"+was)
		default:
			old = append(old, was)
		}
	}
	return old
}
