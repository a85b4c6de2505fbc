package testdb

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// Proxy stands between a client and the database: it counts round trips, and can change the statements or take the server away.
type Proxy struct {
	// Rewrite, if set before the first connection, is given the text of each statement that is prepared and returns what the
	// server prepares in its place.
	Rewrite func(sql string) string

	url      string
	server   string
	listener net.Listener
	trips    atomic.Int64
	executed atomic.Int64
	gone     atomic.Bool

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// NewProxy makes one before the database, for the given login.
func (d *Database) NewProxy(login string) *Proxy {
	d.t.Helper()
	target, err := url.Parse(d.URL(login))
	if err != nil {
		d.t.Fatal(err)
	}
	query := target.Query()
	p := &Proxy{server: filepath.Join(query.Get("host"), ".s.PGSQL."+query.Get("port")), conns: map[net.Conn]bool{}}
	p.listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	target.Host, target.RawQuery = p.listener.Addr().String(), "sslmode=disable"
	p.url = target.String()
	go p.accept()
	d.t.Cleanup(func() { _ = p.listener.Close(); p.Cut() })
	return p
}

// URL leads to the database through the proxy.
func (p *Proxy) URL() string { return p.url }

// Trips is how often a client has waited for the server so far: the Sync and simple Query messages that it sent.
func (p *Proxy) Trips() int64 { return p.trips.Load() }

// Executed is how many prepared statements clients have had executed so far; a driver's question whether the server is there is none.
func (p *Proxy) Executed() int64 { return p.executed.Load() }

// Cut breaks every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// Leave breaks every connection and refuses new ones until Return.
func (p *Proxy) Leave() {
	p.gone.Store(true)
	p.Cut()
}

// Return lets connections through again.
func (p *Proxy) Return() { p.gone.Store(false) }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.gone.Load() {
			_ = client.Close()
			continue
		}
		server, err := net.Dial("unix", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		go func() {
			_, _ = io.Copy(client, server)
			p.drop(client, server)
		}()
		go func() {
			p.forward(server, client)
			p.drop(client, server)
		}()
	}
}

func (p *Proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
		delete(p.conns, conn)
	}
}

// forward copies the client's messages: the startup packet, which has no type, then type, length, rest.
func (p *Proxy) forward(server io.Writer, client io.Reader) {
	header := make([]byte, 5)
	for typed := 0; ; typed = 1 {
		head := header[:4+typed]
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(head[typed:])-4)
		if _, err := io.ReadFull(client, rest); err != nil {
			return
		}
		if typed == 1 && (head[0] == 'S' || head[0] == 'Q') {
			p.trips.Add(1)
		}
		if typed == 1 && head[0] == 'E' {
			p.executed.Add(1)
		}
		if typed == 1 && head[0] == 'P' && p.Rewrite != nil {
			rest = p.parse(rest)
			binary.BigEndian.PutUint32(head[1:], uint32(len(rest)+4))
		}
		if _, err := server.Write(append(append([]byte{}, head...), rest...)); err != nil {
			return
		}
	}
}

// parse rewrites the body of a Parse message: the statement's name, its text, and the types of its parameters.
func (p *Proxy) parse(body []byte) []byte {
	name, rest, _ := bytes.Cut(body, []byte{0})
	sql, types, _ := bytes.Cut(rest, []byte{0})
	return bytes.Join([][]byte{name, []byte(p.Rewrite(string(sql))), types}, []byte{0})
}
