//go:build unix && !linux

package localpg

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent can do nothing here: a server whose owner was killed runs until the next Start in its directory.
func dieWithParent(*syscall.SysProcAttr) {}

// serves says that the process is a live postgres of that data directory, by its command line: `pg_ctl status` would
// take any process that has been given the pid since.
func serves(pid int, data string) bool {
	line, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(line), "/postgres -D "+data+" ")
}

// asUser is the start of a command line that runs the rest of it as the user.
func asUser(name string) []string { return []string{"sudo", "-u", name} }
