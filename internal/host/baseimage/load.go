package baseimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/image"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/apt"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// load creates an image from a directory.
func load(ctx context.Context, docker *engine.Engine, dir, reference, hash string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends tar if the engine fails first
	read, write := io.Pipe()
	pack := apt.Command(ctx, "tar", "--create", "--directory="+dir, "--numeric-owner", "--one-file-system",
		"--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*", ".")
	pack.Stdout = write
	packed := make(chan error, 1)
	go func() {
		err := pack.Run()
		_ = write.CloseWithError(err) // nil reads as the end
		packed <- err
	}()

	messages, err := docker.API().ImageImport(ctx, image.ImportSource{Source: read, SourceName: "-"}, reference, image.ImportOptions{
		Message: "Debian " + suite + ", assembled by debootstrap",
		Changes: []string{
			"ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"LABEL " + Label + "=" + hash + " " + naming.Debian + "=" + time.Now().UTC().Format(time.DateOnly),
			`CMD ["bash"]`,
		},
	})
	if err == nil {
		err = errors.Join(streamError(messages), messages.Close())
	}
	_ = read.Close() // so that tar does not wait for a reader
	if tarErr := <-packed; tarErr != nil && err == nil {
		err = fmt.Errorf("pack the system: %w", tarErr)
	}
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

// streamError returns the error in a stream of the engine's messages, if there is one.
func streamError(stream io.Reader) error {
	for messages := json.NewDecoder(stream); ; {
		var message struct {
			Error string `json:"error"`
		}
		switch err := messages.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", err)
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}
