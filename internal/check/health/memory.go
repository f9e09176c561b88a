package health

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// inMemory prints how many processes the kernel has killed for lack of memory since the container
// started, for both versions of cgroups. Docker does not report a kill that spares the first
// process.
const inMemory = `cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null; true`

// imagesAge is the maximum age of the Debian packages in an image.
const imagesAge = 30 * 24 * time.Hour

// crashes are Postgres log lines about problems that have ended by the time of the check.
var crashes = []struct {
	id           check.ID
	what, wanted string
	line         *regexp.Regexp
}{
	0: {
		DatabaseCrashed, "a process of Postgres was killed, and every session with it was ended", "no process killed",
		regexp.MustCompile(`was terminated by signal (?:9|6|11)|terminating any other active server processes`),
	},
	1: {
		SharedMemoryFull, "Postgres has no room in /dev/shm, and statements fail with: No space left on device", "room, or no parallel workers",
		regexp.MustCompile(`could not resize shared memory segment`),
	},
}

// checkMemory finds what the kernel or a full folder ended inside running containers.
func (d *doctor) checkMemory(ctx context.Context) (found []Finding, err error) {
	for _, component := range components {
		name := d.container(component)
		if name == "" || component == Realm || d.down[component] != "" {
			continue
		}
		out, failed := d.exec(ctx, name, []string{"sh", "-c", inMemory})
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("memory of %s: %w", name, failed))
			continue
		}
		found = append(found, d.judgeKills(component, out)...)
	}
	if name := d.Stack.Postgres.Container; name != "" && d.down[Postgres] == "" {
		found = append(found, d.judgeCrashes(d.logSince(ctx, name, startOf(d.inspected[Postgres])))...)
	}
	return found, err
}

// judgeKills reads the kernel's count.
func (d *doctor) judgeKills(component Component, events string) []Finding {
	for line := range strings.Lines(events) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[0] != "oom_kill" {
			continue
		}
		kills, err := strconv.Atoi(fields[1])
		if err != nil || kills == 0 {
			return nil
		}
		name := d.container(component)
		return []Finding{{
			ID: ProcessKilled, Component: component, Summary: "the kernel killed a process inside " + name + " for lack of memory, and the container still runs",
			Got: fmt.Sprintf("%d since it started", kills), Wanted: "0", Cause: memorySetting(component) + ", if it happens again",
			Fix: "docker restart " + name,
		}}
	}
	return nil
}

// judgeCrashes reads Postgres's log since the container started: a restart ends both the problem
// and the finding.
func (d *doctor) judgeCrashes(log []byte) (found []Finding) {
	name := d.container(Postgres)
	for _, crash := range crashes {
		if line := lastMatch(log, crash.line); line != "" {
			found = append(found, Finding{
				ID: crash.id, Component: Postgres, Summary: crash.what, Got: line, Wanted: crash.wanted,
				Cause: "setting postgres.memoryMB, or an image of its own in images.postgres", Fix: "docker restart " + name,
			})
		}
	}
	return found
}

func startOf(seen container.InspectResponse) string {
	if seen.ContainerJSONBase == nil || seen.State == nil {
		return logsSince
	}
	return seen.State.StartedAt
}

// checkImages checks the age of the Debian packages in each container's image.
func (d *doctor) checkImages(ctx context.Context) (found []Finding, err error) {
	for _, component := range components {
		seen, is := d.inspected[component]
		if !is || component == Realm {
			continue
		}
		image, failed := d.docker.API().ImageInspect(ctx, seen.Image)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("inspect the image of %s: %w", d.container(component), failed))
			continue
		}
		day := ""
		if image.Config != nil {
			day = image.Config.Labels[naming.Debian]
		}
		old, failed := d.judgeAge(component, day, image.Created, time.Now())
		found, err = append(found, old...), errors.Join(err, failed)
	}
	return found, err
}

// judgeAge uses the date label of the base image, or else the creation time of the image.
func (d *doctor) judgeAge(component Component, day, created string, now time.Time) ([]Finding, error) {
	made, err := time.Parse(time.DateOnly, day)
	if err != nil {
		if made, err = time.Parse(time.RFC3339Nano, created); err != nil {
			return nil, fmt.Errorf("age of the image of %s: %w", d.container(component), err)
		}
	}
	age := now.Sub(made)
	if age <= imagesAge {
		return nil, nil
	}
	return []Finding{{
		ID: ImageOld, Component: component, Summary: "the image of " + d.container(component) + " has Debian packages without recent security fixes",
		Got: fmt.Sprintf("%s, %d days ago", made.Format(time.DateOnly), int(age.Hours()/24)), Wanted: fmt.Sprintf("at most %d days", int(imagesAge.Hours()/24)),
		Cause: "setting images.date", Fix: d.up("--fresh"),
	}}, nil
}
