//go:build chaos

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/loadgen"
)

// sight is an error in the wording by which the table counts.
type sight string

func (s sight) Error() string { return string(s) }

// failure is what a user saw; empty for nil.
func failure(err error) string {
	var answer *loadgen.AnswerError
	var said sight
	var network net.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &said):
		return string(said)
	case errors.As(err, &answer):
		return fmt.Sprintf("%d %s", answer.Code, message(answer.Body))
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return "connection lost"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("no answer in %s", patience)
	}
	return plain(err.Error())
}

// another is what a user sees instead of the expected page.
func another(who string, got *browser.Page) error {
	said := got.Title()
	if !got.HTML() || said == "" {
		said = message(got.Body)
	}
	return sight(fmt.Sprintf("%s: %d %s", who, got.Status, strings.TrimPrefix(plain(said), fmt.Sprintf("%d ", got.Status))))
}

// message is the text of a response of MLflow's, the plugin's or Keycloak's API, or of another.
func message(body []byte) string {
	var said map[string]any
	if json.Unmarshal(body, &said) == nil {
		for _, key := range []string{"message", "detail", "error_description", "error", "error_code"} {
			if text, ok := said[key].(string); ok && text != "" {
				return plain(text)
			}
		}
	}
	if text := plain(tags.ReplaceAllString(string(body), " ")); text != "" {
		return text
	}
	return "(nothing)"
}

var (
	tags  = regexp.MustCompile(`(?s)<(script|style|title)\b.*?</(script|style|title)>|<[^>]*>`)
	ids   = regexp.MustCompile(`[0-9a-f]{16,}|\b\d+(\.\d+)+\b`)
	every = regexp.MustCompile(`\b\d+ seconds`)
	first = 70 // letters of a text that are shown
)

// plain is a text without variable parts.
func plain(text string) string {
	text = every.ReplaceAllString(ids.ReplaceAllString(text, "…"), "… seconds")
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > first {
		text = string(runes[:first]) + "…"
	}
	return strings.ReplaceAll(text, "|", "/")
}
