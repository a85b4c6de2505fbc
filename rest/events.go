package rest

import (
	"net/http"
	"slices"
	"strings"
)

// An Event is an operation by which rows of tenants change: what an audit event has for its action, and an endpoint is told of.
type Event struct {
	Name    string // such as item.update
	Summary string // such as Update an item
	Kind    string // what begins the ids of that which the operation is about, such as item
}

// Telling says of an operation outside of the tenant scope that it changes rows of tenants, and of which kind.
func (e Endpoint) Telling(kind string) Endpoint {
	e.tells = kind
	return e
}

// Untold says of an operation that no endpoint is told of it.
func (e Endpoint) Untold() Endpoint {
	e.untold = true
	return e
}

// Events lists them, each once, in the order of the routes.
func (a *API) Events() (all []Event) {
	for i := range a.Routes {
		r := &a.Routes[i]
		method, path, _ := strings.Cut(r.Pattern, " ")
		if r.untold || method == http.MethodGet || r.Scope != TenantScope && r.tells == "" {
			continue
		}
		kind := r.tells
		if kind == "" {
			kind = a.kindAt(path)
		}
		if !slices.ContainsFunc(all, func(e Event) bool { return e.Name == r.Operation() }) {
			all = append(all, Event{r.Operation(), a.summary(r.Name), kind})
		}
	}
	return all
}

// Events are those of the API.
func (s *Server) Events() []Event { return s.api.Events() }

// kindAt is what a route shows that begins with the same word.
func (a *API) kindAt(path string) string {
	resource := func(path string) string { return strings.Split(path, "/")[1] }
	for i := range a.Routes {
		if _, shown, _ := strings.Cut(a.Routes[i].Pattern, " "); a.Routes[i].Shows != "" && resource(shown) == resource(path) {
			return a.Routes[i].Shows
		}
	}
	return ""
}
