package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// newProvider samples, batches and names the service as the environment says (OTEL_TRACES_SAMPLER, OTEL_BSP_…, OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES). Nothing is told of the process and its arguments.
func newProvider(ctx context.Context, o Options) (*sdk.TracerProvider, error) {
	service, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "rowhouse"), attribute.String("service.version", o.Version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, err
	}
	return sdk.NewTracerProvider(sdk.WithResource(service), sdk.WithBatcher(&told{o.Traces, o.Log}), sdk.WithoutPanicRecording()), nil
}

// told is an exporter whose failures are told to our log: the library would tell them to one of its own, of the whole process.
type told struct {
	sdk.SpanExporter
	log *slog.Logger
}

// ExportSpans exports, or loses, the spans.
func (e *told) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.log.Warn("traces could not be exported", "spans", len(spans), "error", err.Error())
	}
	return nil
}

// belonging is the context of whoever sent these headers. Only traceparent is heeded, which is numbers: tracestate and baggage are texts of
// the client's choice, and would be handed on to the collector and to the endpoints of webhooks.
func belonging(ctx context.Context, headers []string) context.Context {
	if len(headers) != 1 {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": headers[0]})
}

// traceparent is the header by which another goes on with a span's trace.
func traceparent(span trace.Span) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpan(context.Background(), span), carrier)
	return carrier["traceparent"]
}

// kept is the traceparent of a span that is kept, or else empty.
func kept(span trace.Span) string {
	if span == nil || !span.IsRecording() {
		return ""
	}
	return traceparent(span)
}

// links is the link to the span that a traceparent names, if it does.
func links(traceparent string) []trace.Link {
	if from := trace.SpanContextFromContext(belonging(context.Background(), []string{traceparent})); from.IsValid() {
		return []trace.Link{{SpanContext: from}}
	}
	return nil
}

// named is the name that a statement has in sql/queries; of one that stands there not, its first word.
func named(statement string) string {
	if given, ok := strings.CutPrefix(statement, "-- name: "); ok {
		statement = given
	}
	name, _, _ := strings.Cut(statement, " ")
	return name
}
