package rest

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxDepth bounds the nesting of a body: deeper than any input, shallower than any stack.
	maxDepth = 32
	// maxDistinct is the size in bytes up to which a body is searched for keys that stand twice in one object, at any depth. In a larger one
	// only those of the outermost object are compared that are fields of the input, and the first that are not: to remember every key
	// costs thirty times what reading it costs.
	maxDistinct = 4 << 10
)

// decode reads a request into the input struct at in. First what is malformed (413, 415, 400), then all values that are
// not acceptable, at once (422).
func decode(x *exchange, in any) error {
	value := reflect.ValueOf(in).Elem()
	fields := FieldsOf(value.Type())
	body, err := readBody(x, fields)
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
		switch f.Source {
		case "path":
			text = x.param(f.Name)
		case "query":
			given = query.Has(f.Name)
			text = query.Get(f.Name)
		case "header":
			values := x.request.Header.Values(f.Name)
			text = strings.Join(values, ", ")
			given = len(values) > 0 && !(text == "" && f.Text == "any") // an empty User-Agent counts as none, an empty If-Match is malformed
		case "json":
			continue
		}
		if !given && f.Required {
			wrong = append(wrong, *f.problem("required", "Must be given."))
			continue
		}
		if !given && f.fallback == "" {
			continue
		}
		if !given {
			text = strings.Trim(f.fallback, `"`)
		}
		target := f.target(value)
		problem := f.parse(text, target)
		if problem != nil && f.Source == "header" {
			return BadRequest("malformed_header", f.Name+": "+problem.Detail)
		}
		if problem == nil {
			problem = f.check(target)
		}
		if problem != nil {
			wrong = append(wrong, *problem)
		}
	}
	wrong = body.decode(fields, value, wrong)
	if len(wrong) > 0 {
		refused := Invalid(wrong...)
		refused.more = body.more
		return refused
	}
	return nil
}

// decodePath reads only what comes from the path, for another operation at the same address.
func decodePath(x *exchange, in any) error {
	value := reflect.ValueOf(in).Elem()
	for _, f := range FieldsOf(value.Type()) {
		if f.Source == "path" {
			if problem := f.parse(x.param(f.Name), f.target(value)); problem != nil {
				return Invalid(*problem)
			}
		}
	}
	return nil
}

// decode reads a body into the input struct, and adds what is wrong with any of its members to what is wrong already.
func (m *members) decode(fields []Field, in reflect.Value, wrong []FieldError) []FieldError {
	for i := range fields {
		f := &fields[i]
		if f.Source != "json" {
			continue
		}
		var problem *FieldError
		if raw, ok := m.known[f.Name]; ok && f.Members != nil && raw.Kind() == '{' {
			wrong = append(wrong, m.decodeObject(f, raw, in)...)
		} else if ok {
			problem = f.decode(raw, in)
		} else if f.Required {
			problem = f.problem("required", "Must be given.")
		} else if f.fallback != "" {
			problem = f.decode(jsontext.Value(f.fallback), in)
		}
		if problem != nil {
			wrong = append(wrong, *problem)
		}
	}
	wrong = judge(in.Addr().Interface(), fields, wrong)
	for _, name := range m.unknown {
		wrong = append(wrong, FieldError{shortened(name), "unknown_field", "There is no such field here."})
	}
	return wrong
}

// judge adds what the input's method Problems finds, in the order of the fields. A field that is wrong already is not named again: it does
// not hold what was sent.
func judge(in any, fields []Field, wrong []FieldError) []FieldError {
	judging, ok := in.(interface{ Problems() []FieldError })
	if !ok {
		return wrong
	}
	place := func(e FieldError) int {
		name, _, _ := strings.Cut(e.Field, ".")
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
		if i >= 0 && fields[i].Source == "json" {
			i += len(fields) // the body is read last
		}
		return i
	}
	known := wrong
	for _, found := range judging.Problems() {
		if !slices.ContainsFunc(known, func(e FieldError) bool { return place(e) == place(found) }) {
			wrong = append(wrong, found)
		}
	}
	slices.SortStableFunc(wrong, func(a, b FieldError) int { return cmp.Compare(place(a), place(b)) })
	return wrong
}

// decodeObject reads a member of the body that is an object; what is wrong with its own members is said of them.
func (m *members) decodeObject(f *Field, raw jsontext.Value, in reflect.Value) (wrong []FieldError) {
	target := reflect.ValueOf(f.target(in)).Elem()
	inner, err := readObject(raw, f.Members)
	var malformed *Error
	if errors.As(err, &malformed) {
		wrong = []FieldError{{"", malformed.Code, malformed.Detail}}
	} else {
		wrong = inner.decode(f.Members, target, nil)
	}
	if wrong != nil {
		target.SetZero()
	}
	for i := range wrong {
		wrong[i].Field = strings.TrimSuffix(f.Name+"."+wrong[i].Field, ".")
	}
	m.more += inner.more
	return wrong
}

// decode reads a member of the body.
func (f *Field) decode(raw jsontext.Value, in reflect.Value) *FieldError {
	if raw.Kind() == 'n' {
		if !f.Nullable {
			return f.problem("not_null", "Must not be null.")
		}
		in.FieldByIndex(f.index).Addr().Interface().(nullable).set(true)
		return nil
	}
	if f.Type.Kind() == reflect.Slice && raw.Kind() == '[' && longer(raw, f.most) {
		return f.problem("max_items", "At most %d.", f.most)
	}
	if kind := raw.Kind(); kind == '{' || kind == '[' && f.Type.Kind() != reflect.Slice {
		return f.typeProblem(raw, nil)
	}
	target := f.target(in)
	if at, ok := target.(*time.Time); ok && raw.Kind() == '"' {
		if len(raw) > largestTime {
			return f.parse("", at)
		}
		text, _ := jsontext.AppendUnquote(nil, raw)
		return f.parse(string(text), at)
	}
	if err := json.Unmarshal(raw, target, jsontext.AllowDuplicateNames(true)); err != nil {
		reflect.ValueOf(target).Elem().SetZero()
		if raw.Kind() == '"' && !raw.IsValid() {
			return f.problem("encoding", "Must be valid Unicode, without lone surrogates.")
		}
		return f.typeProblem(raw, err)
	}
	return f.check(target)
}

// longer says that a list has more than so many members, without reading what they are.
func longer(list jsontext.Value, most int) bool {
	scan := jsontext.NewDecoder(bytes.NewBuffer(list), lenient)
	_, _ = scan.ReadToken() // the opening bracket; the list was read before
	for range most + 1 {
		if scan.PeekKind() == ']' {
			return false
		}
		if err := scan.SkipValue(); err != nil {
			return false
		}
	}
	return true
}

func (f *Field) typeProblem(raw jsontext.Value, err error) *FieldError {
	var semantic *json.SemanticError
	switch f.Type.Kind() {
	case reflect.String:
		return f.problem("type", "Must be a string.")
	case reflect.Bool:
		return f.problem("type", "Must be true or false.")
	case reflect.Slice:
		return f.problem("type", "Must be a list of strings.")
	case reflect.Struct:
		if f.Members != nil {
			return f.problem("type", "Must be an object.")
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		if raw.Kind() == '0' && !bytes.ContainsAny(raw, ".eE") {
			return f.problem("range", "Too large a number.")
		}
		return f.problem("type", "Must be a whole number.")
	case reflect.Float64:
		if raw.Kind() == '0' && errors.As(err, &semantic) && semantic.Err != nil {
			return f.problem("range", "%s.", sentence(semantic.Err))
		}
		return f.problem("type", "Must be a number.")
	}
	if raw.Kind() == '"' && errors.As(err, &semantic) && semantic.Err != nil {
		return f.problem("format", "%s.", sentence(semantic.Err))
	}
	return f.problem("type", "Not of the right type.")
}

const (
	// surplusBody is how many bytes a body may have beside the longest values of its fields: keys, numbers, blanks, fields of a newer client.
	surplusBody = 8 << 10
	// largestCharacter is how many bytes of JSON one character may take: two escaped surrogates.
	largestCharacter = len(`\ud83d\ude00`)
	// largestTime is how many bytes of JSON a time may take: to unquote a long text only to say that it is none would cost more than a request that
	// is accepted.
	largestTime = 128
	// largestMember is how many bytes of JSON a member of a list may take: no name of a permission, which lists have, is longer.
	largestMember = 128
)

// largestBody is how many bytes a body of the fields may have: to read and refuse one much longer than any that is accepted would cost
// as much as a hundred accepted ones.
func largestBody(fields []Field) int64 {
	return int64(surplusBody+longest(fields)+1<<10-1) &^ (1<<10 - 1) // whole KiB
}

// longest is how many bytes the longest values of the fields have.
func longest(fields []Field) (most int) {
	for _, f := range fields {
		switch {
		case f.Source != "json":
		case f.Members != nil:
			most += longest(f.Members)
		case f.Type.Kind() == reflect.Slice:
			most += f.most * largestMember
		default:
			most += f.most * largestCharacter
		}
	}
	return most
}

// readBody reads the members of a JSON object; none when the operation has no body.
func readBody(x *exchange, fields []Field) (members, error) {
	method := x.request.Method
	expected, required := false, method != http.MethodPost
	for _, f := range fields {
		expected = expected || f.Source == "json"
		required = required || f.Source == "json" && f.Required
	}
	if method == http.MethodGet || method == http.MethodHead || x.route.Accepts != nil || !expected && x.request.ContentLength == 0 {
		return members{}, nil
	}
	body, err := io.ReadAll(x.request.Body)
	if err != nil {
		return members{}, bodyError(err)
	}
	x.body = body
	if len(body) == 0 && !(expected && required) {
		return members{}, nil // as {}, where a POST needs no field
	}
	if err := checkContentType(x.request, "application/json"); err != nil {
		return members{}, err
	}
	return readObject(body, fields)
}

// bodyError is why a body could not be read.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &Error{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large", Title: "Body too large", Detail: "The body may have at most " + formatBytes(tooLarge.Limit) + "."}
	}
	return BadRequest("body_incomplete", "The body ended before it was complete.")
}

func checkContentType(r *http.Request, accepted ...string) error {
	refused := &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Title: "Unsupported media type",
		Detail: "Send Content-Type: " + strings.Join(accepted, " or ") + ", in UTF-8."}
	for _, coding := range r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(coding, "identity") {
			refused.Detail = "Send the body as it is, without a Content-Encoding."
			return refused.with("Accept-Encoding", "identity")
		}
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset, given := params["charset"]
	if err == nil && len(r.Header.Values("Content-Type")) == 1 && (!given || strings.EqualFold(charset, "utf-8")) && slices.Contains(accepted, media) {
		return nil
	}
	return refused
}

// members is a body: the values of the fields that the operation has, and the names of others.
type members struct {
	known   map[string]jsontext.Value
	unknown []string // the first of the other keys, and how many more there are
	more    int
}

// lenient takes texts that are not Unicode, which are refused later, field by field; and keys that stand twice, which take refuses.
var lenient = json.JoinOptions(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))

// readObject reads one JSON object and nothing after it.
func readObject(body []byte, fields []Field) (members, error) {
	malformed := func(detail string) (members, error) { return members{}, BadRequest("malformed_json", detail) }
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body), lenient, jsontext.AllowDuplicateNames(len(body) > maxDistinct))
	opening, err := decoder.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return malformed("The body is empty; send a JSON object.")
	case err != nil:
		return malformed(syntaxDetail(err))
	case opening.Kind() != '{':
		return malformed("The body must be a JSON object.")
	}
	read := members{known: map[string]jsontext.Value{}}
	for decoder.PeekKind() != '}' {
		quoted, err := decoder.ReadValue()
		if err != nil {
			return malformed(syntaxDetail(err))
		}
		name, ours, err := read.take(quoted, fields)
		if err != nil {
			return members{}, err
		}
		value, err := readValue(decoder, body)
		switch {
		case errors.Is(err, errDeep):
			return malformed("Nested too deeply: at most " + strconv.Itoa(maxDepth) + " levels.")
		case err != nil:
			return malformed(syntaxDetail(err))
		case ours:
			read.known[name] = value
		}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return malformed(syntaxDetail(err))
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return malformed("Something follows the JSON object.")
	}
	return read, nil
}

// take notes a key of the body: a field's, which is ours, or another. A field's name with capitals, or a key that stands twice, is an error.
func (m *members) take(quoted jsontext.Value, fields []Field) (name string, ours bool, err error) {
	text := quoted[1 : len(quoted)-1]
	full := len(m.unknown) == maxProblems
	if !full && (bytes.IndexByte(text, '\\') >= 0 || !utf8.Valid(text)) {
		text, _ = jsontext.AppendUnquote(nil, quoted) // with � for what is not Unicode
	}
	for i := range fields {
		if f := &fields[i]; f.Source == "json" && f.Name == string(text) {
			if _, again := m.known[f.Name]; again {
				return "", false, BadRequest("malformed_json", repeatedKey)
			}
			return f.Name, true, nil
		}
	}
	if full {
		m.more++
		return "", false, nil
	}
	name = string(text)
	if slices.Contains(m.unknown, name) {
		return "", false, BadRequest("malformed_json", repeatedKey)
	}
	for i := range fields {
		if f := &fields[i]; f.Source == "json" && strings.EqualFold(name, f.Name) {
			return "", false, BadRequest("malformed_json", "Write the key "+f.Name+" exactly so, in lower case.")
		}
	}
	m.unknown = append(m.unknown, name)
	return name, false, nil
}

var errDeep = errors.New("nested too deeply")

// readValue reads the next value of a body, and returns that part of the body, not a copy.
func readValue(decoder *jsontext.Decoder, body []byte) (jsontext.Value, error) {
	if kind := decoder.PeekKind(); kind != '{' && kind != '[' {
		value, err := decoder.ReadValue()
		end := decoder.InputOffset()
		return body[end-int64(len(value)) : end], err
	}
	around := decoder.StackDepth()
	_, err := decoder.ReadToken()
	for begin := decoder.InputOffset() - 1; ; _, err = decoder.ReadToken() {
		switch depth := decoder.StackDepth(); {
		case err != nil:
			return nil, err
		case depth > maxDepth:
			return nil, errDeep
		case depth == around:
			return body[begin:decoder.InputOffset()], nil
		}
	}
}

const repeatedKey = "A key stands twice in the same object."

// syntaxDetail says where JSON is broken, without repeating it.
func syntaxDetail(err error) string {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return repeatedKey
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) && syntactic.ByteOffset > 0 {
		return "The body is not valid JSON, at byte " + strconv.FormatInt(syntactic.ByteOffset, 10) + "."
	}
	return "The body is not valid JSON."
}

// readQuery reads the query string. The first parameter that the operation does not have, or that stands twice, is refused.
func readQuery(u *url.URL, fields []Field) (url.Values, error) {
	query := url.Values{}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if pair == "" {
			continue
		}
		escapedName, escaped, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(escapedName)
		value, err := url.QueryUnescape(escaped)
		if nameErr != nil || err != nil || strings.Contains(pair, ";") {
			return nil, BadRequest("malformed_query", "The query string is malformed.")
		}
		if !slices.ContainsFunc(fields, func(f Field) bool { return f.Source == "query" && f.Name == name }) {
			return nil, BadRequest("unknown_parameter", "There is no query parameter "+quote(name)+" here.")
		}
		if query.Has(name) {
			return nil, BadRequest("repeated_parameter", "The query parameter "+name+" may stand once.")
		}
		query[name] = []string{value}
	}
	return query, nil
}

func quote(name string) string { return strconv.Quote(shortened(name)) }

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
