package tenancy

import (
	"net"
	"net/netip"
	"syscall"
	"time"
)

// question is whether a server is there. PostgreSQL, or a pooler before it, answers it with one byte before any login. The kernel alone is
// needed to ask and to answer for us: every call returns at once.
type question struct {
	at        time.Duration // when it was asked, in own time
	socket    int
	to        syscall.Sockaddr
	connected bool
	sent      bool
}

// sslRequest is the question, as PostgreSQL's protocol has it.
var sslRequest = []byte{0, 0, 0, 8, 4, 210, 22, 47}

// newQuestion asks. It is nil where it cannot be asked, and nothing then be told of the server.
func newQuestion(network, address string, at time.Duration) *question {
	to, family := sockaddr(network, address)
	if to == nil {
		return nil
	}
	syscall.ForkLock.RLock()
	socket, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(socket)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil
	}
	q := &question{at: at, socket: socket, to: to}
	if syscall.SetNonblock(socket, true) != nil {
		q.close()
		return nil
	}
	_ = q.answered() // goes as far as it can
	return q
}

func sockaddr(network, address string) (to syscall.Sockaddr, family int) {
	if network == "unix" {
		return &syscall.SockaddrUnix{Name: address}, syscall.AF_UNIX
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, 0
	}
	if ip := at.Addr().Unmap(); ip.Is4() {
		return &syscall.SockaddrInet4{Port: int(at.Port()), Addr: ip.As4()}, syscall.AF_INET
	}
	v6 := &syscall.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	if zone := at.Addr().Zone(); zone != "" {
		if link, err := net.InterfaceByName(zone); err == nil {
			v6.ZoneId = uint32(link.Index)
		}
	}
	return v6, syscall.AF_INET6
}

// answered says that there is an answer. A refusal is one, and so is anything else than silence.
func (q *question) answered() bool {
	if !q.connected {
		switch err := syscall.Connect(q.socket, q.to); err {
		case nil, syscall.EISCONN:
			q.connected = true
		case syscall.EINPROGRESS, syscall.EALREADY, syscall.EAGAIN, syscall.EINTR,
			syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ETIMEDOUT: // the server said none of that
			return false
		default:
			return true
		}
	}
	if !q.sent {
		switch _, err := syscall.Write(q.socket, sslRequest); err {
		case nil:
			q.sent = true
		case syscall.EAGAIN, syscall.EINTR:
			return false
		default:
			return true
		}
	}
	_, err := syscall.Read(q.socket, make([]byte, 1))
	return err != syscall.EAGAIN && err != syscall.EINTR
}

func (q *question) close() { _ = syscall.Close(q.socket) }
