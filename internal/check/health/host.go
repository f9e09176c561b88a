package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// skew is the tolerance between clocks: tokens are refused beyond a minute or so.
	skew = 30 * time.Second
	// little is the minimum free space on a volume, in KiB; in a tmpfs a twentieth is enough.
	little = 256 << 10
)

// checkHost compares clocks, and checks the free space where a service writes.
func (d *doctor) checkHost(ctx context.Context) (found []Finding, err error) {
	asked := time.Now()
	info, failed := d.docker.API().Info(ctx)
	switch there, wrong := time.Parse(time.RFC3339Nano, info.SystemTime); {
	case failed != nil:
		err = fmt.Errorf("read the Docker host's data: %w", failed)
	case wrong != nil:
		err = fmt.Errorf("the clock of Docker's host: %w", wrong)
	default:
		found = append(found, judgeClock(asked, time.Now(), there)...)
	}
	for _, component := range components {
		name := d.container(component)
		if name == "" || component == Realm || d.down[component] != "" {
			continue
		}
		full, failed := d.checkFolders(ctx, component)
		found, err = append(found, full...), errors.Join(err, failed)
	}
	return found, err
}

// judgeClock requires the host's clock to be between before and after, within skew.
func judgeClock(before, after, there time.Time) []Finding {
	if !there.Before(before.Add(-skew)) && !there.After(after.Add(skew)) {
		return nil
	}
	return []Finding{{
		ID: Clock, Component: Host, Summary: "the clock of Docker's host and that of this machine differ: tokens and certificates may be refused",
		Got: there.UTC().Format(time.RFC3339), Wanted: after.UTC().Format(time.RFC3339) + ", give or take " + skew.String(),
		Cause: "the host's clock, or this machine's", Fix: "timedatectl set-ntp true",
	}}
}

// folder is a folder that a container writes to.
type folder struct {
	path string
	// memory marks a tmpfs.
	memory bool
}

func (d *doctor) checkFolders(ctx context.Context, component Component) (found []Finding, err error) {
	name, seen := d.container(component), d.inspected[component]
	var folders []folder
	for _, mount := range seen.Mounts {
		folders = append(folders, folder{mount.Destination, false})
	}
	for path := range seen.HostConfig.Tmpfs {
		folders = append(folders, folder{path, true})
	}
	slices.SortFunc(folders, func(a, b folder) int { return strings.Compare(a.path, b.path) })
	for _, f := range folders {
		out, failed := d.exec(ctx, name, []string{"df", "-Pk", "--", f.path})
		if failed == nil {
			var full []Finding
			if full, failed = d.judgeSpace(component, f, out); failed == nil {
				found = append(found, full...)
			}
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("room in %s of %s: %w", f.path, name, failed))
		}
	}
	return found, err
}

// judgeSpace reads df's output for one folder.
func (d *doctor) judgeSpace(component Component, f folder, df string) ([]Finding, error) {
	fields := strings.Fields(lastLine(df))
	if len(fields) < 6 {
		return nil, fmt.Errorf("df wrote %q, want a line with six fields", lastLine(df))
	}
	size, wrong := strconv.ParseInt(fields[1], 10, 64)
	free, wrong2 := strconv.ParseInt(fields[3], 10, 64)
	if err := errors.Join(wrong, wrong2); err != nil {
		return nil, fmt.Errorf("df: %w", err)
	}
	least := int64(little)
	if f.memory {
		least = size / 20
	}
	if free >= least {
		return nil, nil
	}
	name := d.container(component)
	full := Finding{
		ID: DiskFull, Component: Host, Summary: fmt.Sprintf("%s of %s is full", f.path, name),
		Got: fmt.Sprintf("%d MiB free of %d", free>>10, size>>10), Wanted: fmt.Sprintf("at least %d MiB", least>>10),
		Cause: "the host's disk, where Docker keeps its volumes", Fix: "docker image prune --force",
	}
	if f.memory {
		full.ID, full.Component = TmpfsFull, component
		full.Cause, full.Fix = "the folder in memory "+f.path+" of container "+name, "docker restart "+name
	}
	return []Finding{full}, nil
}

// exec runs a command in a container and returns its output.
func (d *doctor) exec(ctx context.Context, name string, command []string) (string, error) {
	said, err := d.docker.Run(ctx, name, command, nil)
	return string(said), err
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
