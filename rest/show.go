package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/tenancy"
)

// A route that reads one thing can also show it to a user who does not ask, for what is sent on his behalf: by the same handler, within the same reach,
// and in the same form.

var (
	// ErrUnseen is of a thing that the user does not see: there is none, or it is not for him, which is the same.
	ErrUnseen = errors.New("there is no such row that the user can see")
	// ErrOut is of a user who would not be let in, or of a tenant that is not active.
	ErrOut = errors.New("not an active user of an active tenant")
)

// kindOf is what begins the ids of that which a read shows one of: it names the thing's id in its path, and nothing else, or nothing where there is but
// one. Empty where it shows none.
func kindOf(in, out reflect.Type) string {
	if !reflect.PointerTo(out).Implements(reflect.TypeFor[Resource]()) {
		return ""
	}
	id, ok := out.FieldByName("ID")
	if !ok {
		return ""
	}
	for _, f := range FieldsOf(in) {
		if f.Type != id.Type || f.Source != "path" || len(FieldsOf(in)) > 1 {
			return ""
		}
	}
	of, ok := reflect.Zero(id.Type).Interface().(interface{ Prefix() string })
	if !ok {
		return ""
	}
	return of.Prefix()
}

// Showing says which kind of thing a read shows, where neither its path nor an id in what it answers does.
func (e Endpoint) Showing(kind string) Endpoint {
	e.Shows = kind
	return e
}

// shower calls the handler of a read with the id of what is shown.
func shower[In, Out any](h work[In, Out]) func(context.Context, *db.Queries, Caller, ids.EntityID) (any, error) {
	return func(ctx context.Context, q *db.Queries, who Caller, id ids.EntityID) (any, error) {
		var in In
		for _, f := range FieldsOf(reflect.TypeFor[In]()) {
			if problem := f.parse(id.UUID(), f.target(reflect.ValueOf(&in).Elem())); problem != nil {
				return nil, fmt.Errorf("%s: %s", f.Name, problem.Detail)
			}
		}
		out, err := h(ctx, q, who, in)
		return &out, err
	}
}

// Show is the thing of a kind, such as item, as the route that reads it shows it to a user of the tenant, without the envelope; and the version in which
// it is shown, 0 for what has none. It fails with ErrUnseen or ErrOut where the user would be refused.
func (a *API) Show(ctx context.Context, doors *tenancy.Database, tenant ids.TenantID, user ids.UserID, kind string, id ids.EntityID, reason string) (shown []byte, version int64, err error) {
	r := a.reader(kind)
	if r == nil {
		return nil, 0, ErrUnseen
	}
	out, err := r.show(ctx, doors.OnBehalf(tenant, user, r.Permission, reason), Caller{TenantID: tenant, Operation: reason}, id)
	if err != nil {
		switch refused := a.Refuse(err, false); {
		case refused.Code == ErrTenant.Code, refused.Code == ErrUnproven.Code:
			return nil, 0, ErrOut
		case refused.Status == http.StatusNotFound, refused.Status == http.StatusForbidden:
			return nil, 0, ErrUnseen
		}
		return nil, 0, err
	}
	switch of := out.(type) {
	case Resource:
		_, _, version = of.Resource()
	case interface{ Shown() any }:
		out = of.Shown()
	}
	shown, err = AppendJSON(nil, out)
	return shown, version, err
}

// reader is the route that shows one of a kind; nil where none does.
func (a *API) reader(kind string) *Route {
	for i := range a.Routes {
		r := &a.Routes[i]
		if r.Shows == kind && kind != "" && strings.HasPrefix(r.Pattern, http.MethodGet+" ") {
			return r
		}
	}
	return nil
}
