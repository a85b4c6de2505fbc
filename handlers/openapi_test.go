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

	"rowhouse/resource"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

// The description is what stands in testdata/openapi.json, every time that it is made.
func TestOpenAPIGolden(t *testing.T) {
	t.Parallel()
	got, err := API().OpenAPI("")
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
		t.Errorf("testdata/openapi.json has changed (-want +got):\n%s\n%s", diff, accepting)
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
	text, err := API().OpenAPI("https://api.example.com")
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
func (n node) described(r *rest.Route) node {
	method, path, _ := strings.Cut(r.Pattern, " ")
	return n.at("paths", colons.ReplaceAllString(path, "{$1}"), strings.ToLower(method))
}

var operationNamed = regexp.MustCompile(`\b(GET|POST|PATCH|DELETE) (?:` + rest.Base + `)?(/[a-z/-]+)`)

// Where a text for clients names an operation, there is one: a hint, what a broken constraint means, or what the description says.
func TestTextsNameOperations(t *testing.T) {
	t.Parallel()
	text, err := API().OpenAPI("https://api.example.com")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{string(text)}
	for _, c := range tenancy.Constraints() {
		texts = append(texts, c.Words)
	}
	for code, hint := range hints {
		if !operationNamed.MatchString(hint) {
			t.Errorf("the hint of %s names no operation", code)
		}
		texts = append(texts, hint)
	}
	for _, text := range texts {
		for _, named := range operationNamed.FindAllStringSubmatch(text, -1) {
			if !slices.ContainsFunc(routes, func(r rest.Route) bool { return r.Pattern == named[1]+" "+named[2] }) {
				t.Errorf("%s: there is no such operation", named[0])
			}
		}
	}
}

// Every row of the table is one operation, under its handler's name, and there are no others but those at the root.
func TestOpenAPIOperations(t *testing.T) {
	t.Parallel()
	doc := description(t)
	want := []string{"healthz", "readyz", "jwks"}
	for i := range routes {
		want = append(want, routes[i].Name)
		if got := doc.described(&routes[i]).at("operationId").value; got != routes[i].Name {
			t.Errorf("%s: got operation %v, want %s", routes[i].Pattern, got, routes[i].Name)
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
		want := map[string]int{}
		if r.Scope == rest.TenantScope {
			want["header X-Tenant-Id"] = 1
		}
		if r.Idempotent() {
			want["header Idempotency-Key"] = 1
		}
		if strings.HasPrefix(r.Pattern, "GET ") && (r.Produces == nil && reflect.PointerTo(r.Output).Implements(reflect.TypeFor[rest.Resource]()) || isDocument(r)) {
			want["header If-None-Match"] = 1
		}
		body, input := op.at("requestBody", "content", "application/json", "schema"), r.Input
		for _, media := range r.Accepts {
			if r.Line != nil { // else it is a file
				body, input = op.at("requestBody", "content", media, "schema", "contentSchema"), r.Line
			}
		}
		for _, name := range body.at("properties").keys() {
			key := "json " + name
			if slices.ContainsFunc(body.at("required").list(), func(n node) bool { return n.value == name }) {
				key += " required"
			}
			got[key]++
		}
		for _, f := range rest.FieldsOf(input) {
			if f.Name == "User-Agent" {
				continue
			}
			key := f.Source + " " + f.Name
			if f.Required {
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

func isDocument(r *rest.Route) bool {
	return reflect.PointerTo(r.Output).Implements(reflect.TypeFor[rest.Document]())
}

// Every operation says which headers it answers with and which refusals it gives.
func TestOpenAPIAnswers(t *testing.T) {
	t.Parallel()
	doc := description(t)
	for i := range routes {
		r := &routes[i]
		op := doc.described(r)
		answers, codes := op.at("responses"), codesOf(op.at("description").value.(string))
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
		refuses := func(when bool, status int) {
			t.Helper()
			listed := slices.ContainsFunc(slices.Collect(maps.Keys(codes)), func(code string) bool { return strings.HasPrefix(code, strconv.Itoa(status)) })
			if listed != when {
				t.Errorf("%s: %d is listed among its refusals: %v, want %v", r.Pattern, status, listed, when)
			}
		}
		method, path, _ := strings.Cut(r.Pattern, " ")
		reads, tenant := method == http.MethodGet, r.Scope == rest.TenantScope
		isResource := reflect.PointerTo(r.Output).Implements(reflect.TypeFor[rest.Resource]()) && r.Produces == nil || isDocument(r)
		conditional := r.Conditional()
		var own []int
		for _, err := range r.Refuses {
			own = append(own, err.Status)
		}
		var headers []string
		if isResource {
			headers = append(headers, "ETag")
		}
		if r.Status == http.StatusCreated {
			headers = append(headers, "Location")
		}
		if r.Idempotent() {
			headers = append(headers, "Idempotent-Replayed")
		}
		if r.Row() != nil {
			headers = append(headers, "Link")
		}
		must(true, r.Status, headers...)
		must(isResource && reads, 304, "ETag")
		for status, when := range map[int]bool{
			400: true,
			401: r.Scope != rest.PublicScope || r.Welcomes || slices.Contains(own, 401),
			402: tenant && !reads || slices.Contains(own, 402),
			403: tenant || r.Welcomes || r.Scope == rest.PlatformScope || r.Scope == rest.AccountScope && !r.ByKey || slices.Contains(own, 403),
			404: strings.Contains(path, ":") || slices.Contains(own, 404),
			409: true,
			412: conditional,
			413: !reads,
			415: !reads,
			422: !reads || len(rest.FieldsOf(r.Input)) > 0,
			429: true,
			500: true,
			503: true,
		} {
			refuses(when, status)
		}
		if ref := answers.value.(map[string]any)["default"].(map[string]any)["$ref"]; ref != "#/components/responses/Refusal" {
			t.Errorf("%s: refusals are %v", r.Pattern, ref)
		}
		if security := op.at("security"); (len(security.list()) == 0) != (r.Scope == rest.PublicScope && !r.Welcomes) || security.value == nil {
			t.Errorf("%s: security %v", r.Pattern, security.value)
		}
		if body := op.at("requestBody"); body.value != nil {
			needed := method != http.MethodPost || r.Accepts != nil || len(body.at("content", "application/json", "schema", "required").list()) > 0
			if body.at("required").value != needed {
				t.Errorf("%s: a body is required: %v, want %v", r.Pattern, body.at("required").value, needed)
			}
		}
	}
}

// Names are part of the contract: no two become one where a client is generated, whatever its language makes of them.
func TestOpenAPINames(t *testing.T) {
	t.Parallel()
	doc := description(t)
	taken := map[string]string{}
	take := func(name, what string) {
		key := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
		if before, ok := taken[key]; ok {
			t.Errorf("%s and %s have one name", before, what)
		}
		taken[key] = what
	}
	for _, name := range resource.Globals {
		take(name, "the global "+name)
	}
	for _, kind := range []string{"schemas", "securitySchemes", "responses", "headers"} {
		for _, name := range doc.at("components", kind).keys() {
			if kind != "headers" {
				take(name, kind+" "+name)
			} else if doc.at("components", "schemas", name).value != nil {
				t.Errorf("%s of %s is called as a schema", name, kind)
			}
		}
	}
	// A value that is described where it stands is called by its place.
	for _, name := range doc.at("components", "schemas").keys() {
		schema := doc.at("components", "schemas", name)
		for _, property := range schema.at("properties").keys() {
			inline := schema.value.(map[string]any)["properties"].(map[string]any)[property].(map[string]any)
			if inline["enum"] != nil || inline["properties"] != nil || inline["items"] != nil {
				take(name+property, "the property "+property+" of "+name)
			}
		}
	}
	for _, tag := range doc.at("tags").list() {
		if text, _ := tag.at("description").value.(string); text == "" {
			t.Errorf("nothing says what %s are: give the table a comment, or a line in tagged, in handlers/app.go", tag.at("name").value)
		}
	}
	summaries := map[string]string{}
	for i := range routes {
		text, _ := doc.described(&routes[i]).at("summary").value.(string)
		if other := summaries[text]; other != "" || text == "" || text == routes[i].Title {
			t.Errorf("%s is summed up as %q, and so is %s: give it a line in summaries, in handlers/app.go", routes[i].Name, text, other)
		}
		summaries[text] = routes[i].Name
	}
	for name := range API().Summaries {
		if !slices.ContainsFunc(routes, func(r rest.Route) bool { return r.Name == name }) {
			t.Errorf("there is no handler %s to sum up", name)
		}
	}
}

// Every code of a field that is listed is one that something gives.
func TestFieldCodes(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for _, pattern := range []string{"*.go", "../rest/*.go", "../auth/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(file, "_test.go") {
				code.Write(text)
			}
		}
	}
	given := map[string]bool{}
	for _, c := range tenancy.Constraints() {
		given[c.Code] = true
	}
	for _, listed := range description(t).at("components", "schemas", "FieldCode", "enum").list() {
		name := listed.value.(string)
		if !given[name] && strings.Count(code.String(), strconv.Quote(name)) < 2 {
			t.Errorf("nothing gives %s", name)
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
			if strings.Contains(string(kind), `"string"`) && !said {
				t.Errorf("%s.%s has no example: give the field of the struct in handlers an example tag", name, property)
			}
		}
	}
}

// colons are the parameters in the path of a route.
var colons = regexp.MustCompile(`:(\w+)`)
