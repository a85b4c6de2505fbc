package rest

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-playground/validator/v10"

	"rowhouse/auth"
)

// An input struct says what an operation reads. Each field has one source, in its tag: path, query, header or json (the
// body). Its Go type says the rest:
//
//	T            required in the body and the path; in the query, the zero value when left out
//	*T           may be left out, then nil; with the tag required:"true" not left out; null is refused
//	T, and the tag default:"…"   may be left out, then what the tag says; null is refused
//	Nullable[T]  may be left out, or null, or a value; with the tag required:"true" not left out
//
// Fields that several inputs have are those of a struct that each embeds, so that their limits are said once. Behind the embedded struct the tag
// required:"name price_cents" names those of its fields *T that this input must have.
//
// A validate tag (go-playground/validator) limits the value. So does a limit tag, with a limit that is said elsewhere: limit:"users.role" with
// what the CHECK constraints of that column allow, limit:"password" with the length that package auth gives to passwords.
//
// A text tag changes how a string is read: raw keeps its blanks and is measured in its normal form (passwords), long may hold tabs and newlines,
// rich is long and HTML, of which only what is harmless is kept. any, of a header that is only kept for people to read, refuses nothing, and keeps
// what can be read.
//
// A field whose type is a struct is a JSON object, with fields of its own that are read by the same rules; of these, what is wrong is said of
// address.street. Such a type is written and shown as it is stored, by JSON; what of it may be left out is a *T with omitzero in its json tag.
//
// What tags cannot say, a method Problems() []FieldError does: pure, and called even where other fields are bad. It need not mind
// which: a field that is wrong already is not named again.

// Nullable is a field in three states: left out (Set is false), null (Value is nil), or a value.
type Nullable[T any] struct {
	Set   bool
	Value *T
}

func (n *Nullable[T]) set(null bool) any {
	n.Set = true
	if null {
		n.Value = nil
		return nil
	}
	n.Value = new(T)
	return n.Value
}

func (Nullable[T]) elem() reflect.Type { return reflect.TypeFor[T]() }

type nullable interface {
	set(null bool) any // where a value goes; nil for null
}

// Versions are the row versions that If-Match accepts; nil accepts any.
type Versions []int64

// Conditional is embedded in the input of a change that heeds If-Match.
type Conditional struct {
	IfMatch Versions `header:"If-Match"`
}

func (c Conditional) versions() Versions { return c.IfMatch }

// Field is one field of an input struct.
type Field struct {
	Name     string // on the wire
	Source   string // path, query, header or json
	index    []int
	Type     reflect.Type // of the value, without pointer or Nullable
	Required bool
	Nullable bool
	Rules    string // validator tag
	most     int    // its max, of the members of a list or the characters of a string; 0 without one
	Text     string // raw, long, rich, any or empty
	doc      string
	Example  string  // leftOut: a body is shown without it
	fallback string  // what it is when it is left out, as JSON; empty: the zero value
	named    string  // the named schema of the value, or of a list's members; empty: of its type
	Members  []Field // of a JSON object; nil: it is none
}

const leftOut = "-"

// rulesOf are the rules of a field's tags: those of its validate tag, and those of its limit tag. In a query the latter only says what is too long:
// whoever looks for something may know as little of it as he likes.
func rulesOf(tag reflect.StructTag) string {
	rules := strings.FieldsFunc(tag.Get("validate"), func(c rune) bool { return c == ',' })
	if of, ok := tag.Lookup("limit"); ok {
		limits := limitsOf(of)
		if _, sought := tag.Lookup("query"); sought {
			limits = slices.DeleteFunc(limits, func(rule string) bool { return strings.HasPrefix(rule, "min=") })
		}
		rules = append(rules, limits...)
	}
	return strings.Join(rules, ",")
}

// limitsOf are the rules that a limit tag stands for: of a column, such as users.role, what its CHECK constraints say plainly; of anything else the
// length that auth.Longest knows of it. It panics where neither says anything.
func limitsOf(name string) (rules []string) {
	table, column, _ := strings.Cut(name, ".")
	if most := auth.Longest(name); most > 0 {
		return []string{fmt.Sprint("max=", most)}
	}
	for _, c := range constraints {
		if c.Kind != "check" || c.Table != table || !slices.Equal(c.Columns, []string{column}) {
			continue
		}
		if c.Min != nil {
			rules = append(rules, fmt.Sprint("min=", *c.Min))
		}
		if c.Max != nil {
			rules = append(rules, fmt.Sprint("max=", *c.Max))
		}
		if c.Values != nil {
			rules = append(rules, "oneof="+strings.Join(c.Values, " "))
		}
	}
	if rules == nil {
		panic("no CHECK constraint limits " + name + " plainly, nor does package auth")
	}
	return rules
}

var inputs sync.Map // reflect.Type → []field

// FieldsOf lists the fields of an input struct. A field without a source, a list without a limit, or a tag that nothing heeds,
// panics: the route table is read at start.
func FieldsOf(t reflect.Type) []Field {
	if known, ok := inputs.Load(t); ok {
		return known.([]Field)
	}
	var fields []Field
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		made := Field{index: f.Index, Type: f.Type, Rules: rulesOf(f.Tag), Text: f.Tag.Get("text"), doc: f.Tag.Get("doc"), Example: f.Tag.Get("example"), fallback: f.Tag.Get("default"), named: f.Tag.Get("named")}
		sources := 0
		for _, source := range []string{"path", "query", "header", "json"} {
			if name, ok := f.Tag.Lookup(source); ok {
				made.Source = source
				made.Name, _, _ = strings.Cut(name, ",")
				sources++
			}
		}
		if sources != 1 {
			panic(fmt.Sprintf("%v.%s: an input field has exactly one of path, query, header and json", t, f.Name))
		}
		switch {
		case f.Type.Kind() == reflect.Pointer:
			made.Type, made.Required = f.Type.Elem(), f.Tag.Get("required") == "true"
			if len(f.Index) > 1 {
				around := t.FieldByIndex(f.Index[:len(f.Index)-1])
				made.Required = made.Required || slices.Contains(strings.Fields(around.Tag.Get("required")), made.Name)
			}
		case reflect.PointerTo(f.Type).Implements(reflect.TypeFor[nullable]()):
			made.Nullable = true
			made.Required = f.Tag.Get("required") == "true"
			made.Type = reflect.Zero(f.Type).Interface().(interface{ elem() reflect.Type }).elem()
		default:
			made.Required = made.Source == "path" || made.Source == "json" && made.fallback == ""
		}
		if made.Source == "json" && made.Type.Kind() == reflect.Struct && !reflect.PointerTo(made.Type).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
			made.Members = FieldsOf(made.Type)
		}
		for rule := range strings.SplitSeq(made.Rules, ",") {
			if limit, ok := strings.CutPrefix(rule, "max="); ok && (made.Type.Kind() == reflect.String || made.Type.Kind() == reflect.Slice) {
				made.most, _ = strconv.Atoi(limit) // of what is no number, the description of the API complains
			}
		}
		if made.Source == "json" && made.Type.Kind() == reflect.Slice && made.most == 0 {
			panic(fmt.Sprintf("%v.%s: a list has a max, by which it is refused before its members are looked at", t, f.Name))
		}
		texts := []string{"raw", "long", "rich"}
		if made.Source == "header" {
			texts = []string{"any"}
		}
		if tag, ok := f.Tag.Lookup("text"); ok && (!slices.Contains(texts, tag) || made.Type != reflect.TypeFor[string]()) {
			panic(fmt.Sprintf("%v.%s: a text tag is raw, long or rich, or of a header any, and is of a string", t, f.Name))
		}
		fields = append(fields, made)
	}
	for _, f := range reflect.VisibleFields(t) {
		for name := range strings.FieldsSeq(f.Tag.Get("required")) {
			if f.Anonymous && !slices.ContainsFunc(fields, func(made Field) bool { return made.Name == name && made.Required }) {
				panic(fmt.Sprintf("%v.%s: there is no field %s to be required, or it is no pointer", t, f.Name, name))
			}
		}
	}
	inputs.Store(t, fields)
	return fields
}

// target is where the field's value goes, as a pointer.
func (f *Field) target(in reflect.Value) any {
	v := in.FieldByIndex(f.index)
	if f.Nullable {
		return v.Addr().Interface().(nullable).set(false)
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(f.Type))
		return v.Interface()
	}
	return v.Addr().Interface()
}

// problem is what is wrong with the field.
func (f *Field) problem(code, format string, args ...any) *FieldError {
	return &FieldError{f.Name, code, fmt.Sprintf(format, args...)}
}

// parse reads the text of a path, query or header value.
func (f *Field) parse(text string, target any) *FieldError {
	switch target := target.(type) {
	case *string:
		*target = text
		return nil
	case *Versions:
		versions, err := parseIfMatch(text)
		*target = versions
		if err != nil {
			return f.problem("format", "%s", err.Error())
		}
		return nil
	case *time.Time:
		at, ok := parseTime(text)
		if *target = at; !ok {
			return f.problem("format", "Must be a time such as 2026-01-31T09:30:00Z.")
		}
		return nil
	case encoding.TextUnmarshaler:
		if err := target.UnmarshalText([]byte(text)); err != nil {
			return f.problem("format", "%s.", sentence(err))
		}
		return nil
	}
	v := reflect.ValueOf(target).Elem()
	switch v.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil || strconv.FormatInt(n, 10) != text {
			if errors.Is(err, strconv.ErrRange) {
				return f.problem("range", "Too large a number.")
			}
			return f.problem("type", "Must be a whole number.")
		}
		v.SetInt(n)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return f.problem("type", "Must be true or false.")
		}
		v.SetBool(text == "true")
	case reflect.Slice:
		if err := json.Unmarshal([]byte(text), target); err != nil {
			return f.problem("type", "Must be a list of strings.")
		}
	default:
		panic(fmt.Sprintf("%s: no way to read a %v from text", f.Name, v.Type()))
	}
	return nil
}

var validate = validator.New()

// check trims and validates the value at target. What is not acceptable is not kept: what else is wrong with the input is looked for
// without it, and in no more text than is allowed.
func (f *Field) check(target any) *FieldError {
	wrong := f.checkValue(target)
	if wrong != nil {
		reflect.ValueOf(target).Elem().SetZero()
	}
	return wrong
}

func (f *Field) checkValue(target any) *FieldError {
	if text, ok := target.(*string); ok {
		if wrong := f.checkText(text); wrong != nil {
			return wrong
		}
	}
	if f.Rules == "" {
		return nil
	}
	value := reflect.ValueOf(target).Elem().Interface()
	if text, ok := value.(string); ok && f.Text == "raw" {
		value = auth.NormalizePassword(text)
	}
	err := validate.Var(value, f.Rules)
	var broken validator.ValidationErrors
	if !errors.As(err, &broken) {
		return nil
	}
	tag, limit := broken[0].Tag(), broken[0].Param()
	characters := broken[0].Kind() == reflect.String
	items := broken[0].Kind() == reflect.Slice
	switch {
	case tag == "min" && characters && limit == "1":
		return f.problem("min_length", "Must not be empty.")
	case tag == "min" && characters:
		return f.problem("min_length", "At least %s characters.", limit)
	case tag == "max" && characters:
		return f.problem("max_length", "At most %s characters.", limit)
	case tag == "max" && items:
		return f.problem("max_items", "At most %s.", limit)
	case tag == "min":
		return f.problem("min", "At least %s.", limit)
	case tag == "max":
		return f.problem("max", "At most %s.", limit)
	case tag == "oneof":
		return f.problem("one_of", "One of: %s.", strings.ReplaceAll(limit, " ", ", "))
	}
	panic("no words for the rule " + tag)
}

// checkText applies the rules that hold for every string.
func (f *Field) checkText(text *string) *FieldError {
	if f.Text == "any" {
		*text = readable(*text)
		return nil
	}
	if !utf8.ValidString(*text) {
		return f.problem("encoding", "Must be valid UTF-8.")
	}
	if f.Text != "raw" {
		*text = strings.TrimFunc(*text, unicode.IsSpace)
	}
	if f.Text != "rich" && f.most > 0 && len(*text) > f.most*f.widest() {
		return f.problem("max_length", "At most %d characters.", f.most)
	}
	if wrong := f.checkControls(*text); wrong != nil || f.Text != "rich" {
		return wrong
	}
	if len(*text) > maxRichText {
		return f.problem("max_length", "At most %s of HTML.", formatBytes(maxRichText))
	}
	*text = strings.TrimFunc(sanitize(*text), unicode.IsSpace)
	return f.checkControls(*text) // those that were written as &#1;
}

// widest is how many bytes a character may have; one of a raw text counts in its normal form, which was up to four characters before.
func (f *Field) widest() int {
	if f.Text == "raw" {
		return 4 * utf8.UTFMax
	}
	return utf8.UTFMax
}

// readable is valid UTF-8, with a blank for each character that people do not see, such as one that turns the line around.
func readable(text string) string {
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsGraphic(c) {
			return c
		}
		return ' '
	}, strings.ToValidUTF8(text, "")))
}

func (f *Field) checkControls(text string) *FieldError {
	long := f.Text == "long" || f.Text == "rich"
	for _, c := range text {
		if c < 0x20 && !(long && (c == '\t' || c == '\n')) {
			if long {
				return f.problem("control_character", "Of the control characters only tab and newline.")
			}
			return f.problem("control_character", "No control characters.")
		}
	}
	return nil
}

// sentence begins an error's text with a capital.
func sentence(err error) string {
	text := err.Error()
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
