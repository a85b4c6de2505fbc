package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"rowhouse/auth"
	"rowhouse/telemetry"
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
	engine       *gin.Engine
	readiness    readiness
	identities   *identities
	draining     atomic.Bool
	document     func() (*forms, error) // OpenAPI, made when it is first asked for
}

// New makes a server of an API over the doors.
func New(config Config, api *API, doors *tenancy.Database, tokens *auth.Tokens, log *slog.Logger) (*Server, error) {
	s := &Server{
		config: config, api: api, doors: doors, tokens: tokens, log: log,
		cursors:  newCursors(tokens.Secrets("cursors")),
		limiter:  newLimiter(config.Requests),
		Counter:  NewCounter(doors, tokens),
		refusals: newRefusalLog(),

		identities: newIdentities(),

		strangers: &rate.Sometimes{Interval: strangersEvery},
		words:     map[string]bool{},

		fingerprints: tokens.Secrets("fingerprints"),
		document: sync.OnceValues(func() (*forms, error) {
			text, err := api.OpenAPI(config.PublicURL)
			return formsOf(text, "application/json"), err
		}),
	}
	var err error
	if s.proxies, err = parseProxies(config.TrustedProxies); err != nil {
		return nil, fmt.Errorf("TRUSTED_PROXIES: %w", err)
	}
	gin.SetMode(gin.ReleaseMode)
	s.engine = gin.New()
	s.engine.HandleMethodNotAllowed = true
	s.engine.RedirectTrailingSlash = false
	s.engine.RedirectFixedPath = false
	s.engine.NoRoute(s.handle(&Route{}, func(*exchange) (answer, error) { return answer{}, errRouteNotFound }))
	s.engine.NoMethod(s.handle(&Route{}, func(*exchange) (answer, error) { return answer{}, errMethod }))
	for i := range api.Routes {
		s.Serve(&api.Routes[i])
	}
	for i := range api.Hooks {
		s.hook(&api.Hooks[i])
	}
	for _, root := range s.roots() {
		s.serve(http.MethodGet, root.path, s.handle(&Route{Pattern: "GET " + root.path}, root.run))
	}
	return s, nil
}

// Serve adds an operation to those of the API, before the first request. It panics when its handler is for another application, or needs a permission
// that there is not.
func (s *Server) Serve(route *Route) {
	if app := reflect.TypeOf(s.api.App); route.app != nil && (app == nil || !app.AssignableTo(route.app)) {
		panic(fmt.Sprintf("%s: its handler is for a %v, and this application is a %v", route.Pattern, route.app, app))
	}
	if name, _ := route.Permission.Split(); route.Scope == TenantScope && !slices.Contains(Grantable, name) {
		panic(fmt.Sprintf("%s: no migration makes the permission %s", route.Pattern, name))
	}
	method, path, _ := strings.Cut(route.Pattern, " ")
	s.serve(method, Base+path, s.handle(route, func(x *exchange) (answer, error) {
		if err := x.identify(); err != nil {
			return answer{}, err
		}
		return route.run(x)
	}))
}

func (s *Server) serve(method, path string, h gin.HandlerFunc) {
	for word := range strings.SplitSeq(path, "/") {
		s.words[word] = !strings.HasPrefix(word, ":")
	}
	s.engine.Handle(method, path, h)
	if method == http.MethodGet {
		s.engine.Handle(http.MethodHead, path, h)
	}
}

// ServeHTTP makes Server an http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

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

// handle wraps what every request has: an id, limits, CORS, an answer whatever happens, and a line in the log.
func (s *Server) handle(route *Route, run func(*exchange) (answer, error)) gin.HandlerFunc {
	operation := route.Operation()
	return func(c *gin.Context) {
		began := time.Now()
		ctx, seen := s.doors.Telemetry.Request(c.Request.Context(), route.Pattern, c.Request.Header.Values("Traceparent"))
		x := &exchange{server: s, route: route, ctx: ctx, request: c.Request, writer: c.Writer, param: c.Param}
		x.who.RequestID = requestID(c.Request.Header.Values("X-Request-Id"))
		x.who.Address = clientAddress(c.Request.RemoteAddr, c.Request.Header.Values("X-Forwarded-For"), s.proxies)
		x.who.Operation = operation

		header := c.Writer.Header()
		header.Set("X-Request-Id", x.who.RequestID)
		header.Set("X-Content-Type-Options", "nosniff")
		if s.draining.Load() {
			header.Set("Connection", "close")
		}
		run := run
		switch s.cors(c.Request, header) {
		case preflightAllowed:
			c.Status(http.StatusNoContent)
			seen.End(route.Pattern, telemetry.Answer{Status: http.StatusNoContent, At: began, Took: time.Since(began)})
			return
		case preflightRefused:
			run = func(*exchange) (answer, error) { return answer{}, errOrigin }
		}
		if limit := s.BodyLimit(route); c.Request.Body != nil {
			c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
		}
		given, err := s.run(x, run)
		var refused *Error
		if err != nil {
			refused = s.countGuess(x, s.api.Refuse(err, c.Request.Method == http.MethodDelete))
			switch {
			case refused == errLostOutcome && x.reads():
				refused = errUnavailable
			case refused.Code == errKeyDenied.Code && x.who.ByKey():
				refused = errKeyDenied
			}
			given = refusal(s.api.told(refused), x.who.RequestID)
		} else if tag := given.Header.Get("ETag"); tag != "" && x.reads() && noneMatch(strings.Join(c.Request.Header.Values("If-None-Match"), ", "), tag) {
			given.Status, given.Body = http.StatusNotModified, nil
		}
		if path := given.Header.Get("Location"); path != "" { // also of an answer that was kept when PUBLIC_URL was another
			given.Header.Set("Location", s.config.PublicURL+path)
		}
		if writeErr := given.write(c.Writer); writeErr != nil && given.stream != nil {
			err = writeErr
		}
		x.written()
		told := telemetry.Answer{Status: c.Writer.Status(), Tenant: x.who.TenantID, At: began, Took: time.Since(began)}
		if refused != nil {
			told.Code = refused.Code
		}
		s.record(x, told, seen.Trace(), refused, err)
		seen.End(route.Pattern, told)
		if refused != nil && refused.Code == ErrTenant.Code {
			s.Note(x.who, "tenant.refused")
		}
		if given.stream != nil && err != nil {
			panic(http.ErrAbortHandler) // the body is not whole, and breaking off is the only way left to say so
		}
	}
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

// HTTP is an http.Server for s, with limits on what a slow or greedy client may hold.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),

		DisableGeneralOptionsHandler: true, // OPTIONS * is answered as everything else, in the envelope
	}
}
