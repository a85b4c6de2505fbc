package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	// exportTimeout is OpenTelemetry's own.
	exportTimeout = 10 * time.Second
	// maxReply is how many bytes of a collector's answer are read, for the connection to be used again.
	maxReply = 64 << 10
)

// OTLP exports spans to a collector, by OTLP over HTTP. The library's own client brings gRPC with it, for two types, whose code and tables every server
// would hold in memory. What it does besides is not done here: to compress, and to send again what was refused. Redirects are not followed: the
// header may be secret.
func OTLP(ctx context.Context, url string, header http.Header) (sdk.SpanExporter, error) {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return otlptrace.New(ctx, &collector{url, header, &http.Client{Timeout: exportTimeout, CheckRedirect: stay}})
}

// collector is where spans go.
type collector struct {
	url    string
	header http.Header
	http   *http.Client
}

// Start makes collector an otlptrace.Client.
func (*collector) Start(context.Context) error { return nil }

// Stop makes collector an otlptrace.Client.
func (c *collector) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces sends spans, once.
func (c *collector) UploadTraces(ctx context.Context, spans []*wire.ResourceSpans) error {
	body, err := proto.Marshal(&wire.TracesData{ResourceSpans: spans}) // on the wire the same as an ExportTraceServiceRequest
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = c.header.Clone()
	request.Header.Set("Content-Type", "application/x-protobuf")
	answer, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxReply)
	if answer.StatusCode >= 300 {
		return fmt.Errorf("the collector answers %d", answer.StatusCode)
	}
	return nil
}
