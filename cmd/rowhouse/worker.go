package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"rowhouse/auth"
	"rowhouse/handlers"
	"rowhouse/jobs"
	"rowhouse/mail"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/telemetry"
	"rowhouse/tenancy"
	"rowhouse/webhooks"
)

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Do what is to be done in the background: mails, reminders, webhooks, expiry",
		Long: "Do what is to be done in the background: mails, reminders, webhooks, expiry. It uses DATABASE_URL's login, as serve does, and refuses to\n" +
			"start where serve would. Any number of workers share the work; without one nothing is lost, and nothing is done.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig()
			if err := errors.Join(err, c.required()); err != nil {
				return err
			}
			log := c.logger()
			return observed(cmd.Context(), c, log, func(ctx context.Context, t *telemetry.Telemetry) error { return work(ctx, c, t, log) })
		},
	}
}

// work works until ctx ends, then finishes what is under way.
func work(ctx context.Context, c config, t *telemetry.Telemetry, log *slog.Logger) error {
	doors, err := tenancy.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer doors.Close()
	doors.Observe(t, "jobs")
	if err := doors.Reach(ctx, true); err != nil {
		return fmt.Errorf("not working: %w", err)
	}
	latest, err := schema.Latest()
	if err != nil {
		return err
	}
	if err := patiently(ctx, func(ctx context.Context) error { return rest.Check(ctx, doors, latest) }); err != nil {
		return fmt.Errorf("not working: %w", err)
	}
	if c.mail == nil {
		log.Warn("no mail will be sent: SMTP_URL is empty")
	}
	tokens := auth.NewTokens(c.keys, issuer, audience)
	deliverer := handlers.NewDeliverer(doors, tokens, webhooks.NewClient(webhooks.Options{Loopback: c.loopback}))
	worker, err := jobs.Open(ctx, c.worker(), doors, tokens, cmp.Or(c.mail, mail.Nowhere(log)), deliverer, log)
	if err != nil {
		return fmt.Errorf("not working: %w", err)
	}
	defer worker.Close()
	if err := worker.Start(ctx); err != nil {
		return fmt.Errorf("not working: %w", err)
	}
	log.Info("working", "version", version())
	<-ctx.Done()
	log.Info("finishing")
	stopping, cancel := context.WithTimeout(context.Background(), requestsUntil)
	defer cancel()
	if err := worker.Stop(stopping); err != nil {
		log.Warn("some jobs were cut off, and will be done again", "error", err.Error())
	}
	log.Info("stopped")
	return nil
}
