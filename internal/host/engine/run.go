package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Run runs a command in a container as [Engine.Exec] does, with in as standard input (nil for
// none), and returns its standard output. A command that fails is an error, see [Result.Err].
func (e *Engine) Run(ctx context.Context, container string, argv []string, in io.Reader) ([]byte, error) {
	return output(e.Exec(ctx, container, argv, stdin(in)...))
}

// RunJSON is Run for a command that prints JSON. No error repeats the output, which may contain
// secrets.
func RunJSON[T any](ctx context.Context, e *Engine, container string, argv []string, in io.Reader) (T, error) {
	var answer T
	said, err := e.Run(ctx, container, argv, in)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(said, &answer); err != nil {
		var none T
		return none, fmt.Errorf("the answer of %s is no JSON of the kind that was wanted", program(argv))
	}
	return answer, nil
}

func stdin(in io.Reader) []ExecOption {
	if in == nil {
		return nil
	}
	return []ExecOption{Stdin(in)}
}

func output(result Result, err error) ([]byte, error) {
	if err == nil {
		err = result.Err()
	}
	if err != nil {
		return nil, err
	}
	return []byte(result.Stdout), nil
}
