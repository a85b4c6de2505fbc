package rest

import (
	"context"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
)

// Route is one operation: where it is, what it answers when it succeeds, and what it does.
type Route struct {
	Pattern string // method and path under /api/v1
	Status  int    // of success
	Title   string // of success
	Endpoint
}

// Scope is what a route asks of its caller before the database is asked.
type Scope string

// The scopes.
const (
	PublicScope   Scope = "public"   // nothing
	AccountScope  Scope = "account"  // an access token; the tenant header is ignored
	TenantScope   Scope = "tenant"   // a credential and a tenant
	PlatformScope Scope = "platform" // an access token of a superuser; the tenant header is ignored
)

// Endpoint is what an adapter makes of a handler: all that the router, the documentation and the tests need to know.
type Endpoint struct {
	Scope      Scope
	Permission auth.Permission // of the tenant scope
	Name       string          // the handler's, such as itemUpdate
	Input      reflect.Type
	Output     reflect.Type
	Line       reflect.Type // of an upload: what each line is
	Accepts    []string     // media types of a streamed body; otherwise JSON
	Produces   []string     // media types of a streamed answer, or of a Document; otherwise JSON
	ByKey      bool         // an account route that an API key may use too
	Welcomes   bool         // a public route that heeds an access token, if there is one
	Refuses    []*Error     // see Refusing
	keyed      bool         // its adapter keeps the answer to a POST under the Idempotency-Key
	app        reflect.Type // what of the API's App the handler is given; nil: nothing
	Shows      string       // of a GET route: the kind of thing, as its ids begin, that it shows one of; see Show
	tells      string       // see Telling
	untold     bool         // see Untold
	show       func(context.Context, *db.Queries, Caller, ids.EntityID) (any, error)
	limit      int64 // of the body, in bytes; 0: as large as the input may be
	run        func(*exchange) (answer, error)
}

// Refusing adds, for the description of the API, refusals that neither the input nor the table shows.
func (e Endpoint) Refusing(refusals ...*Error) Endpoint {
	e.Refuses = slices.Concat(e.Refuses, refusals)
	return e
}

// As says of which media type the Document is that the operation answers.
func (e Endpoint) As(media string) Endpoint {
	e.Produces = []string{media}
	return e
}

// Unkeyed takes no Idempotency-Key: of an operation that ends the session which asks for it, and so could not ask again.
func (e Endpoint) Unkeyed() Endpoint {
	e.keyed = false
	return e
}

// Conditional says that the operation heeds If-Match.
func (e *Endpoint) Conditional() bool {
	return e.Input.Implements(reflect.TypeFor[interface{ versions() Versions }]())
}

// Row is what the list of the operation is of; nil when it lists nothing.
func (e *Endpoint) Row() reflect.Type {
	if _, ok := reflect.New(e.Output).Interface().(pageAnswer); !ok {
		return nil
	}
	rows, _ := e.Output.FieldByName("rows")
	return rows.Type.Elem()
}

// Idempotent says that the operation takes an Idempotency-Key.
func (r *Route) Idempotent() bool {
	return r.keyed && strings.HasPrefix(r.Pattern, http.MethodPost+" ")
}

// Table is the route table for people: a header row, then method, path, scope, permission and handler of each operation.
func (a *API) Table() [][]string {
	table := [][]string{{"METHOD", "PATH", "SCOPE", "PERMISSION", "HANDLER"}}
	for i := range a.Routes {
		r := &a.Routes[i]
		method, path, _ := strings.Cut(r.Pattern, " ")
		permission := string(r.Permission)
		if permission == "" {
			permission = "-"
		}
		table = append(table, []string{method, Base + path, string(r.Scope), permission, r.Name})
	}
	return table
}

func describe[In, Out any](s Scope, handler any) Endpoint {
	name := runtime.FuncForPC(reflect.ValueOf(handler).Pointer()).Name()
	FieldsOf(reflect.TypeFor[In]())
	return Endpoint{Scope: s, Name: name[strings.LastIndexByte(name, '.')+1:], Input: reflect.TypeFor[In](), Output: reflect.TypeFor[Out]()}
}

// Operation is the name in audit events: item.update for itemUpdate, the noun and the rest, their words apart by underscores. A noun has as many
// words as the first of the path where they begin alike, as those of /api-keys and apiKeyGet do.
func (r *Route) Operation() string {
	words := strings.Split(strings.ToLower(capitals.ReplaceAllString(r.Name, "_$0")), "_")
	_, path, _ := strings.Cut(r.Pattern, " /")
	resource, _, _ := strings.Cut(path, "/")
	noun := 1
	if of := strings.Split(resource, "-"); len(words) > len(of) && slices.Equal(words[:len(of)-1], of[:len(of)-1]) {
		noun = len(of)
	}
	if len(words) == noun {
		return strings.Join(words, "_")
	}
	return strings.Join(words[:noun], "_") + "." + strings.Join(words[noun:], "_")
}
