package rest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"

	"rowhouse/telemetry"
)

// record writes the request's line in the log: only what names and counts, never what the client sent or got. Trace is the id of the trace
// that has more of it; empty: none has.
func (s *Server) record(x *exchange, told telemetry.Answer, trace string, refused *Error, err error) {
	if err == nil && unsampled(s.config.LogSample, told) {
		return
	}
	status := told.Status
	attrs := []slog.Attr{
		slog.String("request_id", x.who.RequestID),
		slog.String("route", x.route.Pattern),
		slog.String("method", methodOf(x.request)),
		slog.Int("status", status),
		slog.Float64("ms", float64(told.Took.Microseconds())/1000),
		slog.String("address", x.who.Address),
	}
	if x.route.Pattern == "" {
		attrs[1] = slog.String("path", s.shapeOf(x.request.URL.Path))
	}
	if refused != nil {
		attrs = append(attrs, slog.String("code", refused.Code))
	}
	if x.why != nil {
		attrs = append(attrs, slog.String("reason", x.why.Error()))
	}
	if !x.who.TenantID.IsZero() {
		attrs = append(attrs, slog.String("tenant", x.who.TenantID.String()))
	}
	if !x.who.AccountID.IsZero() {
		attrs = append(attrs, slog.String("account", x.who.AccountID.String()))
	}
	if trace != "" {
		attrs = append(attrs, slog.String("trace", trace))
	}
	level := slog.LevelInfo
	switch {
	case err != nil && status >= 500 || status < 400 && err != nil:
		level = slog.LevelError
		attrs = append(attrs, slog.String("error", err.Error()))
	case status < 400 && probes[x.route.Pattern]:
		level = slog.LevelDebug
	}
	s.log.LogAttrs(context.Background(), level, "request", attrs...)
}

// probes are asked every few seconds by machines, and are logged only when they fail.
var probes = map[string]bool{"GET /healthz": true, "GET /readyz": true}

// methodOf is how the log shows a method: one that HTTP does not have is whatever the client likes, and is shown as *.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return r.Method
	}
	return "*"
}

// maxShape is how many segments of a path without a route are logged.
const maxShape = 8

// shapeOf is how the log shows a path that has no route: a segment that is a word of some route stands as it is, any other as *, since it may
// be a secret.
func (s *Server) shapeOf(path string) string {
	var shape strings.Builder
	segments := strings.SplitN(strings.TrimPrefix(path, "/"), "/", maxShape+1)
	for i, segment := range segments {
		switch {
		case i == maxShape:
			segment = "…"
		case segment != "" && !s.words[segment]:
			segment = "*"
		}
		shape.WriteString("/" + segment)
	}
	return shape.String()
}

const maxRequestID = 128

// requestID takes the client's id if it is one line of visible ASCII, or makes one.
func requestID(given []string) string {
	if len(given) == 1 {
		id := strings.TrimSpace(given[0])
		visible := !strings.ContainsFunc(id, func(c rune) bool { return c < '!' || c > '~' })
		if visible && id != "" && len(id) <= maxRequestID {
			return id
		}
	}
	return strings.ToLower(rand.Text())
}
