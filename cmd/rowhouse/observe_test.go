package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"rowhouse/testdb"
)

// get is what an address answers.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// showing awaits that it shows its metrics, and is where.
func (p *process) showing() string {
	p.t.Helper()
	return "http://" + p.await(`"msg":"showing metrics","address":"([^"]+)"`)[1]
}

// Servers and workers show metrics and profiles at METRICS_ADDR; the address of the API has neither, and nothing there shows what is secret.
func TestMetricsAddress(t *testing.T) {
	t.Parallel()
	url := strings.Replace(testdb.New(t).Server(), "@", ":"+canary+"@", 1)
	env := serving(url).with("METRICS_ADDR", "127.0.0.1:0").with("SMTP_URL", "smtps://rowhouse:"+canary+"@mail.example.com?from=rowhouse@example.com")
	_, key, _ := strings.Cut(env["TOKEN_SIGNING_KEYS"], ":")
	server, worker := start(t, env, "serve"), start(t, env, "worker")
	api := "http://" + server.address()
	worker.await(`"msg":"working"`)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/cmdline"} {
		if status, _ := get(t, api+path); status != 404 {
			t.Errorf("the API's %s: got %d", path, status)
		}
	}
	for name, at := range map[string]string{`rowhouse_pool_max{pool="requests"}`: server.showing(), `rowhouse_pool_max{pool="queue"}`: worker.showing()} {
		status, metrics := get(t, at+"/metrics")
		if status != 200 || !strings.Contains(metrics, name) || !strings.Contains(metrics, "rowhouse_build_info{version=") {
			t.Errorf("no %s: got %d\n%s", name, status, metrics)
		}
		for _, path := range []string{"cmdline", "goroutine?debug=2", "heap?debug=1", "heap"} {
			status, profile := get(t, at+"/debug/pprof/"+path)
			if status != 200 {
				t.Errorf("%s: got %d", path, status)
			}
			metrics += profile
		}
		if strings.Contains(metrics, canary) || strings.Contains(metrics, key) {
			t.Errorf("a secret is in\n%s", metrics)
		}
	}
	if got := refuses(t, env.with("METRICS_ADDR", strings.TrimPrefix(api, "http://")), "serve"); !strings.HasPrefix(got, "rowhouse: METRICS_ADDR: ") {
		t.Errorf("got %s", got)
	}
}

// What was traced reaches the collector with the headers that it asks for, before the program ends; and a collector that is away is told of
// in the log, and of nothing secret.
func TestTracesAreExported(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		mu.Lock()
		defer mu.Unlock()
		got.WriteString(r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Key") + "\n")
		_, _ = got.ReadFrom(body)
	}))
	t.Cleanup(collector.Close)
	url := testdb.New(t).Server()
	env := serving(url).with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL).with("OTEL_EXPORTER_OTLP_HEADERS", "x-key="+canary).
		with("OTEL_SERVICE_NAME", "a house").with("OTEL_BSP_SCHEDULE_DELAY", "3600000")
	p := start(t, env, "serve")
	if status, _ := get(t, "http://"+p.address()+"/api/v1/nothing"); status != 404 {
		t.Errorf("got %d", status)
	}
	get(t, "http://"+p.address()+"/healthz")
	p.signal(syscall.SIGTERM)
	if state := p.wait(); !state.Success() {
		t.Errorf("%v", state)
	}
	mu.Lock()
	exported := got.String()
	mu.Unlock()
	for _, want := range []string{"POST /v1/traces " + canary + "\n", "a house", "GET /healthz", "none"} {
		if !strings.Contains(exported, want) {
			t.Errorf("no %q in what was exported: %q", want, exported)
		}
	}

	away := start(t, env.with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"), "serve")
	get(t, "http://"+away.address()+"/healthz")
	away.signal(syscall.SIGTERM)
	if state := away.wait(); !state.Success() {
		t.Errorf("%v", state)
	}
	if said := away.said(); !strings.Contains(said, "traces could not be exported") && !strings.Contains(said, "some traces were not exported") || strings.Contains(said, canary) {
		t.Errorf("the log is\n%s", said)
	}
}
