//go:build faults && linux

package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The server ends clients that send a byte a second, of the header or of a body without end, and those that never read what they asked
// for; none of them holds a connection to the database meanwhile, and all others are served.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, nil)
	s := newService(t, d.url("rowhouse_server"), "LOG_LEVEL=info")
	p := s.start(theProgram(t))
	who := newCaller(t, s, "slow")
	c := who.client()
	// More than the sockets of a reader who does not read could hold.
	line := fmt.Sprintf(`{"name":"big","description":%q,"price_cents":1}`+"\n", strings.Repeat("x", 500))
	if got, err := c.send("POST", "/items/import", strings.Repeat(line, 40_000), "Content-Type", "application/x-ndjson"); err != nil || got.status != http.StatusOK {
		t.Fatalf("got %v, %v", got, err)
	}

	var credentials strings.Builder
	if err := who.header.Write(&credentials); err != nil {
		t.Fatal(err)
	}
	begin := map[string]string{ // and each of them goes on slowly
		"header": "GET /api/v1/items HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"body":   "POST /api/v1/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n" + credentials.String() + "\r\n",
		"reader": "GET /api/v1/items/export HTTP/1.1\r\nHost: x\r\n" + credentials.String() + "\r\n",
	}
	const clients = 201 // as many of each kind
	var all sync.WaitGroup
	ended, longest := map[string]*atomic.Int64{"header": {}, "body": {}}, map[string]*atomic.Int64{"header": {}, "body": {}} // in milliseconds
	over := make(chan struct{})
	began := time.Now()
	for n := range clients {
		kind := []string{"header", "body", "reader"}[n%3]
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if kind == "reader" {
			_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		if _, err := io.WriteString(conn, begin[kind]); err != nil {
			t.Fatal(err)
		}
		if kind == "reader" { // one after another: they are to be slow, not many
			if _, err := conn.Read(make([]byte, len("HTTP/1.1 200"))); err != nil {
				t.Fatal(err)
			}
		}
		all.Go(func() {
			defer conn.Close()
			if kind == "reader" {
				<-over
				return
			}
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for !closed(over) {
				<-tick.C
				_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
				_, readErr := io.Copy(io.Discard, conn)
				_, err := io.WriteString(conn, map[string]string{"header": "x", "body": "1\r\n \r\n"}[kind])
				if closedByServer := readErr == nil; closedByServer || err != nil {
					ended[kind].Add(1)
					longest[kind].Store(max(longest[kind].Load(), time.Since(began).Milliseconds()))
					return
				}
			}
		})
	}

	type held struct{ N int }
	var most, served int
	limit := 8 * time.Second // of a header 5 s
	if *whole {
		limit = 40 * time.Second // of a body 15 s, and of an answer 30 s
	}
	there := time.Now() // the last of them, who have no less time than the first
	for quiet := true; time.Since(there) < limit; quiet = !quiet {
		if quiet { // nobody else is there
			<-time.After(time.Second)
			most = max(most, collect[held](d, `
				SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'rowhouse_server' AND xact_start < now() - interval '1 s'`)[0].N)
			continue
		}
		for range 20 {
			got, err := c.send("POST", "/items", `{"name":"served","price_cents":1}`)
			if err != nil || got.status != http.StatusCreated {
				t.Errorf("another client: got %v, %v", got, err)
			}
			served++
		}
	}
	cutOff := len(regexp.MustCompile(`"route":"GET /items/export",.*"status":200,.*"error":`).FindAllString(p.said(), -1))
	close(over)
	all.Wait()
	count(t, "clients", clients)
	count(t, "served_meanwhile", served)
	count(t, "connections_held", most)
	for _, kind := range []string{"header", "body"}[:times(2, 1)] {
		count(t, kind+"s_ended", int(ended[kind].Load()))
		count(t, kind+"_ms_max", int(longest[kind].Load()))
		if want := int64(clients / 3); ended[kind].Load() < want {
			t.Errorf("the server ended %d whose %s never ended, want all %d", ended[kind].Load(), kind, want)
		}
	}
	count(t, "readers_ended", cutOff)
	if want := clients / 3; *whole && cutOff != want {
		t.Errorf("the server ended %d who never read, want all %d", cutOff, want)
	}
	if most > 0 {
		t.Errorf("%d connections to the database were held by clients that do nothing", most)
	}
}
