package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// account is the user that the server runs as.
type account struct {
	name     string
	uid, gid uint32
	switched bool // we are root, which PostgreSQL refuses to run as, and this is somebody else
}

func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{name, uint32(uid), uint32(gid), true}, nil
		}
	}
	return account{}, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody: " +
		"run as another user, or make one with `useradd --system postgres`")
}

// command is name with its arguments, run by the account in dir, in a process group of its own: Ctrl-C at the terminal
// is for us, who then stop it in order.
func (a account) command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	// Its messages are read here, so they are to be English; and on macOS it does not start without a valid LC_ALL.
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LANGUAGE=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.switched {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return cmd
}

// mkdir makes dir, unless it is there, for the account alone.
func (a account) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil || !a.switched {
		return err
	}
	return os.Lchown(dir, int(a.uid), int(a.gid))
}

// reaches errs, naming the obstacle, when the account may not enter dir or a directory above it. dir has no symlinks.
func (a account) reaches(dir string) error {
	if !a.switched {
		return nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		enter := fs.FileMode(0o001)
		switch stat := info.Sys().(*syscall.Stat_t); {
		case stat.Uid == a.uid:
			enter = 0o100
		case stat.Gid == a.gid:
			enter = 0o010
		}
		if info.Mode()&enter == 0 {
			return fmt.Errorf("%s: as root, PostgreSQL runs as the user %s, who may not enter %s: choose another directory or `chmod a+x %s`",
				dir, a.name, at, quote(at))
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

// process is a child that does not outlive us where the system can see to it.
type process struct {
	cmd   *exec.Cmd
	pid   int
	ended chan struct{} // closed when it has; then err says how
	err   error
}

func run(cmd *exec.Cmd) (*process, error) {
	dieWithParent(cmd.SysProcAttr)
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// To the kernel the parent is the thread that forked: it must not end before the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// stop stops a postgres and errs when there was none left to stop.
func (p *process) stop() error {
	select {
	case <-p.ended:
		return fmt.Errorf("PostgreSQL had ended by itself (%v)", p.cmd.ProcessState)
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGINT) // it may be ending at this moment
	select {
	case <-p.ended:
	case <-time.After(stopPatience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.ended
	}
	if p.err != nil {
		return fmt.Errorf("PostgreSQL did not stop cleanly (%w)", p.err)
	}
	return nil
}

// lockDir takes dir for this process. The lock goes with the process however it ends, and the server does not inherit
// it: an orphaned server holds nothing.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "rowhouse.lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		holder, _ := os.ReadFile(f.Name())
		return nil, fmt.Errorf("%s is in use by another rowhouse (pid %s)", dir, strings.TrimSpace(string(holder)))
	}
	_, err = fmt.Fprintf(f, "%-10d\n", os.Getpid()) // padded, to cover what the last holder wrote
	return f, err
}
