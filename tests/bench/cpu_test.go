//go:build bench

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// processor is the CPU time, in seconds, of a start-up, and of the rest of the machine meanwhile:
// figures of a busy machine mean little.
type processor struct {
	// Containers is that of the four containers.
	Containers float64 `json:"containers"`
	// Pulumi is that of this program's child processes.
	Pulumi float64 `json:"pulumi"`
	// Others is the rest: Docker, this program, and other processes.
	Others float64 `json:"others"`
}

// processorClock starts to count; the returned function stops it, while the containers with the
// label still run.
func (m *machine) processorClock(labelled string) func(context.Context) (processor, error) {
	busy, children := busySeconds(), childSeconds()
	return func(ctx context.Context) (processor, error) {
		p := processor{Pulumi: childSeconds() - children}
		busy = busySeconds() - busy
		running, err := m.docker.API().ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", labelled))})
		if err != nil {
			return p, err
		}
		for _, c := range running {
			used, err := m.statistics(ctx, c.ID)
			if err != nil {
				return p, err
			}
			p.Containers += float64(used.CPUStats.CPUUsage.TotalUsage) / 1e9
		}
		p.Others = max(busy-p.Pulumi-p.Containers, 0)
		return p, nil
	}
}

// statistics are the engine's statistics of a container.
func (m *machine) statistics(ctx context.Context, name string) (stats container.StatsResponse, err error) {
	answer, err := m.docker.API().ContainerStatsOneShot(ctx, name)
	if err != nil {
		return stats, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	return stats, json.NewDecoder(answer.Body).Decode(&stats)
}

// ticksPerSecond is the kernel's unit in /proc/stat, on every machine that Go
// runs on.
const ticksPerSecond = 100

// busySeconds is the CPU time of the whole machine since its start; 0 if it cannot be read.
func busySeconds() float64 {
	content, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(content), "\n")
	ticks := 0.0
	// "cpu", user, nice, system, idle, waiting for disks, interrupts, soft ones.
	for i, field := range strings.Fields(line) {
		if n, err := strconv.ParseFloat(field, 64); err == nil && i < 8 && i != 4 && i != 5 {
			ticks += n
		}
	}
	return ticks / ticksPerSecond
}

// childSeconds is the CPU time of child processes that have ended.
func childSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &used); err != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(used.Utime) + seconds(used.Stime)
}
