package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/localpg"
	schema "rowhouse/sql"
)

// guarded is a server of one's own that asks for passwords, over a network on which an answer takes its time, and the way to a database of
// it as a login; near is a shorter one, for its owner.
func guarded(t *testing.T) (superuser *pgx.Conn, near string, to func(login, password, database string) string) {
	t.Helper()
	server, err := localpg.Start(t.Context(), localpg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	if superuser, err = pgx.Connect(t.Context(), server.URL("postgres", "postgres")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = superuser.Close(context.Background()) })
	if err := schema.CreateDatabase(t.Context(), superuser, "rowhouse"); err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{schema.Owner, schema.Server} {
		if _, err := superuser.Exec(t.Context(), `ALTER ROLE `+login+` PASSWORD 'right'`); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(server.Dir(), "data", "pg_hba.conf"), []byte("local all all scram-sha-256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := superuser.Exec(t.Context(), `SELECT pg_reload_conf()`); err != nil {
		t.Fatal(err)
	}
	for { // until it asks
		conn, err := pgx.Connect(t.Context(), server.URL(schema.Owner, "rowhouse"))
		if err != nil {
			break
		}
		_ = conn.Close(t.Context())
	}
	socket, err := url.Parse(server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	address := slowly(t, filepath.Join(socket.Query().Get("host"), ".s.PGSQL."+socket.Query().Get("port")))
	near = strings.Replace(server.URL(schema.Owner, "rowhouse"), "@", ":right@", 1)
	return superuser, near, func(login, password, database string) string {
		return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", login, password, address, database)
	}
}

// delay is of every message between a program and a database on another continent. With it, connecting takes longer than a request waits
// for a connection.
const delay = 80 * time.Millisecond

// slowly is an address from which each message reaches the socket, and comes back, after the delay.
func slowly(t *testing.T, socket string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	carry := func(to, from net.Conn) {
		defer to.Close()
		for {
			message := make([]byte, 64<<10)
			n, err := from.Read(message)
			if err != nil {
				return
			}
			<-time.After(delay)
			if _, err := to.Write(message[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				_ = client.Close()
				return
			}
			go carry(server, client)
			go carry(client, server)
		}
	}()
	return listener.Addr().String()
}

// A program that starts waits for what PostgreSQL says and says it, over a slow network too: no deadline of a request's stands in its
// place, and no password.
func TestStartSaysWhy(t *testing.T) {
	t.Parallel()
	_, _, to := guarded(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := nobody.Addr().String()
	_ = nobody.Close()
	for _, c := range []struct {
		url  func(login string) string
		want string
	}{
		{func(login string) string { return to(login, canary, "rowhouse") }, `FATAL: password authentication failed for user "LOGIN" (SQLSTATE 28P01)`},
		{func(login string) string { return to(login, "right", "nosuch") }, `FATAL: database "nosuch" does not exist (SQLSTATE 3D000)`},
		{func(login string) string { return "postgres://" + login + ":" + canary + "@" + refusing + "/rowhouse" }, `connect: connection refused`},
		{func(login string) string {
			return strings.Replace(to(login, canary, "rowhouse"), "sslmode=disable", "sslmode=require", 1)
		}, `server refused TLS connection`},
	} {
		served, owned := c.url(schema.Server), c.url(schema.Owner)
		env := vars{"DATABASE_URL": served, "DATABASE_MIGRATION_URL": owned, "TOKEN_SIGNING_KEYS": auth.GenerateKey(), "HTTP_ADDR": "127.0.0.1:0"}
		for _, command := range []struct {
			login, variable string
			args            []string
		}{
			{schema.Server, "DATABASE_URL", []string{"serve"}},
			{schema.Server, "DATABASE_URL", []string{"account", "create", "--email", "ann@example.com"}},
			{schema.Owner, "DATABASE_MIGRATION_URL", []string{"migrate", "up"}},
			{schema.Owner, "DATABASE_MIGRATION_URL", []string{"dev", "--data", t.TempDir()}},
		} {
			got, want := refuses(t, env, command.args...), strings.Replace(c.want, "LOGIN", command.login, 1)
			if !strings.Contains(got, command.variable+": failed to connect to ") || !strings.Contains(got, want) || strings.Contains(got, "\n") {
				t.Errorf("%s: got\n%s\nwant %s", command.args[0], got, want)
			}
			if strings.Contains(got, canary) || strings.Contains(got, "context") {
				t.Errorf("%s: a secret or a word of ours is in\n%s", command.args[0], got)
			}
		}
	}
}

// A start over a slow network succeeds: that there is nothing to migrate, the demonstration with its rows, the server. When the password is changed under it,
// /readyz says no and its log says what PostgreSQL said.
func TestStartSlowly(t *testing.T) {
	t.Parallel()
	superuser, near, to := guarded(t)
	owned, served := to(schema.Owner, "right", "rowhouse"), to(schema.Server, "right", "rowhouse")
	run(t, vars{"DATABASE_MIGRATION_URL": near}, "migrate", "up", "--grant", schema.Server)
	p := start(t, vars{"DATABASE_URL": served + "&pool_max_conns=2", "DATABASE_MIGRATION_URL": owned, "HTTP_ADDR": "127.0.0.1:0", "LOG_FORMAT": "json"}, "dev", "--data", t.TempDir())
	address := p.address()
	if _, err := superuser.Exec(t.Context(), `ALTER ROLE `+schema.Server+` PASSWORD 'another'`); err != nil {
		t.Fatal(err)
	}
	if _, err := superuser.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, schema.Server); err != nil {
		t.Fatal(err)
	}
	said := make(chan struct{})
	go func() {
		p.await(`"msg":"not ready","error":"[^"]*password authentication failed for user \\"rowhouse_server\\"`)
		close(said)
	}()
	for asking := true; asking; {
		answer, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		select {
		case <-said:
			asking = false
		case <-time.After(delay):
		}
	}
	if strings.Contains(p.said(), "context canceled") {
		t.Errorf("it says context canceled:\n%s", p.said())
	}
}
