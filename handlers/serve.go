package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	syncatomic "sync/atomic" // the name belongs to the adapter
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/mail"
	"rowhouse/tenancy"
)

// base is the path under which the whole API stands.
const base = "/api/v1"

// Config is what the server needs to know of its surroundings.
type Config struct {
	PublicURL          string // where clients reach this server, its path included, without a slash at the end; empty: URLs begin with /
	AppURL             string // of the application that mails lead to, without a slash at the end; empty: they show bare tokens
	AccessTokenTTL     time.Duration
	RefreshTokenTTL    time.Duration
	RegistrationClosed bool
	CORSOrigins        []string // exact origins
	TrustedProxies     []string // addresses or CIDRs whose X-Forwarded-For is believed
	BodyLimit          int64    // bytes
	ImportLimit        int64    // bytes
	Migration          int64    // the newest migration that this binary knows
	Limits             Limits
}

// Server answers HTTP requests.
type Server struct {
	config    Config
	doors     *tenancy.Database
	passwords *auth.Passwords
	tokens    *auth.Tokens
	mail      *mail.Outbox
	log       *slog.Logger
	cursors   cursors
	limiter   *limiter
	proxies   []netip.Prefix  // whose X-Forwarded-For is believed
	words     map[string]bool // the fixed segments of all addresses
	strangers *rate.Sometimes // how often the log tells of origins that may not call

	fingerprints [][]byte // the keys of those of idempotent requests; the first is for new ones
	refusals     refusalLog
	engine       *gin.Engine
	readiness    readiness
	draining     syncatomic.Bool
	document     func() (*forms, error) // OpenAPI, made when it is first asked for
}

// New makes a server over the doors.
func New(config Config, doors *tenancy.Database, passwords *auth.Passwords, tokens *auth.Tokens, outbox *mail.Outbox, log *slog.Logger) (*Server, error) {
	s := &Server{
		config: config, doors: doors, passwords: passwords, tokens: tokens, mail: outbox, log: log,
		cursors:  newCursors(tokens.Secrets("cursors")),
		limiter:  newLimiter(config.Limits.Requests, tokens.Secrets("limits")),
		refusals: newRefusalLog(),

		strangers: &rate.Sometimes{Interval: strangersEvery},
		words:     map[string]bool{},

		fingerprints: tokens.Secrets("fingerprints"),
		document: sync.OnceValues(func() (*forms, error) {
			text, err := OpenAPI(config.PublicURL)
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
	for i := range routes {
		route := &routes[i]
		method, path, _ := strings.Cut(route.Pattern, " ")
		s.serve(method, base+path, s.handle(route, func(x *exchange) (answer, error) {
			if err := x.identify(); err != nil {
				return answer{}, err
			}
			return route.run(x)
		}))
	}
	for _, root := range s.roots() {
		s.serve(http.MethodGet, root.path, s.handle(&Route{Pattern: "GET " + root.path}, root.run))
	}
	return s, nil
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
	bodies  []*[]byte // of what was rendered; an exchange may render more than once
	after   func()    // what is done once the answer was sent; nil: nothing
}

// reads says that the request changes nothing.
func (x *exchange) reads() bool {
	return x.request.Method == http.MethodGet || x.request.Method == http.MethodHead
}

// handle wraps what every request has: an id, limits, CORS, an answer whatever happens, and a line in the log.
func (s *Server) handle(route *Route, run func(*exchange) (answer, error)) gin.HandlerFunc {
	operation := route.operation()
	return func(c *gin.Context) {
		began := time.Now()
		x := &exchange{server: s, route: route, ctx: c.Request.Context(), request: c.Request, writer: c.Writer, param: c.Param}
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
			return
		case preflightRefused:
			run = func(*exchange) (answer, error) { return answer{}, errOrigin }
		}
		if limit := s.bodyLimit(route); c.Request.Body != nil {
			c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
		}
		given, err := s.run(x, run)
		var refused *Error
		if err != nil {
			refused = s.countGuess(x, classify(err, c.Request.Method == http.MethodDelete))
			switch {
			case refused == errLostOutcome && x.reads():
				refused = errUnavailable
			case refused.Code == errKeyDenied.Code && x.who.ByKey():
				refused = errKeyDenied
			}
			given = refusal(refused, x.who.RequestID)
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
		x.answered()
		s.record(x, c.Writer.Status(), time.Since(began), refused, err)
		if refused != nil && refused.Code == errTenant.Code {
			s.refuse(x.who, "tenant.refused")
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

// record writes the request's line in the log: only what names and counts, never what the client sent or got.
func (s *Server) record(x *exchange, status int, took time.Duration, refused *Error, err error) {
	attrs := []slog.Attr{
		slog.String("request_id", x.who.RequestID),
		slog.String("route", x.route.Pattern),
		slog.String("method", x.request.Method),
		slog.Int("status", status),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("address", x.who.Address),
	}
	if x.route.Pattern == "" {
		attrs[1] = slog.String("path", s.shapeOf(x.request.URL.Path))
	}
	if refused != nil {
		attrs = append(attrs, slog.String("code", refused.Code))
	}
	if !x.who.TenantID.IsZero() {
		attrs = append(attrs, slog.String("tenant", x.who.TenantID.String()))
	}
	if !x.who.AccountID.IsZero() {
		attrs = append(attrs, slog.String("account", x.who.AccountID.String()))
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

// probes are asked again and again by machines; as long as they are answered, nobody wants to read of it.
var probes = map[string]bool{"GET /healthz": true, "GET /readyz": true}

// maxShape is how many segments of a path that leads nowhere are logged.
const maxShape = 8

// shapeOf is a path that leads nowhere, for the log: the words that stand in addresses that there are, and * for every other
// segment, since a secret may stand there.
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

// bodyLimit is in bytes.
func (s *Server) bodyLimit(route *Route) int64 {
	if route.accepts != nil {
		return s.config.ImportLimit
	}
	if route.input == nil {
		return s.config.BodyLimit
	}
	return min(s.config.BodyLimit, largestBody(fieldsOf(route.input)))
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

const (
	corsRequestHeaders = "Authorization, Content-Type, X-API-Key, X-Tenant-Id, X-Request-Id, Idempotency-Key, If-Match, If-None-Match"
	corsAnswerHeaders  = "ETag, Link, Location, Retry-After, X-Request-Id, Idempotent-Replayed, Content-Disposition, " +
		"RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
	corsMethods = "GET, HEAD, POST, PATCH, DELETE"

	// strangersEvery is how often the log tells of an origin that may not call; maxOrigin is how many bytes of its name.
	strangersEvery = time.Minute
	maxOrigin      = 100
)

// preflight is what a browser's question before a request of a page is.
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

// identify fills in the caller as far as the route asks, offline.
func (x *exchange) identify() error {
	if err := x.takeCredential(); err != nil {
		return err
	}
	if err := x.server.limiter.allow(&x.who); err != nil {
		return err
	}
	return x.readKey()
}

func (x *exchange) takeCredential() error {
	r := x.request
	public := x.route.scope == publicScope
	if public && !x.route.welcomes {
		return nil
	}
	authorization, keys := r.Header.Values("Authorization"), r.Header.Values("X-API-Key")
	switch {
	case len(authorization)+len(keys) > 1:
		return badRequest("two_credentials", "Send one credential: Authorization or X-API-Key, once.")
	case len(authorization)+len(keys) == 0 && public:
		return nil
	case len(authorization)+len(keys) == 0:
		return errNoCredential
	case len(keys) > 0:
		return x.takeKey(keys[0])
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return errNoCredential
	}
	token = strings.TrimLeft(token, " ") // RFC 6750 separates by one or more spaces, and knows no other blank
	if auth.LooksLikeAPIKey(token) {
		return x.takeKey(token)
	}
	claims, err := x.server.tokens.Verify(token)
	if err != nil {
		return errCredential
	}
	x.who.AccountID, x.who.SessionID = claims.Account, claims.Session
	if x.route.scope == tenantScope {
		return x.chooseTenant(claims.Tenant)
	}
	return nil
}

// takeKey takes an API key, which is good for its tenant alone.
func (x *exchange) takeKey(text string) error {
	key, ok := auth.ParseAPIKey(text)
	if !ok {
		return errCredential
	}
	if x.route.scope != tenantScope && !x.route.byKey {
		return errTokenRequired
	}
	x.who.Key = key
	if x.route.scope == tenantScope {
		return x.chooseTenant(key.Tenant)
	}
	return nil
}

// chooseTenant takes the tenant of the token, or without one that of the header: never both, never another source.
func (x *exchange) chooseTenant(derived ids.TenantID) error {
	header := x.request.Header.Values("X-Tenant-Id")
	refuse := func(code, title, detail string) error {
		return &Error{Status: http.StatusBadRequest, Code: code, Title: title, Detail: detail}
	}
	switch {
	case !derived.IsZero() && len(header) > 0:
		return refuse("unwanted_tenant", "Do not send X-Tenant-Id in derived-tenant mode",
			"Do not send X-Tenant-Id in derived-tenant mode: this credential is bound to its tenant.")
	case !derived.IsZero():
		x.who.TenantID = derived
		return nil
	case len(header) == 0 || len(header) == 1 && header[0] == "":
		return refuse("missing_tenant", "Missing X-Tenant-Id",
			"Missing X-Tenant-Id: name the tenant of this request; GET /api/v1/me/tenants lists yours.")
	case len(header) > 1:
		return refuse("repeated_tenant", "Repeated X-Tenant-Id", "Send X-Tenant-Id once.")
	}
	if err := x.who.TenantID.Parse(header[0]); err != nil {
		return refuse("malformed_tenant", "Malformed X-Tenant-Id", "X-Tenant-Id is "+err.Error()+".")
	}
	return nil
}

// readKey takes the Idempotency-Key of a POST.
func (x *exchange) readKey() error {
	if !x.route.idempotent() {
		return x.noIdempotency()
	}
	given := x.request.Header.Values("Idempotency-Key")
	if len(given) == 0 {
		return nil
	}
	x.key = given[0]
	printable := !strings.ContainsFunc(x.key, func(c rune) bool { return c < ' ' || c > '~' })
	if len(given) > 1 || x.key == "" || len(x.key) > 255 || !printable {
		return badRequest("invalid_idempotency_key", "Idempotency-Key is sent once: 1 to 255 printable ASCII characters.")
	}
	return nil
}

func (x *exchange) noIdempotency() error {
	if x.request.Method == http.MethodPost && len(x.request.Header.Values("Idempotency-Key")) > 0 {
		return badRequest("unwanted_idempotency_key", "This address does not take an Idempotency-Key.")
	}
	return nil
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

// checkPermissions compares the constants of Go with the table of the database, both ways. A database that is ahead, as it is while
// a newer program is being rolled out, may know more.
func checkPermissions(inDatabase []db.PermissionListRow, ahead bool) error {
	var errs []error
	for _, p := range auth.Permissions {
		if !slices.ContainsFunc(inDatabase, func(row db.PermissionListRow) bool { return row.Name == string(p) }) {
			errs = append(errs, fmt.Errorf("permission %s is not in the table permissions", p))
		}
	}
	for _, row := range inDatabase {
		switch p := auth.Permission(row.Name); {
		case !slices.Contains(auth.Permissions, p) && ahead:
		case !slices.Contains(auth.Permissions, p):
			errs = append(errs, fmt.Errorf("permission %s of the table permissions is unknown to this program", p))
		case row.Ownable != p.Ownable():
			errs = append(errs, fmt.Errorf("permission %s: whether its rows have owners is one thing in the table permissions and another in this program", p))
		}
	}
	return errors.Join(errs...)
}
