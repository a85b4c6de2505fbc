package rest

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/swaggest/jsonschema-go"

	"rowhouse/ids"
)

func ref(name string) map[string]any { return map[string]any{"$ref": "#/components/schemas/" + name} }

// objectOf is a schema with all its properties required.
func objectOf(properties map[string]any) map[string]any {
	return map[string]any{"type": "object", "properties": properties, "required": slices.Sorted(maps.Keys(properties))}
}

// growing is said of each list of words that may become longer.
const growing = "More may be added: take one that you do not know as what its kind is."

// words is a named schema of a text that is one of some.
func (d *document) words(name, text string, some []string) map[string]any {
	var all []any
	for _, word := range some {
		all = append(all, word)
	}
	d.schemas[name] = map[string]any{"type": "string", "enum": all, "description": text + " " + growing}
	return ref(name)
}

// refusalSchema describes what refusal writes.
func (d *document) refusalSchema(codes []string) map[string]any {
	d.words("FieldCode", "What is wrong with a value, for programs.", d.fieldCodes())
	problem := objectOf(map[string]any{
		"code":   d.words("ErrorCode", "Why a request was refused, for programs.", codes),
		"detail": map[string]any{"type": "string", "description": "What was wrong, and what would be right, for people.", "examples": []any{ErrNotFound.Detail}},
		"request_id": map[string]any{
			"type": "string", "description": "Leads to the request in the log.", "examples": []any{exampleRequestID},
		},
	})
	problem["properties"].(map[string]any)["fields"] = map[string]any{
		"type": "array", "items": d.reflect(reflect.TypeFor[FieldError]()), "description": "With validation_failed: all that is wrong.",
	}
	d.schemas["Problem"] = problem
	return objectOf(map[string]any{
		"success": map[string]any{"type": "boolean", "const": false},
		"title":   map[string]any{"type": "string", "examples": []any{ErrNotFound.Title}}, "content": ref("Problem"),
	})
}

// fieldCodes are what may be wrong with a field: what this package finds, what the API does, and what the constraints do.
func (d *document) fieldCodes() []string {
	all := slices.Concat(d.api.FieldCodes, fieldCodes)
	for _, c := range constraints {
		if c.Field != "" {
			all = append(all, c.Code)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// reflect is the schema of a type as it is written.
func (d *document) reflect(t reflect.Type) map[string]any {
	s, err := d.reflector.Reflect(reflect.Zero(t).Interface())
	if err != nil {
		d.fail(err)
	}
	return d.plain(s)
}

func (d *document) plain(s jsonschema.Schema) map[string]any {
	plain, err := s.ToSchemaOrBool().ToSimpleMap()
	if err != nil {
		d.fail(err)
	}
	return plain
}

// input is the schema of the body of an input; nil without one.
func (d *document) input(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range FieldsOf(t) {
		if f.Source == "json" {
			properties[f.Name] = d.field(&f)
			if f.Required {
				required = append(required, f.Name)
			}
		}
	}
	if len(properties) == 0 {
		return nil
	}
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	d.schemas[schemaName(t)] = schema
	return ref(schemaName(t))
}

// field is the schema of an input's field: of its type, and of the limits and words in its tags.
func (d *document) field(f *Field) map[string]any {
	if _, ok := reflect.Zero(f.Type).Interface().(identifier); ok {
		return f.reference(d.reflect(f.Type))
	}
	if f.Members != nil {
		return f.reference(d.input(f.Type))
	}
	s, err := d.reflector.Reflect(reflect.Zero(f.Type).Interface(), jsonschema.InlineRefs)
	if err == nil {
		err = limit(&s, f.Rules)
	}
	if err != nil {
		d.fail(fmt.Errorf("%s: %w", f.Name, err))
	}
	if f.Text == "rich" {
		s.WithDescription(richDoc)
	}
	if f.doc != "" {
		s.WithDescription(strings.TrimSpace(f.doc + " " + *cmp.Or(s.Description, new(""))))
	}
	if f.Example != "" && f.Example != leftOut {
		target := reflect.New(f.Type)
		problem := f.parse(f.Example, target.Interface())
		if problem == nil {
			problem = f.check(target.Interface())
		}
		if problem != nil {
			d.fail(fmt.Errorf("the example of %s: %s", f.Name, problem.Detail))
		}
		s.Examples = []any{target.Elem().Interface()}
	}
	if f.fallback != "" {
		s.WithDefault(jsontext.Value(f.fallback))
	}
	if f.Nullable {
		s.AddType(jsonschema.Null)
		if s.Enum != nil {
			s.Enum = append(s.Enum, nil)
		}
	}
	schema := d.plain(s)
	switch {
	case f.named == "":
	case f.Type.Kind() == reflect.Slice:
		schema["items"] = ref(f.named)
	default:
		d.fail(fmt.Errorf("%s: a named schema is of a list's members here", f.Name))
	}
	return schema
}

// reference is the schema of an input's field whose type has one.
func (f *Field) reference(schema map[string]any) map[string]any {
	if f.Nullable {
		schema = map[string]any{"anyOf": []any{map[string]any{"type": "null"}, schema}}
	}
	if f.doc != "" {
		schema["description"] = f.doc
	}
	return schema
}

// limit says in a schema what a validate tag says.
func limit(s *jsonschema.Schema, rules string) error {
	for rule := range strings.SplitSeq(rules, ",") {
		name, value, _ := strings.Cut(rule, "=")
		number, err := strconv.ParseInt(value, 10, 64)
		if name != "min" && name != "max" {
			err = nil
		}
		switch {
		case err != nil:
			return err
		case name == "", name == "omitempty":
		case name == "oneof":
			for word := range strings.FieldsSeq(value) {
				s.Enum = append(s.Enum, word)
			}
		case name == "min" && s.HasType(jsonschema.String):
			s.WithMinLength(number)
		case name == "max" && s.HasType(jsonschema.String):
			s.WithMaxLength(number)
		case name == "max" && s.HasType(jsonschema.Array):
			s.WithMaxItems(number)
		case name == "min" && s.HasType(jsonschema.Integer):
			s.WithMinimum(float64(number))
		case name == "max" && s.HasType(jsonschema.Integer):
			s.WithMaximum(float64(number))
		default:
			return fmt.Errorf("no schema for the rule %s", rule)
		}
	}
	return nil
}

// schemaName is the type's name with a capital, and of an id or a generic that of what it is of: ItemID, ItemCreateInput, and
// DeletedItem for deleted[ids.ItemID]. Generators of clients write Api, so that is how it stands in all names.
func schemaName(t reflect.Type) string {
	words := strings.FieldsFunc(t.Name(), func(c rune) bool { return strings.ContainsRune("[]./", c) })
	name := capital(words[0])
	if len(words) > 1 {
		of := capital(words[len(words)-1])
		if name == "ID" {
			name = of + name
		} else {
			name += of
		}
	}
	if t == reflect.TypeFor[Date]() {
		return "CalendarDate" // Date is JavaScript's
	}
	if rest, ok := strings.CutPrefix(name, "API"); ok {
		name = "Api" + rest
	}
	return name
}

func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

type identifier interface{ Prefix() string }

// base62Pattern is of short forms without leading zeros, but for the last of 22 characters, which only the decoder tells from those
// beyond 2^128.
const base62Pattern = `(0|[1-9A-Za-z][0-9A-Za-z]{0,20}|[1-7][0-9A-Za-z]{21})`

const uuidPattern = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

// valueSchema adds what the Go type of a value says and its kind does not.
func valueSchema(p jsonschema.InterceptSchemaParams) (stop bool, err error) {
	t := p.Schema.ReflectType
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[ids.EntityID]():
		*p.Schema = jsonschema.Schema{Examples: []any{"item-" + exampleUUID}}
		p.Schema.AddType(jsonschema.String)
		p.Schema.WithPattern(`^([a-z]+-)?` + uuidPattern + `$|^[a-z]+_` + base62Pattern + `$`)
		return true, nil
	case reflect.TypeFor[Date]():
		*p.Schema = jsonschema.Schema{Examples: []any{exampleTime[:len(time.DateOnly)]}}
		p.Schema.AddType(jsonschema.String)
		p.Schema.WithFormat("date")
		return true, nil
	case reflect.TypeFor[Rate]():
		*p.Schema = jsonschema.Schema{Examples: []any{0.5}}
		p.Schema.AddType(jsonschema.Number)
		p.Schema.WithMinimum(0).WithMaximum(1)
		return true, nil
	case reflect.TypeFor[jsontext.Value]():
		*p.Schema = jsonschema.Schema{Examples: []any{map[string]any{"price_cents": 24900}}}
		p.Schema.AddType(jsonschema.Object)
		p.Schema.WithAdditionalProperties(jsonschema.SchemaOrBool{TypeBoolean: new(true)})
		return true, nil
	}
	if id, ok := reflect.Zero(t).Interface().(identifier); ok {
		p.Schema.Type = nil
		p.Schema.AddType(jsonschema.String)
		p.Schema.WithPattern(`^(` + id.Prefix() + `-)?` + uuidPattern + `$|^` + id.Prefix() + `_` + base62Pattern + `$`)
		p.Schema.WithDescription("Answered in this form; read also as " + id.Prefix() + "_<base62>, and as the bare UUID.")
		p.Schema.WithExamples(id.Prefix() + "-" + exampleUUID)
		return true, nil
	}
	switch {
	case t == reflect.TypeFor[time.Time]() && !p.Processed:
		p.Schema.WithExamples(exampleTime)
	case t.Kind() == reflect.Int32 || t.Kind() == reflect.Int64:
		p.Schema.WithFormat(t.Kind().String())
	}
	return false, nil
}

// nullability: a list without members is written as [], and a named schema that may be null says its type itself.
func nullability(p jsonschema.InterceptNullabilityParams) {
	if p.Type.Kind() == reflect.Slice {
		p.Schema.RemoveType(jsonschema.Null)
	}
	for _, either := range p.Schema.AnyOf {
		p.Schema.Type = nil
		if either.TypeObject.Ref != nil {
			either.TypeObject.Type = nil
		}
	}
}

// propertySchema adds what the tags of an output's field say. What is always written is required.
func (d *document) propertySchema(p jsonschema.InterceptPropParams) error {
	if !p.Processed {
		return nil
	}
	if json, ok := reflect.Zero(p.Field.Type).Interface().(object); ok {
		t, null := json.of()
		d.input(t)
		*p.PropertySchema = jsonschema.Schema{Ref: new("#/components/schemas/" + schemaName(t))}
		if null {
			var either [2]jsonschema.SchemaOrBool
			either[0].TypeObjectEns().AddType(jsonschema.Null)
			either[1].TypeObject = new(*p.PropertySchema)
			*p.PropertySchema = jsonschema.Schema{AnyOf: either[:]}
		}
	}
	doc := p.Field.Tag.Get("doc")
	if p.Field.Tag.Get("text") == "rich" {
		doc = strings.TrimSpace(doc + " " + richDoc)
	}
	if doc != "" {
		p.PropertySchema.WithDescription(doc)
	}
	if name := p.Field.Tag.Get("named"); name != "" {
		named := jsonschema.Schema{Ref: new("#/components/schemas/" + name)}
		if p.PropertySchema.Items == nil {
			*p.PropertySchema = named
		} else {
			p.PropertySchema.WithItems(*(&jsonschema.Items{}).WithSchemaOrBool(named.ToSchemaOrBool()))
		}
	}
	if strings.Contains(p.Field.Tag.Get("json"), ",omitzero") {
		p.PropertySchema.RemoveType(jsonschema.Null)
	} else {
		p.ParentSchema.Required = append(p.ParentSchema.Required, p.Name)
	}
	err := limit(p.PropertySchema, rulesOf(p.Field.Tag))
	if p.PropertySchema.Enum != nil && p.PropertySchema.HasType(jsonschema.Null) {
		p.PropertySchema.Enum = append(p.PropertySchema.Enum, nil)
	}
	return err
}

// sample makes a value that a schema admits, of the examples in it.
func (d *document) sample(schema map[string]any) any {
	if to, ok := schema["$ref"].(string); ok {
		return d.sample(d.schemas[strings.TrimPrefix(to, "#/components/schemas/")])
	}
	if one, ok := schema["const"]; ok {
		return one
	}
	for _, key := range []string{"examples", "enum"} {
		if some, ok := schema[key].([]any); ok {
			return some[0]
		}
	}
	if some, ok := schema["anyOf"].([]any); ok {
		return d.sample(some[len(some)-1].(map[string]any))
	}
	kind := schema["type"]
	if either, ok := kind.([]any); ok { // one of them is null
		kind = either[0]
		if kind == "null" {
			kind = either[1]
		}
	}
	switch kind {
	case "object":
		properties, _ := schema["properties"].(map[string]any)
		value := map[string]any{}
		for name, property := range properties {
			value[name] = d.sample(property.(map[string]any))
		}
		return value
	case "array":
		return []any{d.sample(schema["items"].(map[string]any))}
	case "boolean":
		return true
	case "integer", "number":
		return 1
	}
	return "text"
}
