package handlers

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"rowhouse/rest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/unicode/norm"
)

// operation is what the description says of one row of the table, or of an address at the root.
type operation struct {
	route      *rest.Route // nil at the root
	pattern    string
	method     string
	path       *regexp.Regexp
	answers    map[string]*described // by status, or default
	codes      map[string]bool       // of refusals: "409 in_use"
	body       map[string]*jsonschema.Schema
	parameters map[string]*jsonschema.Schema // "query page"
	required   map[string]bool               // of them
}

// described is what it says of the answers of one status.
type described struct {
	content map[string]*jsonschema.Schema // by media type; of a stream, what each line is
	headers map[string]*jsonschema.Schema
}

// sometimes are the headers that an answer has or has not, as the case may be; every other that is documented is always there.
var sometimes = map[string]bool{"Link": true, "Idempotent-Replayed": true}

// alwaysSent are the headers that every refusal of a status has.
var alwaysSent = map[int][]string{
	http.StatusUnauthorized:       {"WWW-Authenticate"},
	http.StatusPreconditionFailed: {"ETag"},
	http.StatusTooManyRequests:    {"Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"},
	http.StatusServiceUnavailable: {"Retry-After"},
}

// The description, compiled: every object in it is closed, so that an answer with a member that it does not name is a fault.
var operations = sync.OnceValue(func() (all []*operation) {
	text, err := API().OpenAPI("")
	if err != nil {
		panic(err)
	}
	read, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		panic(err)
	}
	closed(read)
	const name = "https://rowhouse.test/openapi.json"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	for _, bits := range []int{32, 64} {
		compiler.RegisterFormat(&jsonschema.Format{Name: fmt.Sprintf("int%d", bits), Validate: integerOf(bits)})
	}
	if err := compiler.AddResource(name, read); err != nil {
		panic(err)
	}
	at := func(pointer []string) *jsonschema.Schema {
		var fragment strings.Builder
		for _, token := range pointer {
			fragment.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(token)))
		}
		return compiler.MustCompile(name + "#" + fragment.String())
	}
	doc := node{read, read}
	content := func(pointer []string, of node) map[string]*jsonschema.Schema {
		made := map[string]*jsonschema.Schema{}
		for _, media := range of.at("content").keys() {
			place := slices.Concat(pointer, []string{"content", media, "schema"})
			if of.at("content", media, "schema", "contentSchema").value != nil {
				place = append(place, "contentSchema")
			}
			made[media] = at(place)
		}
		return made
	}
	for _, path := range doc.at("paths").keys() {
		for _, method := range doc.at("paths", path).keys() {
			op := doc.at("paths", path, method)
			if op.at("operationId").value == nil {
				continue
			}
			pointer := []string{"paths", path, method}
			o := &operation{
				pattern: strings.ToUpper(method) + " " + path, method: strings.ToUpper(method),
				answers: map[string]*described{}, parameters: map[string]*jsonschema.Schema{}, required: map[string]bool{},
			}
			under := rest.Base
			for i := range routes {
				if routes[i].Name == op.at("operationId").value {
					o.route, o.pattern = &routes[i], routes[i].Pattern
				}
			}
			if o.route == nil {
				under = ""
			}
			o.path = regexp.MustCompile(`^` + under + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`) + `$`)
			o.body = content(append(pointer, "requestBody"), op.at("requestBody"))
			for i, p := range op.at("parameters").list() {
				key := p.at("in").value.(string) + " " + p.at("name").value.(string)
				if raw := op.at("parameters").value.([]any)[i].(map[string]any)["$ref"]; raw == nil {
					o.parameters[key] = at(slices.Concat(pointer, []string{"parameters", strconv.Itoa(i), "schema"}))
					o.required[key] = p.at("required").value == true
				}
			}
			for _, status := range op.at("responses").keys() {
				said := op.at("responses", status)
				place := slices.Concat(pointer, []string{"responses", status})
				if status == "default" {
					place = []string{"components", "responses", "Refusal"}
				}
				d := &described{headers: map[string]*jsonschema.Schema{}, content: content(place, said)}
				for _, header := range said.at("headers").keys() {
					d.headers[header] = at([]string{"components", "headers", header, "schema"})
				}
				o.answers[status] = d
			}
			o.codes = codesOf(op.at("description").value.(string))
			all = append(all, o)
		}
	}
	errorSchema = at([]string{"components", "schemas", "ErrorAnswer"})
	// Static rows stand before those with a parameter.
	slices.SortStableFunc(all, func(a, b *operation) int { return strings.Count(a.pattern, ":") - strings.Count(b.pattern, ":") })
	return all
})

// errorSchema is of every refusal, also where there is no route.
var errorSchema *jsonschema.Schema

var (
	refusalLine = regexp.MustCompile("(?m)^- ([0-9]{3}) (.*)$")
	refusalCode = regexp.MustCompile("`([a-z_]+)`")
)

// codesOf are the refusals that the description of an operation lists.
func codesOf(text string) map[string]bool {
	codes := map[string]bool{}
	for _, line := range refusalLine.FindAllStringSubmatch(text, -1) {
		for _, code := range refusalCode.FindAllStringSubmatch(line[2], -1) {
			codes[line[1]+" "+code[1]] = true
		}
	}
	return codes
}

// closed closes every object schema within a value that names its properties.
func closed(value any) {
	switch value := value.(type) {
	case map[string]any:
		if _, names := value["properties"].(map[string]any); names && value["additionalProperties"] == nil {
			value["additionalProperties"] = false
		}
		for key, member := range value {
			if key != "example" && key != "examples" {
				closed(member)
			}
		}
	case []any:
		for _, member := range value {
			closed(member)
		}
	}
}

func integerOf(bits int) func(any) error {
	return func(value any) error {
		number, ok := value.(json.Number)
		if !ok {
			return nil
		}
		if n, err := number.Int64(); err != nil || bits == 32 && (n > math.MaxInt32 || n < math.MinInt32) {
			return fmt.Errorf("%s is no integer of %d bits", number, bits)
		}
		return nil
	}
}

// operationOf finds what is described of a request; nil where nothing is.
func operationOf(method, path string) *operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, o := range operations() {
		if o.method == method && o.path.MatchString(path) {
			return o
		}
	}
	return nil
}

// handler is the name of the operation's handler; "" of what stands at the root.
func (o *operation) handler() string {
	if o.route == nil {
		return ""
	}
	return o.route.Name
}

// undocumented lists what an answer is or has that its description does not say: status, code, content type, headers and body.
func undocumented(made *http.Request, got response) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	o := operationOf(made.Method, made.URL.Path)
	said := &described{content: map[string]*jsonschema.Schema{"application/json": errorSchema}}
	if o != nil {
		status := strconv.Itoa(got.status)
		code := got.code()
		listed := o.codes[status+" "+code] || made.Method == http.MethodHead && slices.ContainsFunc(slices.Collect(maps.Keys(o.codes)), func(known string) bool {
			return strings.HasPrefix(known, status+" ") // its answer has no body to say a code
		})
		if said = o.answers[status]; said == nil && listed {
			said = o.answers["default"]
		}
		if said == nil {
			fault("%s answers %d %s, which its description does not say: if it may, add the refusal to those of %s in handlers/routes.go",
				o.pattern, got.status, code, o.handler())
		}
		if said == nil {
			return faults
		}
		for _, name := range toldHeaders() {
			value := got.header.Get(name)
			switch schema := said.headers[name]; {
			case schema == nil && value != "":
				fault("%d: the header %s is not in its description", got.status, name)
			case schema != nil && value == "" && !sometimes[name] && (got.status < 400 || slices.Contains(alwaysSent[got.status], name)):
				fault("%d: the header %s is in its description, and missing", got.status, name)
			case schema != nil && value != "":
				if err := schema.Validate(numeral(schema, value)); err != nil {
					fault("%d: the header %s: %v", got.status, name, err)
				}
			}
		}
	} else if got.status < 300 {
		return nil // preflights, and pages for people
	}
	if made.Method == http.MethodHead || got.status == http.StatusNotModified {
		if got.body != "" {
			fault("%d has a body", got.status)
		}
		return faults
	}
	media, _, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	schema := said.content[media]
	switch {
	case err != nil || schema == nil:
		fault("%d: the content type %q is not in its description", got.status, got.header.Get("Content-Type"))
	case media == rest.NDJSON:
		for lines := bufio.NewScanner(strings.NewReader(got.body)); lines.Scan(); {
			if wrong := invalidJSON(schema, lines.Text()); wrong != "" {
				fault("%d: the line %s: %s", got.status, lines.Text(), wrong)
			}
		}
	case media == rest.CSV:
		if rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll(); err != nil {
			fault("%d: %v", got.status, err)
		} else if got, want := slices.Sorted(slices.Values(rows[0])), propertiesOf(schema); !slices.Equal(got, want) {
			fault("the columns are %v, want %v", got, want)
		}
	case media != "application/json": // a Document, for readers of its own
	default:
		if wrong := invalidJSON(schema, got.body); wrong != "" {
			fault("%d: not as its schema says: %s\n%.2000s", got.status, wrong, got.body)
		}
	}
	return faults
}

// numeral is the text of a header as the kind of value that its schema is of.
func numeral(schema *jsonschema.Schema, text string) any {
	if schema.Types != nil && slices.Contains(schema.Types.ToStrings(), "integer") {
		return json.Number(text)
	}
	return text
}

func propertiesOf(s *jsonschema.Schema) []string {
	for s.Ref != nil {
		s = s.Ref
	}
	return slices.Sorted(maps.Keys(s.Properties))
}

// invalidJSON says what is wrong with a text by a schema; nothing when it is as the schema says.
func invalidJSON(schema *jsonschema.Schema, text string) string {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = schema.Validate(value)
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// unasked says how a request is another than its description asks for; nothing when it is as described. Strings are looked at as they
// are read, without the blanks around them.
func (o *operation) unasked(made *http.Request, body string) string {
	body = norm.NFC.String(body) // a password is as long as its normal form
	if o.route == nil {
		return ""
	}
	query, err := url.ParseQuery(made.URL.RawQuery)
	if err != nil {
		return err.Error()
	}
	segments, names := strings.Split(strings.TrimPrefix(made.URL.Path, rest.Base), "/"), strings.Split(strings.Fields(o.route.Pattern)[1], "/")
	for key, schema := range o.parameters {
		source, name, _ := strings.Cut(key, " ")
		text, given := "", false
		switch source {
		case "query":
			text, given = query.Get(name), query.Has(name)
		case "path":
			text, given = segments[slices.Index(names, ":"+name)], true
		}
		if !given {
			if o.required[key] {
				return key + " is not given"
			}
			continue
		}
		if err := schema.Validate(o.valueOf(source, name, text)); err != nil {
			return key + ": " + err.Error()
		}
	}
	for name := range query {
		if o.parameters["query "+name] == nil {
			return "unknown parameter " + name
		}
	}
	reads := made.Method == http.MethodGet || made.Method == http.MethodHead // whose body, if there is one, nothing looks at
	if object := strings.TrimSpace(body); !reads && len(o.body) == 0 && object != "" && object != "{}" {
		return "a body, where none is described"
	}
	media, _, _ := mime.ParseMediaType(made.Header.Get("Content-Type"))
	schema := o.body[media]
	if body == "" || schema == nil || media == rest.CSV || o.route.Accepts != nil && o.route.Line == nil {
		return ""
	}
	lines := []string{body}
	if media == rest.NDJSON {
		lines = strings.Split(body, "\n")
	}
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err == nil {
			err = schema.Validate(o.trimmed(value))
		}
		if err != nil {
			return err.Error()
		}
	}
	return ""
}

// valueOf is the text of a parameter as the kind of value that it stands for.
func (o *operation) valueOf(source, name, text string) any {
	for _, f := range rest.FieldsOf(o.route.Input) {
		if f.Source != source || f.Name != name {
			continue
		}
		switch f.Type.Kind() {
		case reflect.Int32, reflect.Int64:
			if _, err := strconv.ParseInt(text, 10, 64); err == nil {
				return json.Number(text)
			}
		case reflect.Bool:
			if text == "true" || text == "false" {
				return text == "true"
			}
		case reflect.String:
			return strings.TrimFunc(text, unicode.IsSpace)
		}
	}
	return text
}

func (o *operation) trimmed(body any) any {
	input := o.route.Input
	if o.route.Line != nil {
		input = o.route.Line
	}
	trim(body, rest.FieldsOf(input))
	return body
}

// trim takes the blanks from around the texts of an object, as the server does before it looks at them.
func trim(object any, fields []rest.Field) {
	members, ok := object.(map[string]any)
	if !ok {
		return
	}
	for _, f := range fields {
		if text, ok := members[f.Name].(string); ok && f.Source == "json" && f.Text != "raw" && f.Type.Kind() == reflect.String {
			members[f.Name] = strings.TrimFunc(text, unicode.IsSpace)
		}
		trim(members[f.Name], f.Members)
	}
}

// toldHeaders are those that the description knows.
var toldHeaders = sync.OnceValue(func() []string {
	text, err := API().OpenAPI("")
	if err != nil {
		panic(err)
	}
	var doc struct {
		Components struct{ Headers map[string]any }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		panic(err)
	}
	return slices.Sorted(maps.Keys(doc.Components.Headers))
})
