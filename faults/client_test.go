//go:build faults && linux

package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// caller is an admin of a tenant, and where the service is.
type caller struct {
	base   string
	header http.Header
}

// password is everybody's.
const password = "quarry-lantern-29"

// newCaller registers an account with a tenant and logs it in.
func newCaller(t *testing.T, s *service, name string) caller {
	t.Helper()
	who := caller{base: s.base, header: http.Header{}}
	client := who.client()
	body := func(members map[string]string) string {
		text, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	ask := func(path, body string, status int, content any) {
		got, err := client.send("POST", path, body)
		if err != nil || got.status != status {
			t.Fatalf("POST %s: got %v, %v", path, got, err)
		}
		if err := json.Unmarshal(got.body, &struct{ Content any }{content}); err != nil {
			t.Fatal(err)
		}
	}
	ask("/auth/register", body(map[string]string{
		"username": name, "email": name + "@example.com", "password": password, "tenant_name": name,
	}), http.StatusCreated, &struct{}{})
	var login struct {
		AccessToken string `json:"access_token"`
		Tenants     []struct{ Tenant struct{ ID string } }
	}
	ask("/auth/login", body(map[string]string{"login": name, "password": password}), http.StatusOK, &login)
	who.header.Set("Authorization", "Bearer "+login.AccessToken)
	who.header.Set("X-Tenant-Id", login.Tenants[0].Tenant.ID)
	return who
}

// client sends the caller's requests over connections of its own.
type client struct {
	caller
	http *http.Client
}

func (w caller) client() *client {
	return &client{w, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: hung}}
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.status, r.body) }

// content is what the answer's envelope holds of Content.
func content[Content any](r reply) (c Content) {
	var envelope struct{ Content Content }
	_ = json.Unmarshal(r.body, &envelope) // what is no envelope has no content
	return envelope.Content
}

// code is the error's.
func (r reply) code() string { return content[struct{ Code string }](r).Code }

// item is the id of the item that the answer shows.
func (r reply) item() string { return content[struct{ Item struct{ ID string } }](r).Item.ID }

// newRequest makes one of the caller's; header are names and values.
func (w caller) newRequest(method, path, body string, header ...string) (*http.Request, error) {
	if !strings.HasPrefix(path, "//") {
		path = "/api/v1" + path
	}
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, w.base+strings.Replace(path, "//", "/", 1), content)
	if err != nil {
		return nil, err
	}
	r.Header = w.header.Clone()
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r, nil
}

func (c *client) send(method, path, body string, header ...string) (reply, error) {
	return c.sendWithin(context.Background(), method, path, body, header...)
}

// sendWithin gives up, without an answer, when ctx ends.
func (c *client) sendWithin(ctx context.Context, method, path, body string, header ...string) (reply, error) {
	r, err := c.newRequest(method, path, body, header...)
	if err != nil {
		return reply{}, err
	}
	answer, err := c.http.Do(r.WithContext(ctx))
	if err != nil {
		return reply{}, err
	}
	return read(answer)
}

func read(answer *http.Response) (reply, error) {
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return reply{answer.StatusCode, answer.Header, body}, err
}

// line is a client of one connection at a time that never sends a request twice, as Go's does by itself.
type line struct {
	caller
	conn net.Conn
	in   *bufio.Reader
}

// send asks over the line's connection, or over a new one when there is none, and keeps it as long as the server does.
func (l *line) send(method, path, body string) (reply, error) {
	r, err := l.newRequest(method, path, body)
	if err != nil {
		return reply{}, err
	}
	if l.conn == nil {
		conn, err := net.Dial("tcp", strings.TrimPrefix(l.base, "http://"))
		if err != nil {
			return reply{}, err
		}
		l.conn, l.in = conn, bufio.NewReader(conn)
	}
	_ = l.conn.SetDeadline(time.Now().Add(hung))
	if err := r.Write(l.conn); err != nil {
		return reply{}, errors.Join(err, l.close())
	}
	answer, err := http.ReadResponse(l.in, r)
	if err != nil {
		return reply{}, errors.Join(err, l.close())
	}
	got, err := read(answer)
	if answer.Close {
		err = errors.Join(err, l.close())
	}
	return got, err
}

func (l *line) close() error {
	if l.conn == nil {
		return nil
	}
	conn := l.conn
	l.conn, l.in = nil, nil
	return conn.Close()
}
