package handlers

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds the nesting of a body: deeper than any input, shallower than any stack.
const maxDepth = 32

// decode reads a request into the input struct at in. First what is malformed (413, 415, 400), then all values that are
// not acceptable, at once (422).
func decode(x *exchange, in any) error {
	value := reflect.ValueOf(in).Elem()
	fields := fieldsOf(value.Type())
	members, err := readBody(x, fields)
	if err != nil {
		return err
	}
	query, err := readQuery(x.request.URL, fields)
	if err != nil {
		return err
	}
	if list, ok := in.(interface{ list() *List }); ok {
		if err := list.list().open(x, query); err != nil {
			return err
		}
	}
	var wrong []FieldError
	for i := range fields {
		f := &fields[i]
		text, given := "", true
		switch f.source {
		case "path":
			text = x.param(f.name)
		case "query":
			given = query.Has(f.name)
			text = query.Get(f.name)
		case "header":
			text = strings.Join(x.request.Header.Values(f.name), ", ")
			given = text != ""
		case "json":
			continue
		}
		if !given {
			continue
		}
		target := f.target(value)
		problem := f.parse(text, target)
		if problem != nil && f.source == "header" {
			return badRequest("malformed_header", f.name+": "+problem.Detail)
		}
		if problem == nil {
			problem = f.check(target)
		}
		if problem != nil {
			wrong = append(wrong, *problem)
		}
	}
	wrong = decodeMembers(members, fields, value, wrong)
	if len(wrong) > 0 {
		return invalid(wrong...)
	}
	return nil
}

// decodePath reads only what comes from the path, for another operation at the same address.
func decodePath(x *exchange, in any) error {
	value := reflect.ValueOf(in).Elem()
	for _, f := range fieldsOf(value.Type()) {
		if f.source == "path" {
			if problem := f.parse(x.param(f.name), f.target(value)); problem != nil {
				return invalid(*problem)
			}
		}
	}
	return nil
}

// decodeMembers reads the members of a body into the input struct, and adds what is wrong with any of them to what is wrong already.
func decodeMembers(members map[string]jsontext.Value, fields []field, in reflect.Value, wrong []FieldError) []FieldError {
	for i := range fields {
		f := &fields[i]
		if f.source != "json" {
			continue
		}
		raw, ok := members[f.name]
		delete(members, f.name)
		var problem *FieldError
		if ok {
			problem = f.decode(raw, in)
		} else if f.required {
			problem = f.problem("required", "Must be given.")
		}
		if problem != nil {
			wrong = append(wrong, *problem)
		}
	}
	wrong = judge(in.Addr().Interface(), fields, wrong)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		wrong = append(wrong, FieldError{name, "unknown_field", "There is no such field here."})
	}
	return wrong
}

// judge adds what an input finds wrong with itself, in the order of its fields. What it finds about a field that is wrong already is
// left out: the field need not hold what was sent.
func judge(in any, fields []field, wrong []FieldError) []FieldError {
	judging, ok := in.(interface{ problems() []FieldError })
	if !ok {
		return wrong
	}
	place := func(e FieldError) int {
		name, _, _ := strings.Cut(e.Field, ".")
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i >= 0 && fields[i].source == "json" {
			i += len(fields) // the body is read last
		}
		return i
	}
	known := wrong
	for _, found := range judging.problems() {
		if !slices.ContainsFunc(known, func(e FieldError) bool { return place(e) == place(found) }) {
			wrong = append(wrong, found)
		}
	}
	slices.SortStableFunc(wrong, func(a, b FieldError) int { return cmp.Compare(place(a), place(b)) })
	return wrong
}

// decode reads a member of the body.
func (f *field) decode(raw jsontext.Value, in reflect.Value) *FieldError {
	if raw.Kind() == 'n' {
		if !f.nullable {
			return f.problem("not_null", "Must not be null.")
		}
		in.FieldByIndex(f.index).Addr().Interface().(nullable).set(true)
		return nil
	}
	target := f.target(in)
	if err := json.Unmarshal(raw, target); err != nil {
		if !raw.IsValid() {
			return f.problem("encoding", "Must be valid Unicode, without lone surrogates.")
		}
		return f.typeProblem(raw, err)
	}
	return f.check(target)
}

func (f *field) typeProblem(raw jsontext.Value, err error) *FieldError {
	var semantic *json.SemanticError
	switch f.typ.Kind() {
	case reflect.String:
		return f.problem("type", "Must be a string.")
	case reflect.Bool:
		return f.problem("type", "Must be true or false.")
	case reflect.Slice:
		return f.problem("type", "Must be a list of strings.")
	case reflect.Int, reflect.Int32, reflect.Int64:
		if raw.Kind() == '0' && !bytes.ContainsAny(raw, ".eE") {
			return f.problem("range", "Too large a number.")
		}
		return f.problem("type", "Must be a whole number.")
	}
	if raw.Kind() == '"' && errors.As(err, &semantic) && semantic.Err != nil {
		return f.problem("format", "%s.", sentence(semantic.Err))
	}
	return f.problem("type", "Not of the right type.")
}

// readBody reads the members of a JSON object; none when the operation has no body.
func readBody(x *exchange, fields []field) (map[string]jsontext.Value, error) {
	method := x.request.Method
	expected, required := false, method != http.MethodPost
	for _, f := range fields {
		expected = expected || f.source == "json"
		required = required || f.source == "json" && f.required
	}
	if method == http.MethodGet || method == http.MethodHead || x.route.accepts != nil || !expected && x.request.ContentLength == 0 {
		return nil, nil
	}
	body, err := io.ReadAll(x.request.Body)
	if err != nil {
		return nil, bodyError(err)
	}
	x.body = body
	if len(body) == 0 && !(expected && required) {
		return nil, nil // a POST of which nothing is required is as one of {}
	}
	if err := checkContentType(x.request, "application/json"); err != nil {
		return nil, err
	}
	return readObject(body, fields)
}

// bodyError is why a body could not be read.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &Error{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large", Title: "Body too large", Detail: "The body may have at most " + formatBytes(tooLarge.Limit) + "."}
	}
	return badRequest("body_incomplete", "The body ended before it was complete.")
}

func checkContentType(r *http.Request, accepted ...string) error {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset, given := params["charset"]
	if err == nil && len(r.Header.Values("Content-Type")) == 1 && (!given || strings.EqualFold(charset, "utf-8")) {
		for _, a := range accepted {
			if media == a {
				return nil
			}
		}
	}
	return &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Title: "Unsupported media type",
		Detail: "Send Content-Type: " + strings.Join(accepted, " or ") + ", in UTF-8."}
}

// readObject reads one JSON object and nothing after it. Encoding is judged later, a field at a time.
func readObject(body []byte, fields []field) (map[string]jsontext.Value, error) {
	malformed := func(detail string) error { return badRequest("malformed_json", detail) }
	lenient := jsontext.AllowInvalidUTF8(true)
	for scan := jsontext.NewDecoder(bytes.NewReader(body), lenient); ; {
		if _, err := scan.ReadToken(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, malformed(syntaxDetail(err))
		}
		if scan.StackDepth() > maxDepth {
			return nil, malformed("Nested too deeply: at most 32 levels.")
		}
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(body), lenient)
	opening, err := decoder.ReadToken()
	if err != nil {
		return nil, malformed("The body is empty; send a JSON object.")
	}
	if opening.Kind() != '{' {
		return nil, malformed("The body must be a JSON object.")
	}
	members := make(map[string]jsontext.Value)
	for decoder.PeekKind() != '}' {
		key, err := decoder.ReadToken()
		if err != nil {
			return nil, malformed(syntaxDetail(err))
		}
		name := key.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, malformed(syntaxDetail(err))
		}
		members[name] = value.Clone()
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, malformed(syntaxDetail(err))
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, malformed("Something follows the JSON object.")
	}
	for name := range members {
		for _, f := range fields {
			if f.source == "json" && name != f.name && strings.EqualFold(name, f.name) {
				return nil, malformed("Write the key " + f.name + " exactly so, in lower case.")
			}
		}
	}
	return members, nil
}

// syntaxDetail says where JSON is broken, without repeating it.
func syntaxDetail(err error) string {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return "A key stands twice in the same object."
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) && syntactic.ByteOffset > 0 {
		return "The body is not valid JSON, at byte " + strconv.FormatInt(syntactic.ByteOffset, 10) + "."
	}
	return "The body is not valid JSON."
}

// readQuery refuses what the operation does not know and what stands twice.
func readQuery(u *url.URL, fields []field) (url.Values, error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, badRequest("malformed_query", "The query string is malformed.")
	}
	known := make(map[string]bool)
	for _, f := range fields {
		if f.source == "query" {
			known[f.name] = true
		}
	}
	for name, values := range query {
		if !known[name] {
			return nil, badRequest("unknown_parameter", "There is no query parameter "+quote(name)+" here.")
		}
		if len(values) > 1 {
			return nil, badRequest("repeated_parameter", "The query parameter "+name+" may stand once.")
		}
	}
	return query, nil
}

func quote(name string) string { return strconv.Quote(name[:min(len(name), 100)]) }

// formatBytes writes a limit as people say it.
func formatBytes(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
