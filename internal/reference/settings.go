package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/mlflow-sso/mlflow-sso/config"
)

// Settings returns the page of the settings: types and defaults from package config,
// descriptions from Pulumi.yaml and the comments in config/, both in the working copy at
// root. A setting without a description is an error.
func Settings(root string) (string, error) {
	project, err := workspace.LoadProject(filepath.Join(root, "Pulumi.yaml"))
	if err != nil {
		return "", fmt.Errorf("read the project file: %w", err)
	}
	comments, err := fieldComments(filepath.Join(root, "config"))
	if err != nil {
		return "", err
	}
	var page strings.Builder
	page.WriteString(written + `# Settings

The settings of a stack are in its stack file, ` + "`Pulumi.<stack>.yaml`" + `, under keys that begin with
` + "`" + config.Namespace + ":`" + `. Two stacks differ in their settings only. No setting is a secret: credentials are
derived from one root secret, and those of external services are read from files.
`)
	for _, setting := range config.Schema() {
		comment := comments[setting.Field]
		top := !strings.Contains(setting.Path, ".")
		if top {
			comment = project.Config[config.Namespace+":"+setting.Path].Description
			fmt.Fprintf(&page, "\n## %s\n\n%s\n\n| setting | type | default | description |\n|---|---|---|---|\n", setting.Path, strings.TrimSpace(comment))
		}
		if comment == "" {
			return "", fmt.Errorf("setting %s has no description: comment the field %s in config/, or describe it in Pulumi.yaml", setting.Path, setting.Field)
		}
		if top && setting.Type == "object" {
			continue
		}
		cell := sentence(setting, comment)
		if top {
			cell = "see above"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", setting.Path, setting.Type, code(setting.Default), cell)
	}
	page.WriteString("\n## Renamed settings\n\nThe old names work for one release, with a warning.\n\n| old | new |\n|---|---|\n")
	for _, row := range config.RenamedSettings() {
		fmt.Fprintf(&page, "| `%s` | `%s` |\n", row.Old, row.New)
	}
	return page.String(), nil
}

// fieldComments returns the comments of all struct fields in a package's folder, by
// "Type.Field".
func fieldComments(folder string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	comments := map[string]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("read the comments of the settings: %w", err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if object, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range object.Fields.List {
					for _, name := range field.Names {
						comments[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return comments, nil
}

// sentence turns a field's comment into a table cell, without the Go name at its start.
func sentence(setting config.Setting, comment string) string {
	_, field, _ := strings.Cut(setting.Field, ".")
	if rest, ok := strings.CutPrefix(comment, field+" "); ok {
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "is "), "are ")
		comment = strings.ToUpper(rest[:1]) + rest[1:]
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(comment)
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
