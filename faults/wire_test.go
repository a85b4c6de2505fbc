//go:build faults && linux

package faults

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// wire stands between the server and its database. It knows where each message begins, and is asked before each what to do.
type wire struct {
	url      string
	socket   string // of the database
	listener net.Listener

	// fault, if set, decides what becomes of each message after the login.
	fault func(message) action

	mu      sync.Mutex
	links   map[*link]bool
	refuses bool
	gate    chan struct{} // closed: everything passes
}

// message is one of PostgreSQL's protocol, under way.
type message struct {
	fromServer bool
	kind       byte
}

type action int

const (
	pass     action = iota
	wait            // some milliseconds
	hang            // this connection falls silent, in both directions
	cut             // this connection breaks before the message
	cutAfter        // and after it
	kill            // the client is told in its place that an administrator ended the connection
	withhold        // the database is asked for what it has to say so far, and the message, its sign to commit, never comes
)

const (
	// delay is what wait waits.
	delay = 20 * time.Millisecond
	// keepalive is when both ends of a silent connection are told that it is dead, as TCP's keepalive does in the end. Until then the
	// database keeps what a transaction holds that was cut in the middle.
	keepalive = 10 * time.Second
)

// adminShutdown is PostgreSQL's last word on a connection that is ended from outside.
var adminShutdown = func() []byte {
	body := "SFATAL\x00VFATAL\x00C57P01\x00Mterminating connection due to administrator command\x00\x00"
	return append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(4+len(body))), body...)
}()

// newWire leads to the database that a URL of its socket names.
func newWire(t *testing.T, to string) *wire {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	query := target.Query()
	w := &wire{socket: filepath.Join(query.Get("host"), ".s.PGSQL."+query.Get("port")), links: map[*link]bool{}, gate: open}
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	target.Host, target.RawQuery = w.listener.Addr().String(), "sslmode=disable"
	w.url = target.String()
	go func() {
		for {
			client, err := w.listener.Accept()
			if err != nil {
				return
			}
			w.link(client)
		}
	}()
	t.Cleanup(func() {
		_ = w.listener.Close()
		w.cutAll()
	})
	return w
}

// freeze swallows everything, new connections included, until thaw. A connection that lost something stays silent for ever.
func (w *wire) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gate = make(chan struct{})
}

func (w *wire) thaw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gate = open // not the one that some are waiting at
}

// open is a gate that nobody waits at.
var open = func() chan struct{} {
	gate := make(chan struct{})
	close(gate)
	return gate
}()

// refuse breaks all connections, and new ones at once, until it is called with false.
func (w *wire) refuse(yes bool) {
	w.mu.Lock()
	w.refuses = yes
	w.mu.Unlock()
	if yes {
		w.cutAll()
	}
}

func (w *wire) cutAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.links {
		l.close()
	}
}

// link is one connection through the wire.
type link struct {
	wire           *wire
	client, server net.Conn
	over           chan struct{}
	once           sync.Once
}

func (w *wire) link(client net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuses {
		_ = client.Close()
		return
	}
	server, err := net.Dial("unix", w.socket)
	if err != nil {
		_ = client.Close()
		return
	}
	l := &link{wire: w, client: client, server: server, over: make(chan struct{})}
	w.links[l] = true
	for _, pump := range []func() error{l.forth, l.back} {
		go func() {
			_ = pump() // however it ended, both ends are closed
			l.close()
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.links, l)
		}()
	}
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.over)
		_, _ = l.client.Close(), l.server.Close()
	})
}

// through waits while the wire is frozen.
func (l *link) through() error {
	l.wire.mu.Lock()
	gate := l.wire.gate
	l.wire.mu.Unlock()
	select {
	case <-gate:
		return nil
	case <-l.over:
		return net.ErrClosed
	}
}

const (
	sslRequest    = 80877103
	cancelRequest = 80877102
)

// forth pumps the client's messages: the first has no type, and may only ask for TLS, of which there is none.
func (l *link) forth() error {
	in := bufio.NewReader(l.client)
	for {
		head, err := in.Peek(8)
		if err != nil {
			return err
		}
		if err := l.through(); err != nil {
			return err
		}
		code := binary.BigEndian.Uint32(head[4:])
		if code == sslRequest {
			_, _ = in.Discard(len(head))
			if _, err := l.client.Write([]byte("N")); err != nil {
				return err
			}
			continue
		}
		if _, err := io.CopyN(l.server, in, int64(binary.BigEndian.Uint32(head))); err != nil || code == cancelRequest {
			return err
		}
		return l.pump(l.server, in, false)
	}
}

func (l *link) back() error { return l.pump(l.client, bufio.NewReader(l.server), true) }

func (l *link) pump(to io.Writer, from *bufio.Reader, fromServer bool) error {
	login := true // until the server is ready for the first time; the client's part of it is a password at most
	for {
		head, err := from.Peek(5)
		if err != nil {
			return err
		}
		m := message{fromServer, head[0]}
		size := int64(binary.BigEndian.Uint32(head[1:])) + 1
		if err := l.through(); err != nil {
			return err
		}
		do := pass
		if l.wire.fault != nil && !login {
			do = l.wire.fault(m)
		}
		login = login && fromServer && m.kind != 'Z' || login && m.kind == 'p'
		switch do {
		case wait:
			<-time.After(delay)
		case hang:
			select {
			case <-l.over:
			case <-time.After(keepalive):
			}
			return net.ErrClosed
		case cut:
			return net.ErrClosed
		case kill:
			_, _ = l.client.Write(adminShutdown)
			return net.ErrClosed
		case withhold:
			_, _ = l.server.Write([]byte{'H', 0, 0, 0, 4}) // Flush
			<-time.After(5 * delay)
			return net.ErrClosed
		}
		if _, err := io.CopyN(to, from, size); err != nil || do == cutAfter {
			return err
		}
	}
}
