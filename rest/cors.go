package rest

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	corsRequestHeaders = "Authorization, Content-Type, X-API-Key, X-Tenant-Id, X-Request-Id, Idempotency-Key, If-Match, If-None-Match"
	corsAnswerHeaders  = "ETag, Link, Location, Retry-After, X-Request-Id, Idempotent-Replayed, Content-Disposition, " +
		"RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
	corsMethods = "GET, HEAD, POST, PATCH, DELETE"

	// strangersEvery is how often the log tells of an origin that is not allowed; maxOrigin is how many bytes of its name.
	strangersEvery = time.Minute
	maxOrigin      = 100
)

// preflight says whether a request is the OPTIONS that a browser sends before the request of a page, and what it is answered.
type preflight int

const (
	preflightNone preflight = iota
	preflightAllowed
	preflightRefused
)

// cors adds the headers for a page of an allowed origin, and says whether the request was only a preflight.
func (s *Server) cors(r *http.Request, header http.Header) preflight {
	if len(s.config.CORSOrigins) > 0 {
		header.Add("Vary", "Origin")
	}
	origin := r.Header.Get("Origin")
	asks := r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != ""
	switch {
	case slices.Contains(s.config.CORSOrigins, origin):
	case asks:
		s.strangers.Do(func() {
			s.log.Warn("a page asked that may not call: CORS_ORIGINS does not list its origin", "origin", origin[:min(len(origin), maxOrigin)])
		})
		return preflightRefused
	default:
		return preflightNone
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", corsAnswerHeaders)
	if !asks {
		return preflightNone
	}
	header.Set("Access-Control-Allow-Methods", corsMethods)
	header.Set("Access-Control-Allow-Headers", corsRequestHeaders)
	header.Set("Access-Control-Max-Age", strconv.Itoa(int((10 * time.Minute).Seconds())))
	return preflightAllowed
}
