//go:build !worker

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"rowhouse/auth"
	"rowhouse/handlers"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/telemetry"
	"rowhouse/tenancy"
)

const (
	// drainTime is how long a stopping server still answers while balancers and clients notice that it says not ready and
	// closes each connection.
	drainTime = 500 * time.Millisecond
	// countEvery is how long answered requests wait to be counted in the quota of their tenant.
	countEvery = time.Second
	// hashQueue is how many callers may wait for a password to be hashed: with two cores, a few seconds' worth.
	hashQueue = 256
)

func (c *config) server(log *slog.Logger) (handlers.Config, error) {
	latest, err := schema.Latest()
	return handlers.Config{
		Config: rest.Config{
			PublicURL:      c.PublicURL,
			CORSOrigins:    c.CORSOrigins,
			TrustedProxies: c.TrustedProxies,
			BodyLimit:      int64(c.BodyLimit),
			ImportLimit:    int64(c.ImportLimit),
			Migration:      latest,
			CountEvery:     countEvery,
			Requests:       rest.Limit(c.RateLimitRequests),
			Guess:          rest.Limit(c.RateLimitGuess),
			Issuers:        auth.NewIssuers(c.issuers, rest.Fetch, log),
			LogSample:      c.LogSample,
		},
		AccessTokenTTL:     c.AccessTokenTTL,
		RefreshTokenTTL:    c.RefreshTokenTTL,
		RegistrationClosed: c.Registration == "closed",
		TenantGrace:        c.TenantGrace,
		WebhooksLoopback:   c.loopback,
		ClerkSecret:        c.clerk,
		Limits: handlers.Limits{
			Login:        rest.Limit(c.RateLimitLogin),
			LoginAddress: rest.Limit(c.RateLimitLoginFrom),
			Register:     rest.Limit(c.RateLimitRegister),
			Mail:         rest.Limit(c.RateLimitMail),
			MailAddress:  rest.Limit(c.RateLimitMailFrom),
		},
	}, err
}

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve the API",
		Long:  "Serve the API with DATABASE_URL's login. It refuses to start when that login could bypass a wall, when the\ncatalogue keeps tenants apart less than it should, or when migrations are missing. It listens on HTTP_ADDR, or on the socket\nthat a service manager hands over (LISTEN_FDS).",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig()
			if err := errors.Join(err, c.required()); err != nil {
				return err
			}
			listen, err := claim(c.HTTPAddr, "rowhouse serve")
			if err != nil {
				return err
			}
			log := c.logger()
			return observed(cmd.Context(), c, log, func(ctx context.Context, t *telemetry.Telemetry) error {
				return serve(ctx, c, listen, t, log, func(net.Addr) {})
			})
		},
	}
}

// claim finds out whether the server will be able to listen, before anything else is begun, and is how it then does: on the socket that a
// service manager hands over (sd_listen_fds(3)), or else at the address. Until then nobody listens at the address, for whoever could
// connect would take the server for ready. A socket that outlives the process holds the connections that come between two of them.
// Again is the command to be given with another address when this one is taken.
func claim(address, again string) (listen func() (net.Listener, error), err error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) { // it is for nobody, or for a process before this one
		listen = func() (net.Listener, error) {
			listener, err := net.Listen("tcp", address)
			switch {
			case errors.Is(err, syscall.EADDRINUSE):
				return nil, fmt.Errorf("HTTP_ADDR: %s is in use by another program; choose another, as in HTTP_ADDR=localhost:8090 %s", address, again)
			case err != nil:
				return nil, fmt.Errorf("HTTP_ADDR: %w", err)
			}
			return listener, nil
		}
		listener, err := listen()
		if err != nil {
			return nil, err
		}
		return listen, listener.Close()
	}
	if sockets := os.Getenv("LISTEN_FDS"); sockets != "1" {
		return nil, fmt.Errorf("LISTEN_FDS: got %s sockets, want 1: give the socket unit one ListenStream", cmp.Or(sockets, "no number of"))
	}
	const first = 3 // the descriptor after the standard ones, by the convention
	file := os.NewFile(first, "LISTEN_FDS")
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("LISTEN_FDS: descriptor %d: %w", first, err)
	}
	return func() (net.Listener, error) { return listener, nil }, nil
}

// gcPercent is how much garbage may grow beside what is held, unless GOGC says otherwise. A server holds little: at Go's own 100 its lists
// are a little slower, and at 150 it takes more than 40 MiB to answer 64 of them at once.
const gcPercent = 125

// serve answers requests until ctx ends, then drains. Ready is called once it listens.
func serve(ctx context.Context, c config, listen func() (net.Listener, error), t *telemetry.Telemetry, log *slog.Logger, ready func(net.Addr)) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	doors, err := tenancy.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer doors.Close()
	doors.Observe(t, "requests")
	if err := doors.Reach(ctx, false); err != nil {
		return fmt.Errorf("not serving: %w", err)
	}
	doors.Warm(ctx)
	config, err := c.server(log)
	if err != nil {
		return err
	}
	passwords := auth.NewPasswords(runtime.GOMAXPROCS(0), hashQueue)
	t.Passwords(func() (p telemetry.Passwords) {
		p.Hashing, p.Waiting, p.Most = passwords.Load()
		return p
	})
	server, err := handlers.New(config, doors, passwords, auth.NewTokens(c.keys, issuer, audience), log)
	if err != nil {
		return err
	}
	if err := patiently(ctx, server.Check); err != nil {
		return fmt.Errorf("not serving: %w", err)
	}
	listener, err := listen()
	if err != nil {
		return err
	}
	web := server.HTTP()
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	log.Info("serving", "address", listener.Addr().String(), "version", version())
	ready(listener.Addr())

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	until := time.Now().Add(requestsUntil)
	server.Drain()
	log.Info("draining")
	time.Sleep(drainTime)
	// Shutdown drops a request that it has already read from a new connection; so first no more of these, then a while for
	// those that are there.
	_ = listener.Close()
	time.Sleep(drainTime)
	stopping, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	if err := web.Shutdown(stopping); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Warn("some requests were cut off", "error", err.Error())
		return web.Close()
	}
	server.Counted(stopping)
	log.Info("stopped")
	return nil
}
