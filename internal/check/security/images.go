package security

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// partOfLayer is the size of the parts in which a layer is searched.
const partOfLayer = 1 << 20

// marker is a file in a layer of every image of the stack: all are based on Debian.
const markerOfImage = "etc/passwd"

// search runs in the background during other attacks, since layers are large.
type search struct {
	done   chan struct{}
	cancel context.CancelFunc
	said   string
	err    error
}

// searchTime limits the search of images.
const searchTime = 3 * time.Minute

// beginImages starts to search the images; cleanup stops it.
func (c *suite) beginImages(ctx context.Context) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), searchTime)
	s := &search{done: make(chan struct{}), cancel: cancel}
	all, err := c.collect(ctx)
	go func() {
		defer close(s.done)
		if s.err = check.NotRun(err); err == nil {
			s.said, s.err = c.searchAllImages(within, all)
		}
	}()
	c.images = s
}

// end stops a search and waits for its end.
func (s *search) end() {
	if s != nil {
		s.cancel()
		<-s.done
	}
}

func (c *suite) secretsInImages(ctx context.Context) (string, error) {
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-c.images.done:
		return c.images.said, c.images.err
	}
}

func (c *suite) searchAllImages(ctx context.Context, all []secret) (string, error) {
	var images, leaks []string
	for _, name := range c.stack.Containers() {
		seen, err := c.docker.API().ContainerInspect(ctx, name)
		if err != nil {
			return "", check.NotRun(err)
		}
		images = append(images, seen.Image)
		history, err := c.docker.API().ImageHistory(ctx, seen.Image)
		if err == nil && len(history) == 0 {
			err = errors.New("it is empty")
		}
		if err != nil {
			return "", check.NotRun(fmt.Errorf("the history of the image of %s: %w", name, err))
		}
		text, err := json.Marshal(history)
		if err != nil {
			return "", err
		}
		leaks = append(leaks, found(all, "the history of the image of "+name, text)...)
	}
	slices.Sort(images)
	saved, err := c.docker.API().ImageSave(ctx, slices.Compact(images))
	if err != nil {
		return "", check.NotRun(fmt.Errorf("save the stack's images: %w", err))
	}
	defer func() { _ = saved.Close() }()
	more, bytesSeen, err := searchImages(saved, all)
	if err != nil {
		return "", check.NotRun(err)
	}
	return judgeSecrets(append(leaks, more...), fmt.Sprintf("%d images, %d MiB of layers", len(slices.Compact(images)), bytesSeen>>20), all)
}

// searchImages reads the output of `docker save`.
func searchImages(saved io.Reader, all []secret) (leaks []string, length int64, err error) {
	with := append([]secret{{"control", []byte(markerOfImage)}}, all...)
	control := false
	files := tar.NewReader(saved)
	buffer := make([]byte, partOfLayer)
	for {
		entry, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read the stack's images: %w", err)
		}
		if entry.Typeflag != tar.TypeReg {
			continue
		}
		unpacked, err := plain(files)
		if err != nil {
			return nil, 0, fmt.Errorf("unpack %s of the stack's images: %w", entry.Name, err)
		}
		last := &tail{all: with, where: "a layer, " + entry.Name}
		if _, err := io.CopyBuffer(struct{ io.Writer }{last}, struct{ io.Reader }{unpacked}, buffer); err != nil {
			return nil, 0, fmt.Errorf("read %s of the stack's images: %w", entry.Name, err)
		}
		leaks, length, control = append(leaks, last.leaks...), length+last.length, control || last.control
	}
	if !control {
		return nil, 0, fmt.Errorf("no layer names %s, so what was read is not an image", markerOfImage)
	}
	return leaks, length, nil
}
