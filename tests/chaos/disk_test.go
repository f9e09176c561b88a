//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	// room is the additional free space of a small disk, in MiB.
	room = 48
	// fullFor is how long the disk stays full after a user has noticed.
	fullFor = 20 * time.Second
	// felt is the time limit until a user notices.
	felt = time.Minute
)

// smallDisk is mounted over a volume and can be filled without harm to the machine. It is in
// memory.
type smallDisk struct {
	// volume is the rest of its name, and owner the user that writes to it.
	volume, owner string

	at, disk string
}

// under mounts the disk over the volume, with a copy of its content.
func (d *smallDisk) under(w *ward) {
	seen, err := w.docker.API().VolumeInspect(w.Context(), w.lab.name+"-"+d.volume)
	require.NoError(w, err)
	d.at = seen.Mountpoint
	d.disk, err = os.MkdirTemp("", "mlflow-sso-chaos-")
	require.NoError(w, err)
	d.while(w, func() {
		var size int64
		require.NoError(w, filepath.Walk(d.at, func(_ string, info os.FileInfo, err error) error {
			if err == nil {
				size += max(info.Size(), 4096)
			}
			return err
		}))
		require.NoError(w, unix.Mount("tmpfs", d.disk, "tmpfs", 0, fmt.Sprintf("size=%dk", size>>10+room<<10)))
		copied(w, d.at, d.disk)
		require.NoError(w, unix.Mount(d.disk, d.at, "", unix.MS_BIND, ""))
	})
}

// away removes the disk and copies its content to the volume.
func (d *smallDisk) away(w *ward) {
	if d.at == "" {
		return
	}
	d.while(w, func() {
		require.NoError(w, unix.Unmount(d.at, unix.MNT_DETACH))
		entries, err := os.ReadDir(d.at)
		require.NoError(w, err)
		for _, entry := range entries {
			require.NoError(w, os.RemoveAll(filepath.Join(d.at, entry.Name())))
		}
		copied(w, d.disk, d.at)
		require.NoError(w, unix.Unmount(d.disk, unix.MNT_DETACH))
		require.NoError(w, os.Remove(d.disk))
	})
	w.waitWell(time.Now())
}

// while runs a function while no container uses the volume. A container gets the mount that exists when it
// starts.
func (d *smallDisk) while(w *ward, do func()) {
	api, ctx := w.docker.API(), context.WithoutCancel(w.Context())
	all := []string{w.container(d.owner)}
	if d.owner == "mlflow" {
		all = append(all, w.container("backup")) // it reads the artifacts
	}
	for _, name := range all {
		require.NoError(w, api.ContainerStop(ctx, name, container.StopOptions{}))
	}
	do()
	for _, name := range all {
		require.NoError(w, api.ContainerStart(ctx, name, container.StartOptions{}))
	}
}

// copied copies a folder's content with owners and modes, which no function of Go's library does.
func copied(w *ward, from, to string) {
	w.Helper()
	said, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput()
	require.NoError(w, err, "%s", said)
}

// fill repeatedly takes the last byte until a user has noticed for a while; then it frees space.
func (d *smallDisk) fill(w *ward) {
	ballast, err := os.OpenFile(filepath.Join(d.disk, "ballast"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(w, err)
	began, since := time.Now(), time.Time{}
	for since.IsZero() || time.Since(since) < fullFor {
		for part := make([]byte, 1<<20); len(part) > 0; {
			if _, err := ballast.Write(part); errors.Is(err, syscall.ENOSPC) {
				part = part[:len(part)/2]
			} else {
				require.NoError(w, err)
			}
		}
		if since.IsZero() && w.users.diaries[scripts].Since(began).Failed > 0 {
			since = time.Now()
		}
		require.Less(w, time.Since(began), felt+fullFor, "no user has noticed the full disk: this tests nothing")
		time.Sleep(100 * time.Millisecond)
	}
	require.NoError(w, ballast.Close())
	require.NoError(w, os.Remove(ballast.Name()))
}
