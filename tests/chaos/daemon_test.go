//go:build chaos

package chaos

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/stretchr/testify/require"
)

const daemonFault = "the Docker daemon is killed"

// killDaemon kills this machine's daemon and starts it again with the tool.
func killDaemon(w *ward) {
	text, err := os.ReadFile("/var/run/docker.pid")
	require.NoError(w, err, "where the daemon's number is")
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(w, err)
	name, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	require.NoError(w, err)
	require.Equal(w, "dockerd\n", string(name))
	require.NoError(w, syscall.Kill(pid, syscall.SIGKILL))
	start := exec.Command(w.lab.tool, "bootstrap")
	start.Dir = w.lab.root
	said, err := start.CombinedOutput()
	require.NoError(w, err, "%s", said)
}
