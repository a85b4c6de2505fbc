//go:build !worker

package handlers

import (
	"log/slog"

	"rowhouse/archive"
	"rowhouse/auth"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

// New makes the application over the doors.
func New(config Config, doors *tenancy.Database, passwords *auth.Passwords, tokens *auth.Tokens, log *slog.Logger) (*App, error) {
	app := &App{config: config, doors: doors, passwords: passwords, tokens: tokens, archivist: archive.New(tokens), log: log}
	var err error
	api := API()
	api.App = app
	app.Server, err = rest.New(config.Config, api, doors, tokens, log)
	return app, err
}
