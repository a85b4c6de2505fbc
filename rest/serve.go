//go:build !worker

package rest

// What answers requests. A worker shows things and counts attempts with the rest of this package, and is built without this file, and so without a
// router or anything that answers a client.

import (
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"rowhouse/auth"
	"rowhouse/telemetry"
	"rowhouse/tenancy"
)

// New makes a server of an API over the doors.
func New(config Config, api *API, doors *tenancy.Database, tokens *auth.Tokens, log *slog.Logger) (*Server, error) {
	s := &Server{
		config: config, api: api, doors: doors, tokens: tokens, log: log,
		cursors:  newCursors(tokens.Secrets("cursors")),
		limiter:  newLimiter(config.Requests),
		Counter:  NewCounter(doors, tokens),
		refusals: newRefusalLog(),
		tallies:  newTallies(),

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
	engine := gin.New()
	s.router = engine
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.RedirectFixedPath = false
	engine.NoRoute(s.handle(&Route{}, func(*exchange) (answer, error) { return answer{}, errRouteNotFound }))
	engine.NoMethod(s.handle(&Route{}, func(*exchange) (answer, error) { return answer{}, errMethod }))
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
	engine := s.router.(*gin.Engine) // New has put it there
	engine.Handle(method, path, h)
	if method == http.MethodGet {
		engine.Handle(http.MethodHead, path, h)
	}
}

// ServeHTTP makes Server an http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.router.ServeHTTP(w, r) }

// hook serves a Hook.
func (s *Server) hook(h *Hook) {
	route := &Route{Pattern: http.MethodPost + " " + h.Path, Endpoint: Endpoint{Name: h.Name, limit: h.Limit}}
	s.serve(http.MethodPost, h.Path, s.handle(route, h.take))
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
		counts := route.Scope == TenantScope && entered(err)
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
		if counts {
			s.tally(x.who.TenantID)
		}
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
