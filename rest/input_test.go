package rest

import (
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A limit that is said elsewhere is what is said there; of what is looked for nothing is too short, and a tag has rules of its own besides.
func TestRulesOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tag  reflect.StructTag
		want string
	}{
		{`json:"name"`, ""},
		{`json:"name" validate:"min=1,max=7"`, "min=1,max=7"},
		{`json:"name" limit:"items.name"`, "min=1,max=100"},
		{`query:"q" limit:"items.name"`, "max=100"},
		{`json:"role" limit:"users.role"`, "oneof=admin assistant artist member"},
		{`query:"role" limit:"users.role"`, "oneof=admin assistant artist member"},
		{`json:"email" limit:"users.email"`, "max=254"},
		{`json:"password" limit:"password"`, "max=255"},
		{`json:"password" validate:"min=1" limit:"password"`, "min=1,max=255"},
	} {
		if got := rulesOf(c.tag); got != c.want {
			t.Errorf("%s: got %q, want %q", c.tag, got, c.want)
		}
	}
}

// A limit that nothing declares is found at start.
func TestRulesOfNothing(t *testing.T) {
	t.Parallel()
	for _, tag := range []reflect.StructTag{`limit:""`, `limit:"passwort"`, `limit:"items.nane"`, `limit:"item.name"`, `limit:"items.created_at"`, `limit:"items."`} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", tag)
				}
			}()
			rulesOf(tag)
		}()
	}
}

// A parameter of a query that is required is missed when it is left out, and not when it is empty or wrong; others may be left out.
func TestRequiredParameter(t *testing.T) {
	t.Parallel()
	type input struct {
		From *Date `query:"from" required:"true"`
		To   *Date `query:"to"`
	}
	missed := []FieldError{{"from", "required", "Must be given."}}
	wrong := []FieldError{{"from", "format", "Must be a date such as 2006-01-31."}}
	for query, want := range map[string][]FieldError{"": missed, "to=2026-01-01": missed, "from=": wrong, "from=x": wrong, "from=2026-01-01": nil} {
		err := decode(&exchange{server: &Server{}, route: &Route{}, request: &http.Request{
			Method: http.MethodGet, URL: &url.URL{RawQuery: query}, Header: http.Header{}, Body: http.NoBody,
		}}, &input{})
		var got []FieldError
		if err != nil {
			got = (&API{}).Refuse(err, false).Fields
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-want +got):\n%s", query, diff)
		}
	}
}
