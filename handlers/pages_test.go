package handlers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"rowhouse/rest"
	"rowhouse/tenancy"
)

// pageOf is the page of a resource that is not called after the first word of its paths.
var pageOf = map[string]string{"tenant": "tenants", "auth": "accounts", "me": "accounts"}

// docsPage is one of docs: a resource's, with what is generated there.
type docsPage struct {
	name   string
	routes []*rest.Route
	kinds  []kind
	doc    node
}

// kind is a kind of row that a page is about: what its routes read, and how it is made and changed.
type kind struct {
	noun           string // as the names of its handlers begin
	table          string
	row            reflect.Type
	create, update *rest.Route // nil where no route does
}

// The parts of a page, in the order of a new one.
var parts = []struct {
	name, heading string
	write         func(docsPage) string
}{
	{"fields", "Data model", docsPage.fields},
	{"endpoints", "Endpoints", docsPage.endpoints},
	{"errors", "Errors", docsPage.errors},
}

const partEnd = "<!-- end -->\n"

func partBegin(name string) string { return "<!-- generated: " + name + " -->\n" }

// Each resource has its page, whose fields, endpoints and errors are those of the routes and of the table. The rest of a page is prose.
// It is not parallel, since TestRolesPageGolden writes another part of one of the pages.
func TestPagesGolden(t *testing.T) {
	all := pages(t)
	for _, p := range all {
		path := filepath.Join("..", "docs", p.name+".md")
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && *update {
			text, err = []byte(p.skeleton()), nil
		}
		if err != nil {
			t.Errorf("the resource %s has no page: make golden begins docs/%s.md, in which you say what it is (%v)", p.name, p.name, err)
			continue
		}
		got := string(text)
		for _, part := range parts {
			before, behind, begun := strings.Cut(got, partBegin(part.name))
			_, after, ended := strings.Cut(behind, partEnd)
			if !begun || !ended {
				t.Errorf("docs/%s.md lacks its %s: write the lines %q and %q where they belong, then make golden", p.name, part.name, partBegin(part.name), partEnd)
				continue
			}
			got = before + partBegin(part.name) + "\n" + part.write(p) + "\n" + partEnd + after
		}
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("docs/%s.md does not say what routes and tables do (-want +got):\n%s\n%s", p.name, diff, accepting)
		}
	}
}

// A page with generated parts is a resource's.
func TestPagesOfResources(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	all := pages(t)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		if strings.Contains(string(text), partBegin(parts[0].name)) && !slices.ContainsFunc(all, func(p docsPage) bool { return p.name == name }) {
			t.Errorf("docs/%s.md is about what no route has: delete it", name)
		}
	}
}

// What any operation may refuse is in docs/errors.md, what only some do on their pages, and nothing else is there.
func TestErrorPages(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	shared, own := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if codes, _, isRow := strings.Cut(strings.TrimPrefix(line, "| "), " |"); isRow && strings.HasPrefix(codes, "`") {
			for code := range strings.SplitSeq(codes, ", ") {
				shared[strings.Trim(code, "`")] = true
			}
		}
	}
	for _, p := range pages(t) {
		for refusal := range p.refusals() {
			own[refusal.Code] = true
		}
	}
	var codes []string
	for _, code := range description(t).at("components", "schemas", "ErrorCode", "enum").list() {
		codes = append(codes, code.value.(string))
	}
	for _, code := range codes {
		if !shared[code] && !own[code] && code != "hung_up" { // which no client hears
			t.Errorf("%s is on no page: add it to the table of docs/errors.md", code)
		}
	}
	for code := range shared {
		if !slices.Contains(codes, code) {
			t.Errorf("docs/errors.md tells of %s, which nothing refuses with: take it out", code)
		}
	}
}

// pages are those of every resource, in the order of their routes.
func pages(t *testing.T) (all []docsPage) {
	t.Helper()
	doc := description(t)
	for i := range routes {
		r := &routes[i]
		_, path, _ := strings.Cut(r.Pattern, " /")
		word, _, _ := strings.Cut(path, "/")
		name, renamed := pageOf[word]
		if !renamed {
			name = word
		}
		at := slices.IndexFunc(all, func(p docsPage) bool { return p.name == name })
		if at < 0 {
			at, all = len(all), append(all, docsPage{name: name, doc: doc})
		}
		all[at].routes = append(all[at].routes, r)
	}
	for i := range all {
		all[i].kinds = kindsOf(all[i].routes)
	}
	return all
}

// kindsOf are the kinds that the routes read: first one row, then only lists.
func kindsOf(of []*rest.Route) (kinds []kind) {
	for _, verb := range []string{"Get", "List"} {
		for _, r := range of {
			noun, reads := strings.CutSuffix(r.Name, verb)
			row := r.Row()
			if row == nil && reflect.PointerTo(r.Output).Implements(reflect.TypeFor[rest.Resource]()) {
				row = r.Output
			}
			if reads && row != nil && !slices.ContainsFunc(kinds, func(k kind) bool { return k.row == row }) {
				kinds = append(kinds, kind{noun, apart(noun, "_") + "s", row, called(of, noun+"Create"), called(of, noun+"Update")})
			}
		}
	}
	return kinds
}

// called is the route with this handler, or nil.
func called(of []*rest.Route, name string) *rest.Route {
	if i := slices.IndexFunc(of, func(r *rest.Route) bool { return r.Name == name }); i >= 0 {
		return of[i]
	}
	return nil
}

// apart are the words of a Go name, in small letters.
func apart(name, by string) string {
	var b strings.Builder
	for _, c := range name {
		if unicode.IsUpper(c) {
			b.WriteString(by)
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

func (p docsPage) skeleton() string {
	title := strings.ReplaceAll(p.name, "-", " ")
	meaning := tenancy.Meaning(tableOf(p.name))
	if meaning == "" {
		meaning = "What they are, in a sentence or two, and what no table below says: instead of this line."
	}
	text := "# " + strings.ToUpper(title[:1]) + title[1:] + "\n\n## Summary\n" + meaning + "\n"
	for _, part := range parts {
		text += "\n## " + part.heading + "\n" + partBegin(part.name) + partEnd
	}
	return text
}

// markdown is a table.
func markdown(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		for _, cell := range row {
			b.WriteString(strings.TrimRight("| "+strings.ReplaceAll(cell, "|", `\|`), " ") + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}

// fields are a table for each kind of row: what is answered, then what is only sent.
func (p docsPage) fields() string {
	var tables []string
	for _, k := range p.kinds {
		head := []string{apart(k.noun, " "), "type"}
		var sent []string
		for _, r := range k.writes() {
			method, _, _ := strings.Cut(r.Pattern, " ")
			head = append(head, "`"+method+"`")
			for _, f := range inputFields(r) {
				sent = append(sent, f.Name)
			}
		}
		rows := [][]string{append(head, "")}
		listed := map[string]bool{}
		for _, name := range append(wireNames(k.row), sent...) {
			if !listed[name] {
				listed[name] = true
				rows = append(rows, p.fieldRow(k, name))
			}
		}
		tables = append(tables, markdown(rows))
	}
	return strings.Join(tables, "\n")
}

// writes are the routes that make and change rows of the kind.
func (k kind) writes() []*rest.Route {
	return slices.DeleteFunc([]*rest.Route{k.create, k.update}, func(r *rest.Route) bool { return r == nil })
}

// fieldRow says of a field its type, whether it is sent, and what it means; what one body alone says of it stands there.
func (p docsPage) fieldRow(k kind, name string) []string {
	answer := p.answerOf(k)[name]
	means := stringOf(answer["description"])
	var given, said []string
	for _, r := range k.writes() {
		cell, more := "–", ""
		if f := inputField(r, name); f != nil {
			schema := p.inputOf(r)[name]
			if more = stringOf(schema["description"]); more == means {
				more = ""
			}
			switch otherwise, ok := schema["default"]; {
			case f.Required:
				cell = "required"
			case ok:
				cell = fmt.Sprintf("or else `%v`", otherwise)
			case r == k.create:
				cell = "optional"
			case f.Nullable:
				cell = "yes, or null"
			default:
				cell = "yes"
			}
		}
		given, said = append(given, cell), append(said, more)
	}
	distinct := slices.Compact(slices.DeleteFunc(slices.Clone(said), func(more string) bool { return more == "" }))
	if len(distinct) == 1 && (means == "" || len(said) == 2 && said[0] == said[1]) {
		means = strings.TrimSpace(means + " " + distinct[0])
	} else {
		for i, more := range said {
			if more != "" {
				given[i] += ". " + more
			}
		}
	}
	return slices.Concat([]string{"`" + name + "`", p.typeOf(k, name)}, given, []string{means})
}

func stringOf(value any) string { s, _ := value.(string); return s }

// inputFields are those of the body.
func inputFields(r *rest.Route) []rest.Field {
	return slices.DeleteFunc(slices.Clone(rest.FieldsOf(r.Input)), func(f rest.Field) bool { return f.Source != "json" })
}

// inputField is that of the body with this name, or nil.
func inputField(r *rest.Route, name string) *rest.Field {
	fields := inputFields(r)
	if i := slices.IndexFunc(fields, func(f rest.Field) bool { return f.Name == name }); i >= 0 {
		return &fields[i]
	}
	return nil
}

// answerOf are the schemas of the fields of a kind, as its first route answers them.
func (p docsPage) answerOf(k kind) map[string]map[string]any {
	for _, r := range p.routes {
		if r.Name != k.noun+"Get" && r.Name != k.noun+"List" {
			continue
		}
		content := p.doc.described(r).at("responses", "200", "content", "application/json", "schema", "properties", "content")
		if r.Row() != nil {
			return properties(content.at("items"))
		}
		return properties(content.at("properties", content.at("properties").keys()[0]))
	}
	return nil
}

func (p docsPage) inputOf(r *rest.Route) map[string]map[string]any {
	return properties(p.doc.described(r).at("requestBody", "content", "application/json", "schema"))
}

// properties are those of a schema as they stand there: what is said of a reference, not of what it refers to.
func properties(schema node) map[string]map[string]any {
	all := map[string]map[string]any{}
	for name, property := range schema.at("properties").value.(map[string]any) {
		all[name] = property.(map[string]any)
	}
	return all
}

// typeOf says what a value may be: its words, or else its kind and its limits, as the table's constraint words them; of what is only sent,
// as the body's schema has them.
func (p docsPage) typeOf(k kind, name string) string {
	var typ reflect.Type
	schema := p.answerOf(k)[name]
	if f, ok := wireField(k.row, name); ok {
		typ = f.Type
	}
	text := ""
	for _, r := range k.writes() {
		if f := inputField(r, name); f != nil {
			text = f.Text
			if typ == nil {
				typ, schema = f.Type, p.inputOf(r)[name]
			}
		}
	}
	null := ""
	if typ.Kind() == reflect.Pointer {
		typ, null = typ.Elem(), ", or null"
	}
	if words, ok := schema["enum"].([]any); ok {
		words = slices.DeleteFunc(slices.Clone(words), func(word any) bool { return word == nil })
		return strings.Join(ticked(words), ", ") + null
	}
	limits := between(schema)
	for _, c := range tenancy.Constraints() {
		if c.Table == k.table && limitsField(c) && c.Columns[0] == name {
			limits = ", " + small(c.Words)
		}
	}
	said := plainType(typ)
	switch {
	case text == "long":
		said = "text with tabs and newlines"
	case text == "rich":
		said = "HTML"
	case typ.Kind() == reflect.Slice && limits != "":
		said = "list"
	}
	return said + limits + null
}

// limitsField says of a constraint that it is of one column, and told of that field: its limit.
func limitsField(c tenancy.Constraint) bool {
	return c.Kind == "check" && len(c.Columns) == 1 && c.Field != ""
}

// small is a sentence within another.
func small(sentence string) string {
	sentence = strings.TrimSuffix(sentence, ".")
	if len(sentence) > 1 && !unicode.IsUpper(rune(sentence[1])) {
		sentence = strings.ToLower(sentence[:1]) + sentence[1:]
	}
	return sentence
}

// between are the limits of a schema.
func between(schema map[string]any) string {
	for kind, of := range map[string]string{"Length": " characters", "Items": "", "imum": ""} {
		least, most := schema["min"+kind], schema["max"+kind]
		switch {
		case least != nil && most != nil:
			return fmt.Sprintf(", %.0f to %.0f%s", least, most, of)
		case most != nil:
			return fmt.Sprintf(", at most %.0f%s", most, of)
		case least != nil:
			return fmt.Sprintf(", at least %.0f%s", least, of)
		}
	}
	return ""
}

func plainType(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Time]():
		return "RFC 3339, UTC"
	case reflect.TypeFor[rest.Date]():
		return "`YYYY-MM-DD`"
	case reflect.TypeFor[rest.Rate]():
		return "number, up to four decimals"
	case reflect.TypeFor[jsontext.Value]():
		return "object"
	}
	if id, ok := reflect.Zero(t).Interface().(interface{ Prefix() string }); ok {
		return "`" + id.Prefix() + "-<uuid>`"
	}
	if row, ok := reflect.New(t).Interface().(rest.Resource); ok {
		name, _, _ := row.Resource()
		return name
	}
	if value, ok := t.MethodByName("Value"); ok && strings.HasPrefix(t.Name(), "JSON[") {
		for t = value.Type.Out(0); t.Kind() == reflect.Pointer; {
			t = t.Elem()
		}
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + plainType(t.Elem())
	case reflect.Struct:
		return "`{" + strings.Join(wireNames(t), ", ") + "}`"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "boolean"
	}
	return "integer"
}

// wireFields are those that a struct has on the wire.
func wireFields(t reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return f.Tag.Get("json") == "" || f.Tag.Get("json") == "-" })
}

func wireName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func wireNames(t reflect.Type) (names []string) {
	for _, f := range wireFields(t) {
		names = append(names, wireName(f))
	}
	return names
}

func wireField(t reflect.Type, name string) (reflect.StructField, bool) {
	fields := wireFields(t)
	i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return wireName(f) == name })
	if i < 0 {
		return reflect.StructField{}, false
	}
	return fields[i], true
}

// endpoints are the page's routes: what each asks for, does, and heeds.
func (p docsPage) endpoints() string {
	rows := [][]string{{"", "asks for", ""}}
	for _, r := range p.routes {
		method, path, _ := strings.Cut(r.Pattern, " ")
		op := p.doc.described(r)
		does := []string{stringOf(op.at("summary").value)}
		add := func(what string, some []string) {
			if len(some) > 0 {
				does = append(does, what+" "+strings.Join(some, ", "))
			}
		}
		if parameters := p.parameters(op); r.Row() != nil {
			add("Filters:", parameters)
		} else {
			add("Query:", parameters)
		}
		add("Sorts:", sorts(r))
		if !p.shows(r) {
			add("Body:", p.body(r))
		}
		add("Takes", ticked(r.Accepts))
		add("Answers", ticked(r.Produces))
		add("Answers", p.answers(r))
		if r.Status == 201 {
			does = append(does, "201, with `Location`")
		}
		var heeded []string
		for _, header := range []string{"Idempotency-Key", "If-Match", "If-None-Match"} {
			if slices.ContainsFunc(op.at("parameters").list(), func(n node) bool { return n.at("name").value == header }) {
				heeded = append(heeded, header)
			}
		}
		add("Heeds", ticked(heeded))
		rows = append(rows, []string{"`" + method + " " + rest.Base + colons.ReplaceAllString(path, "{$1}") + "`", asksFor(r), strings.Join(does, ". ") + "."})
	}
	return markdown(rows)
}

func asksFor(r *rest.Route) string {
	switch {
	case r.Welcomes:
		return "nothing, or an access token"
	case r.Scope == rest.PublicScope:
		return "nothing"
	case r.ByKey:
		return "an access token or an API key"
	case r.Scope == rest.AccountScope:
		return "an access token"
	case r.Scope == rest.PlatformScope:
		return "an access token of a superuser"
	}
	permission, everything := r.Permission.Split()
	if everything {
		return "`" + permission + "`, any"
	}
	return "`" + permission + "`"
}

func ticked[T any](some []T) (all []string) {
	for _, one := range some {
		all = append(all, fmt.Sprintf("`%v`", one))
	}
	return all
}

// argument is a name, with what is said of it.
func argument(name string, required bool, said any) string {
	if !required {
		name += "?"
	}
	name = "`" + name + "`"
	if said := small(stringOf(said)); said != "" {
		name += " (" + said + ")"
	}
	return name
}

// parameters are those of the query, but for what all lists have.
func (p docsPage) parameters(op node) (all []string) {
	for _, n := range op.at("parameters").list() {
		name := stringOf(n.at("name").value)
		if n.at("in").value != "query" || slices.Contains([]string{"page", "page_size", "cursor", "count", "sort"}, name) {
			continue
		}
		all = append(all, argument(name, true, n.at("description").value))
	}
	return all
}

// sorts are what a list is sorted by, upwards.
func sorts(r *rest.Route) (all []string) {
	for _, f := range rest.FieldsOf(r.Input) {
		if f.Source == "query" && f.Name == "sort" {
			for word := range strings.FieldsSeq(strings.TrimPrefix(f.Rules, "oneof=")) {
				if !strings.HasPrefix(word, "-") {
					all = append(all, "`"+word+"`")
				}
			}
		}
	}
	return all
}

// shows says that the route's body is in a table of fields.
func (p docsPage) shows(r *rest.Route) bool {
	return slices.ContainsFunc(p.kinds, func(k kind) bool { return k.create == r || k.update == r })
}

func (p docsPage) body(r *rest.Route) (all []string) {
	for _, f := range inputFields(r) {
		all = append(all, argument(f.Name, f.Required, p.inputOf(r)[f.Name]["description"]))
	}
	return all
}

// answers are the names in the content, where that is no row, list or id that the page is about.
func (p docsPage) answers(r *rest.Route) []string {
	row, isRow := reflect.New(r.Output).Interface().(rest.Resource)
	isOwn := slices.ContainsFunc(p.kinds, func(k kind) bool { return k.row == r.Output })
	switch {
	case isOwn || r.Row() != nil || r.Produces != nil || strings.HasPrefix(r.Output.Name(), "Deleted["):
		return nil
	case isRow:
		name, _, _ := row.Resource()
		return []string{"`" + name + "`"}
	}
	return ticked(wireNames(r.Output))
}

// refusals are what its routes refuse and others do not, each with the routes that do: what a route says, and the constraints of its
// tables that are no field's limit.
func (p docsPage) refusals() map[*rest.Error][]*rest.Route {
	all := map[*rest.Error][]*rest.Route{}
	for _, r := range p.routes {
		for _, refusal := range r.Refuses {
			all[refusal] = append(all[refusal], r)
		}
	}
	for _, k := range p.kinds {
		for _, c := range tenancy.Constraints() {
			if c.Table != k.table || c.Code == "" || c.Code == "internal" || limitsField(c) {
				continue
			}
			of := c.Columns
			if c.Field != "" {
				of = []string{c.Field}
			}
			for _, r := range k.writes() {
				missing := func(column string) bool { return inputField(r, strings.TrimSuffix(column, "_key")) == nil }
				if e := rest.Broken(c.Name); !slices.ContainsFunc(of, missing) {
					all[e] = append(all[e], r)
				}
			}
		}
	}
	return all
}

// errors are its refusals, by status.
func (p docsPage) errors() string {
	refusals := p.refusals()
	if len(refusals) == 0 {
		return "Those of [every operation](errors.md), and no others.\n"
	}
	rows := [][]string{{"status", "code", "", "at"}}
	var all [][]string
	for refusal, at := range refusals {
		code, said := "`"+refusal.Code+"`", strings.TrimSpace(refusal.Detail+" "+hints[refusal.Code])
		if len(refusal.Fields) == 1 {
			wrong := refusal.Fields[0]
			code, said = "`"+wrong.Code+"` of `"+wrong.Field+"`", wrong.Detail
		}
		var where []string
		for _, r := range p.routes {
			if slices.Contains(at, r) {
				where = append(where, colons.ReplaceAllString(r.Pattern, "{$1}"))
			}
		}
		all = append(all, []string{fmt.Sprint(refusal.Status), code, said, strings.Join(ticked(where), ", ")})
	}
	slices.SortFunc(all, slices.Compare)
	return "Besides those of [every operation](errors.md):\n\n" + markdown(append(rows, all...))
}
