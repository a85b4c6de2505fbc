package localpg

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent has the kernel ask for a fast shutdown when we are gone, even by kill -9.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// serves says that the process is a live postgres of that data directory, which is where a postgres stays.
func serves(pid int, data string) bool {
	proc := "/proc/" + strconv.Itoa(pid)
	name, err := os.ReadFile(proc + "/comm")
	if err != nil || strings.TrimSpace(string(name)) != "postgres" {
		return false
	}
	at, err := os.Stat(proc + "/cwd")
	if err != nil {
		return false
	}
	dir, err := os.Stat(data)
	return err == nil && os.SameFile(at, dir)
}

// asUser is the start of a command line that runs the rest of it as the user.
func asUser(name string) []string { return []string{"runuser", "-u", name, "--"} }
