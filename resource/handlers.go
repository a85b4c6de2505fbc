package resource

import (
	"bytes"
	_ "embed" // the shapes of files
	"fmt"
	"go/format"
	"regexp"
	"strconv"
	"strings"
	"text/template"
)

var (
	//go:embed handler.go.tmpl
	handlerText string
	//go:embed test.go.tmpl
	testText string

	handlerShape = template.Must(template.New("handler").Parse(handlerText))
	testShape    = template.Must(template.New("test").Parse(testText))
)

// A file is what the shapes of the Go files are filled with.
type file struct {
	t *Table
}

// goFile is a file of a shape. Imports that it does not use are taken out.
func (t *Table) goFile(shape *template.Template) (string, error) {
	var b bytes.Buffer
	if err := shape.Execute(&b, file{t}); err != nil {
		return "", err
	}
	text := b.String()
	for _, name := range []string{"cmp", "time", "strings"} {
		if !regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(text) {
			text = strings.Replace(text, "\t\""+name+"\"\n", "", 1)
		}
	}
	made, err := format.Source([]byte(text))
	if err != nil {
		return "", fmt.Errorf("a fault of the generator: %w in\n%s", err, text)
	}
	return string(made), nil
}

// The words of a file.

func (f file) Marker() string     { return f.t.marker }
func (f file) Snake() string      { return f.t.snake }
func (f file) Table() string      { return f.t.table }
func (f file) Path() string       { return strings.ReplaceAll(f.t.table, "_", "-") }
func (f file) ID() string         { return f.t.id }
func (f file) Query() string      { return f.t.query() }
func (f file) Permission() string { return f.t.permission }
func (f file) Noun() string       { return f.t.noun() }
func (f file) Nouns() string      { return f.t.nouns() }
func (f file) A() string          { return f.t.article() }
func (f file) Receiver() string   { return f.t.marker[:1] }
func (f file) Archived() bool     { return f.t.archived }
func (f file) Updated() bool      { return f.t.updated }
func (f file) Deleted() bool      { return f.t.deleted }
func (f file) Imported() bool     { return f.t.imported }
func (f file) Exported() bool     { return f.t.exported }
func (f file) Mine() bool         { return f.t.owner != "" && f.t.me == "me" }
func (f file) About() string      { return strings.ToLower(f.t.about[:1]) + f.t.about[1:] }

// Type is the type of the resource, and Model that of the table in package db.
func (f file) Type() string  { return strings.TrimSuffix(f.t.id, "ID") }
func (f file) Model() string { return camel(f.t.snake, nil) }

// Var is the name of a constant of the resource's permissions: the table's name in Go, with an end.
func (f file) Var(end string) string {
	plural := camel(f.t.table, initialisms)
	return strings.ToLower(plural[:1]) + plural[1:] + strings.TrimPrefix(end, "s")
}

// A goField is a field as Go has it.
type goField struct {
	field
	t *Table
}

func (f file) Fields() (all []goField) {
	for _, one := range f.t.fields {
		all = append(all, goField{one, f.t})
	}
	return all
}

// Documents are the fields that hold a JSON document.
func (f file) Documents() (all []goField) {
	for _, one := range f.Fields() {
		if one.kind == document {
			all = append(all, one)
		}
	}
	return all
}

// Members are those of a JSON document.
func (f goField) Members() (all []goField) {
	for _, one := range f.members {
		all = append(all, goField{one, f.t})
	}
	return all
}

// MemberTag is the tag of a member of a JSON document, whose type is the same in a body as in an answer.
func (f goField) MemberTag() string {
	name := f.name
	if f.null {
		name += ",omitzero"
	}
	form := ""
	if f.kind == long {
		form = string(long)
	}
	return tag("json", name, "validate", f.rules(), "text", form, "default", f.fallback, "doc", f.doc, "example", f.shown())
}

// Document is the type of a JSON document.
func (f goField) Document() string { return file{f.t}.Type() + f.Go() }

// Words is its name in words.
func (f goField) Words() string { return words(f.name) }

func (f file) Writable() (all []goField) {
	for _, one := range f.t.writable() {
		all = append(all, goField{one, f.t})
	}
	return all
}

// Sorts are the fields that the list is sorted by.
func (f file) Sorts() (all []goField) {
	for _, one := range f.t.sorts() {
		all = append(all, goField{one, f.t})
	}
	return all
}

// Row is what newX fills the type with.
func (f file) Row() string {
	values := []string{"row.ID", "row.TenantID"}
	for _, one := range f.Fields() {
		values = append(values, one.read())
	}
	if f.t.archived {
		values = append(values, "row.ArchivedAt")
	}
	values = append(values, "row.CreatedAt", "row.UpdatedAt", "row.Version")
	if line := strings.Join(values, ", "); len(line) < 130 {
		return line
	}
	names := []string{"ID", "TenantID"}
	for _, one := range f.t.fields {
		names = append(names, camel(one.name, initialisms))
	}
	if f.t.archived {
		names = append(names, "ArchivedAt")
	}
	names = append(names, "CreatedAt", "UpdatedAt", "version")
	var b strings.Builder
	b.WriteString("\n")
	for i, name := range names {
		fmt.Fprintf(&b, "%s: %s,\n", name, values[i])
	}
	return b.String()
}

// Required is the tag of what a create must say; empty where it need say nothing.
func (f file) Required() string {
	var names []string
	for _, one := range f.t.writable() {
		if !one.null && one.fallback == "" {
			names = append(names, one.name)
		}
	}
	if names == nil {
		return ""
	}
	return "`required:\"" + strings.Join(names, " ") + "\"`"
}

// Archiving are the operations that put a row away and take it back.
func (f file) Archiving() (all []struct{ Verb, Does string }) {
	if f.t.archived {
		all = append(all, struct{ Verb, Does string }{"Archive", "puts " + f.A() + " " + f.Noun() + " away, out of the list"},
			struct{ Verb, Does string }{"Restore", "takes " + f.A() + " " + f.Noun() + " back into the list"})
	}
	return all
}

// By is the name in package db of the column that it is sorted by.
func (f goField) By() string { return camel(f.by(), nil) }

// Column is that of its own column.
func (f goField) Column() string { return camel(f.name, nil) }

// Go is its name in handlers.
func (f goField) Go() string { return camel(f.name, initialisms) }

// Name is its name on the wire.
func (f goField) Name() string { return f.name }

// value is the type of its value.
func (f goField) value() string {
	switch f.kind {
	case integer:
		return "int32"
	case rate:
		return "rest.Rate"
	case boolean:
		return "bool"
	case date:
		return "rest.Date"
	case instant:
		return "time.Time"
	case id:
		return "ids." + f.id
	case document:
		return f.Document()
	}
	return "string"
}

// Out is its type in an answer, and In in a body.
func (f goField) Out() string {
	if f.kind == document && f.null {
		return "rest.JSON[*" + f.value() + "]"
	}
	if f.kind == document {
		return "rest.JSON[" + f.value() + "]"
	}
	if f.null {
		return "*" + f.value()
	}
	return f.value()
}

func (f goField) In() string {
	if f.null {
		return "rest.Nullable[" + f.value() + "]"
	}
	return "*" + f.value()
}

// tag is a struct tag of the parts that say something.
func tag(parts ...string) string {
	var all []string
	for i := 0; i < len(parts); i += 2 {
		if parts[i+1] != "" {
			all = append(all, parts[i]+":"+strconv.Quote(parts[i+1]))
		}
	}
	return "`" + strings.Join(all, " ") + "`"
}

// shown is the example of a body; an enum and a flag show theirs by their type.
func (f goField) shown() string {
	if f.kind == id || f.kind == document {
		return ""
	}
	return f.example
}

func (f goField) OutTag() string {
	example := f.shown()
	if f.kind == date || f.kind == instant { // whose form their type tells
		example = ""
	}
	values := ""
	if f.kind == enum {
		values, example = f.rules(), ""
	}
	return tag("json", f.name, "validate", values, "doc", f.doc, "example", example)
}

func (f goField) InTag() string {
	form := ""
	if f.kind == long || f.kind == rich {
		form = string(f.kind)
	}
	return tag("json", f.name, "validate", f.rules(), "text", form, "doc", f.doc, "example", f.shown())
}

// rules are the limits, as the validate tag has them.
func (f goField) rules() string {
	var rules []string
	if f.min != nil {
		rules = append(rules, fmt.Sprint("min=", *f.min))
	}
	if f.max != nil {
		rules = append(rules, fmt.Sprint("max=", *f.max))
	}
	if f.values != nil {
		rules = append(rules, "oneof="+strings.Join(f.values, " "))
	}
	return strings.Join(rules, ",")
}

// read is how the column's value gets into an answer.
func (f goField) read() string {
	column := "row." + f.Column()
	switch {
	case f.kind == rate && f.null:
		return "(*rest.Rate)(" + column + ")"
	case f.kind == rate:
		return "rest.Rate(" + column + ")"
	case f.kind == date && f.null:
		return "rest.DateOf(" + column + ")"
	case f.kind == date:
		return "*rest.DateOf(&" + column + ")"
	}
	return column
}

// Created is its value in a create.
func (f goField) Created() string {
	value := "in." + f.Go()
	if f.kind == document {
		return "rest.JSONOf(" + f.sent("in.") + ")"
	}
	switch {
	case f.null:
		value += ".Value"
	case f.fallback == "":
		value = "*" + value
	}
	switch {
	case f.kind == rate && !f.null && f.fallback == "":
		return "float64(" + value + ")"
	case f.kind == rate:
		return "(*float64)(" + value + ")"
	case f.kind == date && !f.null && f.fallback == "":
		return "time.Time(" + value + ")"
	case f.kind == date:
		return value + ".Time()"
	}
	return value
}

// Updated are its arguments in an update.
func (f goField) Updated() []string {
	value := "in." + f.Go()
	switch {
	case f.null && f.kind == document:
		return []string{f.Column() + "Set: " + value + ".Set", f.Column() + ": " + f.Created()}
	case f.kind == document:
		return []string{f.Column() + ": " + f.Created()}
	case f.null && f.kind == rate:
		return []string{f.Column() + "Set: " + value + ".Set", f.Column() + ": (*float64)(" + value + ".Value)"}
	case f.kind == rate:
		return []string{f.Column() + ": (*float64)(" + value + ")"}
	case f.null && f.kind == date:
		return []string{f.Column() + "Set: " + value + ".Set", f.Column() + ": " + value + ".Value.Time()"}
	case f.null:
		return []string{f.Column() + "Set: " + value + ".Set", f.Column() + ": " + value + ".Value"}
	case !f.pointed():
		return []string{f.Column() + "Set: " + value + " != nil", f.Column() + ": *cmp.Or(" + value + ", new(" + f.value() + "))"}
	case f.kind == date:
		return []string{f.Column() + ": " + value + ".Time()"}
	}
	return []string{f.Column() + ": " + value}
}

// sent is the pointer to its value in an input, which is nil where it was left out.
func (f goField) sent(in string) string {
	if f.null {
		return in + f.Go() + ".Value"
	}
	return in + f.Go()
}

// Imported are the statements that take it in from a line.
func (f goField) Imported() []string {
	value := f.sent("line.")
	given := value + " != nil"
	if f.kind == document {
		value = "rest.JSONOf(" + value + ")"
	} else if f.null || f.fallback != "" {
		value = "cmp.Or(" + value + ", new(" + f.value() + "))"
	}
	switch f.kind {
	case document:
	case id:
		value += ".UUID()"
	case rate:
		value = "float64(*" + value + ")"
	case date:
		value = "time.Time(*" + value + ")"
	default:
		value = "*" + value
	}
	column := "in." + f.Column()
	all := []string{fmt.Sprintf("%s = append(%[1]s, %s)", column, value)}
	if f.null || f.fallback != "" {
		all = append(all, fmt.Sprintf("%sSet = append(%[1]sSet, %s)", column, given))
	}
	return all
}

// After is the argument that says where the list goes on, and Place the part of a position that it is.
func (f goField) After() string {
	return "After" + camel(f.by(), nil) + ": in.After" + f.Place() + "()"
}

func (f goField) Place() string {
	switch f.kind {
	case text, long:
		return "Text"
	case integer:
		return "Number"
	}
	return "Time"
}

// A filter is a query parameter of the list.
type filter struct {
	Go, In, Tag string
	Arguments   []string
}

// Filters are the query parameters of the list, its order among them.
func (f file) Filters() (all []filter) {
	query := func(name, in, rules, doc, example string, arguments ...string) {
		limits := "validate"
		if strings.HasPrefix(rules, f.t.table+".") {
			limits = "limit"
		}
		all = append(all, filter{camel(name, initialisms), in, tag("query", name, limits, rules, "doc", doc, "example", example), arguments})
	}
	nouns := capital(f.Nouns())
	if sorts := f.t.sorts(); len(sorts) > 0 {
		var words, orders []string
		for _, one := range sorts {
			words = append(words, one.name, "-"+one.name)
			order := one.name
			if one.key != "" {
				order += " (regardless of case)"
			}
			orders = append(orders, order)
		}
		query("sort", "string", "oneof="+strings.Join(words, " "), "By "+listed(orders, "or")+"; with - downwards. Newest first when left out.", "", "Sort: in.Sort")
	}
	if f.t.archived {
		all = append(all, filter{"Archived", "bool", "`query:\"archived\" default:\"false\" doc:\"" + nouns + " that are archived, instead of those that are not.\"`", []string{"Archived: in.Archived"}})
	}
	for _, one := range f.Fields() {
		if one.searched {
			rules := ""
			if one.max != nil {
				rules = f.t.table + "." + one.name
			}
			example, _, _ := strings.Cut(strings.ToLower(one.example), " ")
			query("q", "*string", rules, nouns+" whose "+words(one.name)+" begins so, regardless of case.", example, "Q: in.Q")
		}
	}
	for _, one := range f.Fields() {
		argument := func(name string) string {
			value := "in." + camel(name, initialisms)
			if one.kind == date {
				value += ".Time()"
			}
			return camel(name, nil) + ": " + value
		}
		switch {
		case one.filtered && one.pointed():
			query(one.name, "*"+one.value(), f.among(one), nouns+" whose "+one.name+" is this.", "", argument(one.name))
		case one.filtered:
			query(one.name, "*"+one.value(), "", nouns+" whose "+one.name+" is this.", "",
				one.Column()+": *cmp.Or(in."+one.Go()+", new("+one.value()+"))", "Of"+camel(strings.TrimSuffix(one.name, "_id"), nil)+": in."+one.Go()+" != nil")
		}
		if one.ranged() {
			rules := ""
			if one.min != nil && *one.min >= 0 {
				rules = "min=0"
			}
			query("min_"+one.name, "*"+one.value(), rules, nouns+" whose "+one.name+" is this or more.", "", argument("min_"+one.name))
			query("max_"+one.name, "*"+one.value(), rules, nouns+" whose "+one.name+" is this or less.", "", argument("max_"+one.name))
		}
	}
	return all
}

// among is the limit of a filter by a word: those of the column.
func (f file) among(one goField) string {
	if one.values == nil {
		return ""
	}
	return f.t.table + "." + one.name
}

// initialisms are written in capitals in handlers. Package db knows but ID.
var initialisms = map[string]string{"url": "URL", "api": "API", "html": "HTML", "http": "HTTP", "uuid": "UUID", "ip": "IP"}

// camel is a name of SQL as a name of Go.
func camel(snake string, initialisms map[string]string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(snake, "_") {
		switch {
		case word == "id":
			b.WriteString("ID")
		case initialisms[word] != "":
			b.WriteString(initialisms[word])
		case word != "":
			b.WriteString(capital(word))
		}
	}
	return b.String()
}

// Title is the article at the beginning of a sentence.
func (f file) Title() string { return capital(f.A()) }

// routes are the resource's rows of handlers/routes.go.
func (t *Table) routes() string {
	f := file{t}
	one, many := capital(f.Noun()), capital(f.Nouns())
	path, row := "/"+f.Path(), "/"+f.Path()+"/:"+f.Snake()+"_id"
	read, write := f.Var("sRead"), f.Var("sWrite")
	var b strings.Builder
	line := func(method, path string, status int, title, endpoint string) {
		fmt.Fprintf(&b, "\t{\"%s %s\", %d, %q, %s},\n", method, path, status, title, endpoint)
	}
	refusing := ""
	if f.Mine() {
		refusing = ".Refusing(errNoUser)"
	}
	line("GET", path, 200, many+" retrieved", "rest.Need("+read+", "+t.marker+"List)")
	line("POST", path, 201, one+" created", "rest.Need("+write+", "+t.marker+"Create)"+refusing)
	if t.imported {
		line("POST", path+"/import", 200, many+" imported", "rest.Upload("+write+", "+t.marker+"Import)"+refusing)
	}
	if t.exported {
		line("GET", path+"/export", 200, many+" exported", "rest.Download("+read+", \""+f.Path()+"\", "+t.marker+"Export)")
	}
	line("GET", row, 200, one+" retrieved", "rest.Need("+read+", "+t.marker+"Get)")
	if t.updated {
		line("PATCH", row, 200, one+" updated", "rest.Change("+write+", "+t.marker+"Update, "+t.marker+"Get)")
	}
	if t.archived {
		line("POST", row+"/archive", 200, one+" archived", "rest.Change("+write+", "+t.marker+"Archive, "+t.marker+"Get)")
		line("POST", row+"/restore", 200, one+" restored", "rest.Change("+write+", "+t.marker+"Restore, "+t.marker+"Get)")
	}
	if t.deleted {
		line("DELETE", row, 200, one+" deleted", "rest.Change("+write+", "+t.marker+"Delete, "+t.marker+"Get)")
	}
	return b.String()
}
