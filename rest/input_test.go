package rest

import (
	"reflect"
	"testing"
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
