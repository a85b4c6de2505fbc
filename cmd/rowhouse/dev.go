//go:build !worker

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rowhouse/auth"
	"rowhouse/localpg"
	"rowhouse/mail"
	schema "rowhouse/sql"
	"rowhouse/telemetry"
)

func devCommand() *cobra.Command {
	var dir string
	command := &cobra.Command{
		Use:   "dev",
		Short: "Serve a demonstration: a private PostgreSQL, the migrations, demo data, the API and a worker",
		Long: "Serve a demonstration: a private PostgreSQL, the migrations, demo data, the API and a worker. Its data survive a restart;\n" +
			"to begin anew, end it and remove the directory that it prints.\n" +
			"With DATABASE_URL and DATABASE_MIGRATION_URL set, it uses that server instead of its own.\n" +
			"Without HTTP_ADDR it listens on localhost:8080 alone, since everybody knows the demo's passwords.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := devConfig(env.ToMap(os.Environ()))
			if err != nil {
				return err
			}
			if dir == "" {
				if dir, err = localpg.DefaultDir(); err != nil {
					return err
				}
			}
			return dev(cmd.Context(), c, dir, cmd.OutOrStdout())
		},
	}
	usual, _ := localpg.DefaultDir() // without a home there is none
	command.Flags().StringVar(&dir, "data", "", "`directory` of the data (default "+usual+")")
	return command
}

// devConfig has the defaults of a demonstration: it is reachable from its own machine alone, and its log is for people.
func devConfig(environment map[string]string) (config, error) {
	environment = maps.Clone(environment)
	for name, value := range map[string]string{"HTTP_ADDR": "localhost:8080", "LOG_FORMAT": "text"} {
		environment[name] = cmp.Or(environment[name], value)
	}
	return parseConfig(environment)
}

// dev runs until ctx ends; then everything that it started has ended too.
func dev(ctx context.Context, c config, dir string, out io.Writer) (err error) {
	listen, err := claim(c.HTTPAddr, "make run")
	if err != nil {
		return err
	}
	database := "the one of DATABASE_URL"
	switch {
	case c.DatabaseURL == "" && c.DatabaseMigrationURL == "":
		server, err := localpg.Start(ctx, localpg.Options{Dir: dir, Durable: true, Log: out})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		c.DatabaseURL, c.DatabaseMigrationURL, err = ownDatabase(ctx, server)
		if err != nil {
			return err
		}
		database = "psql '" + c.DatabaseURL + "'\n  Data      " + dir
	case c.DatabaseURL == "" || c.DatabaseMigrationURL == "":
		return errors.New("set both DATABASE_URL and DATABASE_MIGRATION_URL, or neither")
	default:
		if err := schema.Up(ctx, c.DatabaseMigrationURL); err != nil {
			return err
		}
	}
	if c.keys == nil {
		if c.keys, err = devKeys(dir); err != nil {
			return err
		}
	}
	if c.mail == nil {
		c.mail = mail.Log(c.logger())
	}
	c.loopback = true
	if err := seed(ctx, c.DatabaseURL); err != nil {
		return fmt.Errorf("demo data: %w", err)
	}
	log := c.logger()
	return observed(ctx, c, log, func(ctx context.Context, t *telemetry.Telemetry) error {
		return together(ctx,
			func(ctx context.Context) error {
				return serve(ctx, c, listen, t, log, func(at net.Addr) { fmt.Fprint(out, welcome(at, database)) })
			},
			func(ctx context.Context) error { return work(ctx, c, t, log) })
	})
}

// together runs both until ctx ends, or until one of them fails, which ends the other.
func together(ctx context.Context, one, other func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	for _, run := range []func(context.Context) error{one, other} {
		go func() {
			defer cancel()
			ended <- run(ctx)
		}()
	}
	return errors.Join(<-ended, <-ended)
}

const demoDatabase = "rowhouse"

// ownDatabase makes the demo's database on the private server, or brings it up to date.
func ownDatabase(ctx context.Context, server *localpg.Server) (serverURL, ownerURL string, err error) {
	superuser, err := pgx.Connect(ctx, server.URL("postgres", "postgres"))
	if err != nil {
		return "", "", err
	}
	defer superuser.Close(context.WithoutCancel(ctx))
	serverURL, ownerURL = server.URL(schema.Server, demoDatabase), server.URL(schema.Owner, demoDatabase)
	if err := schema.CreateDatabase(ctx, superuser, demoDatabase); err != nil {
		return "", "", err
	}
	if err := schema.Up(ctx, ownerURL); err != nil {
		return "", "", err
	}
	return serverURL, ownerURL, schema.GrantServer(ctx, superuser)
}

// devKeys keeps the demo's signing key beside its data, so that a restart does not log everybody out.
func devKeys(dir string) ([]auth.SigningKey, error) {
	path := filepath.Join(dir, "signing-keys")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		text = []byte(auth.GenerateKey())
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return nil, err
	}
	return auth.ParseKeys(string(text))
}

// welcome is what dev prints once it serves.
func welcome(at net.Addr, database string) string {
	host := at.String()
	if tcp, ok := at.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		host = fmt.Sprintf("localhost:%d", tcp.Port)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n  API       http://%s/api/v1\n  Docs      http://%[1]s/docs\n  Database  %s\n\n", host, database)
	for _, tenant := range demoTenants {
		var users []string
		for _, u := range tenant.users {
			users = append(users, u.username+" ("+u.role+")")
		}
		fmt.Fprintf(&b, "  %-18s  tenant-%s  %s\n", tenant.name, tenant.id, strings.Join(users, ", "))
	}
	fmt.Fprintf(&b, `
  Everybody's password is %[2]s. Try:

TOKEN=$(curl -s http://%[1]s/api/v1/auth/login -H 'Content-Type: application/json' -d '{"login":"ada","password":"%[2]s"}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s http://%[1]s/api/v1/items -H "Authorization: Bearer $TOKEN" -H 'X-Tenant-Id: tenant-%[3]s'
curl -s http://%[1]s/api/v1/items -H "Authorization: Bearer $TOKEN" -H 'X-Tenant-Id: tenant-%[3]s' -H 'Content-Type: application/json' -d '{"name":"Ash stool","price_cents":4900}'

`, host, demoPassword, demoTenants[0].id)
	return b.String()
}
