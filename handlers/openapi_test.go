package handlers

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/swaggest/jsonschema-go"
)

// The description is what stands in testdata/openapi.json, every time that it is made.
func TestOpenAPIGolden(t *testing.T) {
	t.Parallel()
	got, err := OpenAPI("")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	golden := filepath.Join("testdata", "openapi.json")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("not the golden description; go test ./handlers -run TestOpenAPIGolden -update writes it anew\n%s", diff)
	}
}

// node is a part of the description, with its references followed.
type node struct {
	root, value any
}

// at goes down by keys; what is not there is null.
func (n node) at(keys ...string) node {
	for _, key := range keys {
		object, _ := n.value.(map[string]any)
		n.value = object[key]
		if object, ok := n.value.(map[string]any); ok {
			if ref, ok := object["$ref"].(string); ok {
				n = node{n.root, n.root}.at(strings.Split(ref, "/")[1:]...)
			}
		}
	}
	return n
}

func (n node) keys() []string {
	object, _ := n.value.(map[string]any)
	return slices.Sorted(maps.Keys(object))
}

func (n node) list() (members []node) {
	values, _ := n.value.([]any)
	for i := range values {
		members = append(members, node{n.root, map[string]any{"": values[i]}}.at(""))
	}
	return members
}

func description(t *testing.T) node {
	t.Helper()
	text, err := OpenAPI("https://api.example.com")
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	return node{root, root}
}

// described is the operation of a row.
func (n node) described(r *Route) node {
	method, path, _ := strings.Cut(r.Pattern, " ")
	return n.at("paths", colons.ReplaceAllString(path, "{$1}"), strings.ToLower(method))
}

// Every row of the table is one operation, under its handler's name, and there are no others but those at the root.
func TestOpenAPIOperations(t *testing.T) {
	t.Parallel()
	doc := description(t)
	want := []string{"healthz", "readyz", "jwks"}
	for i := range routes {
		want = append(want, routes[i].name)
		if got := doc.described(&routes[i]).at("operationId").value; got != routes[i].name {
			t.Errorf("%s: got operation %v, want %s", routes[i].Pattern, got, routes[i].name)
		}
	}
	var got []string
	for _, path := range doc.at("paths").keys() {
		for _, method := range doc.at("paths", path).keys() {
			if id, ok := doc.at("paths", path, method, "operationId").value.(string); ok {
				got = append(got, id)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, want := doc.at("servers").list()[0].at("url").value, "https://api.example.com/api/v1"; got != want {
		t.Errorf("server: got %v, want %s", got, want)
	}
}

// Every field of an input stands once in its operation, at its source, and is required where the decoder requires it.
func TestOpenAPIInputs(t *testing.T) {
	t.Parallel()
	doc := description(t)
	for i := range routes {
		r := &routes[i]
		op := doc.described(r)
		got := map[string]int{}
		for _, p := range op.at("parameters").list() {
			key := p.at("in").value.(string) + " " + p.at("name").value.(string)
			if p.at("required").value == true {
				key += " required"
			}
			got[key]++
		}
		want := map[string]int{"header X-Request-Id": 1}
		if r.idempotent() {
			want["header Idempotency-Key"] = 1
		}
		if strings.HasPrefix(r.Pattern, "GET ") && r.produces == nil && reflect.PointerTo(r.output).Implements(reflect.TypeFor[resource]()) {
			want["header If-None-Match"] = 1
		}
		body, input := op.at("requestBody", "content", "application/json", "schema"), r.input
		for _, media := range r.accepts {
			body, input = op.at("requestBody", "content", media, "schema", "contentSchema"), r.line
		}
		for _, name := range body.at("properties").keys() {
			key := "json " + name
			if slices.ContainsFunc(body.at("required").list(), func(n node) bool { return n.value == name }) {
				key += " required"
			}
			got[key]++
		}
		for _, f := range fieldsOf(input) {
			if f.name == "User-Agent" {
				continue
			}
			key := f.source + " " + f.name
			if f.required {
				key += " required"
			}
			want[key]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", r.Pattern, diff)
		}
		if body.value != nil && body.at("additionalProperties").value != false {
			t.Errorf("%s: the body admits what the decoder refuses", r.Pattern)
		}
	}
}

// Every operation says which headers it answers with and which refusals it gives.
func TestOpenAPIAnswers(t *testing.T) {
	t.Parallel()
	doc := description(t)
	for i := range routes {
		r := &routes[i]
		answers := doc.described(r).at("responses")
		must := func(when bool, status int, headers ...string) {
			t.Helper()
			a := answers.at(strconv.Itoa(status))
			if (a.value != nil) != when {
				t.Errorf("%s: %d is documented: %v, want %v", r.Pattern, status, a.value != nil, when)
				return
			}
			for _, name := range append(headers, "X-Request-Id") {
				if when && a.at("headers", name, "schema").value == nil {
					t.Errorf("%s: %d says nothing of %s", r.Pattern, status, name)
				}
			}
		}
		method, path, _ := strings.Cut(r.Pattern, " ")
		reads, tenant := method == http.MethodGet, r.scope == tenantScope
		isResource := reflect.PointerTo(r.output).Implements(reflect.TypeFor[resource]()) && r.produces == nil
		_, conditional := reflect.Zero(r.input).Interface().(interface{ versions() Versions })
		var own []int
		for _, err := range particular[r.name] {
			own = append(own, classify(err, false).Status)
		}
		var headers []string
		if isResource {
			headers = append(headers, "ETag")
		}
		if r.Status == http.StatusCreated {
			headers = append(headers, "Location")
		}
		if r.idempotent() {
			headers = append(headers, "Idempotent-Replayed")
		}
		if reflect.PointerTo(r.output).Implements(reflect.TypeFor[pageAnswer]()) {
			headers = append(headers, "Link")
		}
		must(true, r.Status, headers...)
		must(isResource && reads, 304, "ETag")
		must(true, 400)
		must(r.scope != publicScope || r.welcomes || slices.Contains(own, 401), 401, "WWW-Authenticate")
		must(tenant || r.welcomes || r.scope == accountScope && !r.byKey || slices.Contains(own, 403), 403)
		must(strings.Contains(path, ":") || slices.Contains(own, 404), 404)
		must(true, 409)
		must(conditional, 412, "ETag")
		must(!reads, 413)
		must(!reads, 415)
		must(!reads || len(fieldsOf(r.input)) > 0, 422)
		must(true, 429, "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
		must(true, 500)
		must(true, 503, "Retry-After")
		for _, status := range answers.keys() {
			if status < "400" {
				continue
			}
			a := answers.at(status)
			for _, name := range a.at("content", "application/json", "examples").keys() {
				code := a.at("content", "application/json", "examples", name, "value", "content", "code").value.(string)
				if !strings.Contains(a.at("description").value.(string), "`"+code+"`") {
					t.Errorf("%s: %s does not list %s", r.Pattern, status, code)
				}
			}
		}
		if security := doc.described(r).at("security"); (len(security.list()) == 0) != (r.scope == publicScope && !r.welcomes) || security.value == nil {
			t.Errorf("%s: security %v", r.Pattern, security.value)
		}
	}
	for name := range particular {
		if !slices.ContainsFunc(routes, func(r Route) bool { return r.name == name }) {
			t.Errorf("there is no handler %s to refuse anything", name)
		}
	}
}

// A schema has a clean name, is used, and has an example for every text in it.
func TestOpenAPISchemas(t *testing.T) {
	t.Parallel()
	doc := description(t)
	clean := regexp.MustCompile(`^[A-Z][A-Za-z]+$`)
	text, _ := json.Marshal(doc.value)
	for _, name := range doc.at("components", "schemas").keys() {
		if !clean.MatchString(name) || strings.HasPrefix(name, "Db") {
			t.Errorf("the name %s", name)
		}
		if !strings.Contains(string(text), `"#/components/schemas/`+name+`"`) {
			t.Errorf("%s is not used", name)
		}
		schema := doc.at("components", "schemas", name)
		for _, property := range schema.at("properties").keys() {
			p := schema.at("properties", property)
			kind, _ := json.Marshal(p.at("type").value)
			said := p.at("examples").value != nil || p.at("enum").value != nil || p.at("const").value != nil
			if strings.Contains(string(kind), `"string"`) && !said && name != "Error" {
				t.Errorf("%s.%s has no example: give the field of the struct in handlers an example tag", name, property)
			}
		}
	}
}

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

// colons are the parameters in the path of a route.
var colons = regexp.MustCompile(`:(\w+)`)
