package rest

import (
	"encoding/json"
	"testing"

	"github.com/swaggest/jsonschema-go"
)

// The limits of a tag are those of the schema; a rule that a schema cannot say is an error, not left out.
func TestOpenAPILimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind        jsonschema.SimpleType
		rules, want string
	}{
		{jsonschema.String, "", `{"type":"string"}`},
		{jsonschema.String, "min=1,max=100", `{"maxLength":100,"minLength":1,"type":"string"}`},
		{jsonschema.Integer, "min=1,max=10", `{"maximum":10,"minimum":1,"type":"integer"}`},
		{jsonschema.String, "omitempty,oneof=name -name", `{"enum":["name","-name"],"type":"string"}`},
		{jsonschema.String, "min=few", ""},
		{jsonschema.String, "email", ""},
		{jsonschema.Boolean, "min=1", ""},
	} {
		var s jsonschema.Schema
		s.AddType(c.kind)
		err := limit(&s, c.rules)
		got, _ := json.Marshal(s)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%s: no error", c.rules)
		case c.want != "" && string(got) != c.want:
			t.Errorf("%s: got %s (%v), want %s", c.rules, got, err, c.want)
		}
	}
}
