package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"rowhouse/auth"
	"rowhouse/tenancy"
)

// Base is the path under which the whole API stands.
const Base = "/api/v1"

// Config is what a server needs to know of its surroundings.
type Config struct {
	PublicURL      string        // where clients reach this server, its path included, without a slash at the end; empty: URLs begin with /
	CORSOrigins    []string      // exact origins
	TrustedProxies []string      // addresses or CIDRs whose X-Forwarded-For is believed
	BodyLimit      int64         // bytes
	ImportLimit    int64         // bytes
	Migration      int64         // the newest migration that this binary knows
	CountEvery     time.Duration // how long requests may be answered before they count in the quota of their tenant; 0: they do not
	Requests       Limit         // of one credential, or of one address without any, in this process
	Guess          Limit         // from one address: tokens that are no good, names that are taken
	Issuers        *auth.Issuers // whose access tokens are heeded beside ours; nil: nobody's
	LogSample      float64       // the part of those successful requests that the log tells of which were not slow; 0: all
}

// API is what a server serves.
type API struct {
	App    any // what the handlers of Open, Session and the like are given: a value of their type
	Routes []Route
	Rules  map[string]Rule // by private SQLSTATE code
	Hooks  []Hook

	Identify Identify // for access tokens of Config.Issuers

	Guessed []string          // codes of refusals that tell a guesser something, and are counted as guesses
	Hints   map[string]string // by code of a refusal, a sentence behind its detail: which operation helps

	About      string            // for the OpenAPI document
	Tags       map[string]string // what the operations under the first word of a path are about, where it is no table: that has a comment
	FieldCodes []string          // of FieldError, that the API's handlers and rules give
	Summaries  map[string]string // by handler, where its name does not tell what the operation does
}

// Server answers HTTP requests.
type Server struct {
	config  Config
	api     *API
	doors   *tenancy.Database
	tokens  *auth.Tokens
	log     *slog.Logger
	cursors cursors
	limiter *limiter
	Counter
	proxies   []netip.Prefix  // whose X-Forwarded-For is believed
	words     map[string]bool // the fixed segments of all addresses
	strangers *rate.Sometimes // how often the log tells of origins that may not call

	fingerprints [][]byte // the keys of those of idempotent requests; the first is for new ones
	refusals     refusalLog
	tallies      *tallies
	router       http.Handler // gin's; in a program without serve.go there is no Server
	readiness    readiness
	identities   *identities
	draining     atomic.Bool
	document     func() (*forms, error) // OpenAPI, made when it is first asked for
}

// Drain makes /readyz say no and every answer end its connection, so that clients go elsewhere.
func (s *Server) Drain() { s.draining.Store(true) }

// exchange is one request and what is known about it.
type exchange struct {
	server  *Server
	route   *Route
	ctx     context.Context
	request *http.Request
	writer  http.ResponseWriter
	param   func(string) string
	who     Caller
	body    []byte
	key     string    // Idempotency-Key
	outside *outsider // of an access token of an outside issuer
	why     error     // the credential was refused; the log alone hears of it
	bodies  []*[]byte // of what was rendered; an exchange may render more than once
}

// reads says that the request changes nothing.
func (x *exchange) reads() bool {
	return x.request.Method == http.MethodGet || x.request.Method == http.MethodHead
}

// run calls the handler; a panic becomes an error.
func (s *Server) run(x *exchange, run func(*exchange) (answer, error)) (given answer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return run(x)
}

// BodyLimit is how much of a body an operation reads, in bytes.
func (s *Server) BodyLimit(route *Route) int64 {
	if route.Accepts != nil {
		return s.config.ImportLimit
	}
	if route.limit > 0 {
		return route.limit
	}
	if route.Input == nil {
		return s.config.BodyLimit
	}
	return min(s.config.BodyLimit, largestBody(FieldsOf(route.Input)))
}

// Timeouts of the HTTP server; a streamed request or answer extends its own as it goes.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
)
