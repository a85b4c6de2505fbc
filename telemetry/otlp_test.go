package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// A collector is sent what it asks for; what it does not take, and a way elsewhere, is an error that tells nothing of the header.
func TestOTLP(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" || r.Header.Get("Api-Key") != "secret" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("got %s %s, %v", r.Method, r.URL, r.Header)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(collector.Close)
	exporter, err := OTLP(t.Context(), collector.URL+"/v1/traces", http.Header{"Api-Key": {"secret"}})
	if err != nil {
		t.Fatal(err)
	}
	spans := tracetest.SpanStubs{{Name: "GET /items"}}.Snapshots()
	for _, c := range []struct {
		status int
		want   string
	}{{200, ""}, {202, ""}, {307, "307"}, {401, "401"}, {503, "503"}} {
		status = c.status
		err := exporter.ExportSpans(t.Context(), spans)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%d: got %v", c.status, err)
		}
	}
	if err := exporter.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
