package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"rowhouse/telemetry"
)

// exportTime is how long a program that ends takes to export the traces that it has yet to.
const exportTime = 3 * time.Second

// observed runs what is to be seen, as far as the configuration lets anybody see it: its metrics at METRICS_ADDR, until it has ended, and its
// traces at the collector of OTEL_EXPORTER_OTLP_….
func observed(ctx context.Context, c config, log *slog.Logger, run func(context.Context, *telemetry.Telemetry) error) error {
	options := telemetry.Options{Metrics: c.MetricsAddr != "", Version: version(), Log: log}
	var err error
	if c.collector != "" {
		if options.Traces, err = telemetry.OTLP(ctx, c.collector, c.collectorHeader); err != nil {
			return err
		}
	}
	t, err := telemetry.New(ctx, options)
	if err != nil {
		return fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportTime)
		defer cancel()
		if err := t.Close(ending); err != nil {
			log.Warn("some traces were not exported", "error", err.Error())
		}
	}()
	if c.MetricsAddr == "" {
		return run(ctx, t)
	}
	listener, err := net.Listen("tcp", c.MetricsAddr)
	if err != nil {
		return fmt.Errorf("METRICS_ADDR: %w", err)
	}
	web := t.HTTP(log)
	defer web.Close()
	go func() {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are shown no more", "error", err.Error())
		}
	}()
	log.Info("showing metrics", "address", listener.Addr().String())
	return run(ctx, t)
}
