package rest

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"rowhouse/auth"
	"rowhouse/tenancy"
)

// bare is a server without a database: enough for what asks none.
func bare(t *testing.T) *Server {
	t.Helper()
	keys, err := auth.ParseKeys(auth.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{BodyLimit: 1}, &API{}, &tenancy.Database{}, auth.NewTokens(keys, "rowhouse", "rowhouse-api"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every file of the page is served in plain and packed, each with its own ETag, under a policy that lets nothing leave.
func TestDocs(t *testing.T) {
	t.Parallel()
	s := bare(t)
	get := func(method, path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	for _, page := range append(docs(), root{path: "/openapi.json"}) {
		plain, packed := get("GET", page.path), get("GET", page.path, "Accept-Encoding", "br, gzip;q=0.8")
		unpacked, err := gzip.NewReader(bytes.NewReader(packed.Body.Bytes()))
		if err != nil {
			t.Fatalf("%s: %v", page.path, err)
		}
		if text, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(text, plain.Body.Bytes()) || len(text) == 0 {
			t.Errorf("%s: packed is not plain (%v)", page.path, err)
		}
		if plain.Header().Get("ETag") == packed.Header().Get("ETag") || plain.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: plain and packed are told apart by nothing", page.path)
		}
		for _, w := range []*httptest.ResponseRecorder{plain, packed} {
			policy := w.Header().Get("Content-Security-Policy")
			if w.Code != 200 || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || w.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s: %d %v", page.path, w.Code, w.Header())
			}
		}
		again := get("GET", page.path, "Accept-Encoding", "gzip", "If-None-Match", packed.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s: known already, and answered %d", page.path, again.Code)
		}
		if head := get("HEAD", page.path); head.Code != 200 {
			t.Errorf("HEAD %s: %d", page.path, head.Code)
		}
	}
	index := get("GET", "/docs").Body.String()
	if regexp.MustCompile(`(?i)<script>|<style|\son\w+=|style=|https?:`).MatchString(index) {
		t.Errorf("the page has script or style in it, or links elsewhere: %s", index)
	}
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(index, -1) {
		if link[1] != "data:," && get("GET", "/"+link[1]).Code != 200 {
			t.Errorf("the page links to %s", link[1])
		}
	}
}

// gzip is sent to whoever names it, and to nobody who refuses it.
func TestTakesGzip(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip": true, "gzip;q=0.5": true, "gzip; q=1": true,
		"gzip;q=0": false, "gzip; q=0.000": false, "br": false, "x-gzip": false, "*": false,
	} {
		if got := takesGzip(header); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
}
