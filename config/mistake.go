package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// SettingError is what is wrong with one setting.
type SettingError struct {
	// Path is the setting, such as "mlflow-sso:mlflow.port".
	Path string
	// Err says what was got and what is wanted.
	Err error
	// unread says that the value could not be read, so that nothing is known about it.
	unread bool
}

// Error is one line.
func (m *SettingError) Error() string {
	return m.Path + ": " + strings.Join(strings.Fields(strings.ReplaceAll(m.Err.Error(), "\n", "; ")), " ")
}

func (m *SettingError) Unwrap() error { return m.Err }

// SettingsError are all that are wrong with the settings of a stack, a line each.
type SettingsError struct {
	// File is the stack file; empty where the settings come from Pulumi.
	File string
	All  []*SettingError
	// lines are where the settings are in File.
	lines *lines
}

// Error has a line for each mistake, in the order of the file.
func (m *SettingsError) Error() string {
	if len(m.All) == 1 {
		return "configuration: " + m.line(m.All[0])
	}
	text := fmt.Sprintf("configuration: %d mistakes", len(m.All))
	for _, one := range m.All {
		text += "\n  " + m.line(one)
	}
	return text
}

// line is a mistake with its place in front, as compilers write it.
func (m *SettingsError) line(one *SettingError) string {
	switch n := m.lines.of(one.Path); {
	case m.File == "":
		return one.Error()
	case n == 0:
		return m.File + ": " + one.Error()
	default:
		return fmt.Sprintf("%s:%d: %v", m.File, n, one)
	}
}

// Unwrap makes each mistake reachable.
func (m *SettingsError) Unwrap() []error {
	all := make([]error, 0, len(m.All))
	for _, one := range m.All {
		all = append(all, one)
	}
	return all
}

// mistakesOrNil is the error for the mistakes; nil without any.
func mistakesOrNil(all []*SettingError) error {
	if len(all) == 0 {
		return nil
	}
	return &SettingsError{All: all}
}

// inFile adds the file, and the line of each setting, to an error of Parse.
func inFile(err error, file string) error {
	var mistakes *SettingsError
	if !errors.As(err, &mistakes) {
		return err
	}
	mistakes.File, mistakes.lines = shownPath(file), readLines(file)
	slices.SortStableFunc(mistakes.All, func(a, b *SettingError) int {
		return cmp.Compare(mistakes.lines.of(a.Path), mistakes.lines.of(b.Path))
	})
	return mistakes
}

// shownPath is a path as short as a person would type it.
func shownPath(file string) string {
	here, err := os.Getwd()
	if err != nil {
		return file
	}
	if short, err := filepath.Rel(here, file); err == nil && !strings.HasPrefix(short, "..") {
		return short
	}
	return file
}

// independent drops the mistakes of rules that only follow from a setting that could not be read:
// the rule saw its default.
func independent(rules, read []*SettingError) []*SettingError {
	return slices.DeleteFunc(rules, func(rule *SettingError) bool {
		return slices.ContainsFunc(read, func(r *SettingError) bool { return r.unread && rule.follows(r) })
	})
}

// follows says whether a rule is about a setting, a part of it, or something that it is part of, or
// names it.
func (m *SettingError) follows(unread *SettingError) bool {
	if within(m.Path, unread.Path) || within(unread.Path, m.Path) {
		return true
	}
	short := strings.TrimPrefix(unread.Path, Namespace+":")
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(short) + `\b`).MatchString(m.Err.Error())
}

// within says whether a path is another one or a part of it.
func within(path, whole string) bool {
	rest, ok := strings.CutPrefix(path, whole)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
