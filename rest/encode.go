package rest

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// encoder appends the JSON of an addressable value.
type encoder func(b []byte, v reflect.Value) ([]byte, error)

var encoders sync.Map // reflect.Type → encoder

// AppendJSON appends what json.Marshal makes of the value behind a pointer. What a type looks like is worked out when it is first
// met, not for each value.
func AppendJSON(b []byte, pointer any) ([]byte, error) {
	v := reflect.ValueOf(pointer).Elem()
	encode, known := encoders.Load(v.Type())
	if !known {
		encode, _ = encoders.LoadOrStore(v.Type(), newEncoder(v.Type(), nil))
	}
	return encode.(encoder)(b, v)
}

// newEncoder makes the encoder of a type, of the kinds that answers are made of. Other kinds, and types that contain themselves, are left
// to json.
func newEncoder(t reflect.Type, around []reflect.Type) encoder {
	switch kind := t.Kind(); {
	case kind == reflect.Pointer:
		return encodePointer(newEncoder(t.Elem(), around))
	case t.Implements(reflect.TypeFor[encoding.TextAppender]()):
		return appendPlain
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[json.MarshalerTo]()):
		return appendAny
	case kind == reflect.String:
		return func(b []byte, v reflect.Value) ([]byte, error) { return jsontext.AppendQuote(b, v.String()) }
	case kind == reflect.Bool:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendBool(b, v.Bool()), nil }
	case kind == reflect.Int32 || kind == reflect.Int64:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendInt(b, v.Int(), 10), nil }
	case kind == reflect.Float64:
		return func(b []byte, v reflect.Value) ([]byte, error) {
			return jsontext.AppendFloat(b, v.Float(), 64), nil
		}
	case kind == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		return encodeSlice(newEncoder(t.Elem(), around))
	case kind == reflect.Struct && !slices.Contains(around, t):
		return encodeStruct(t, append(around, t))
	}
	return appendAny
}

func appendAny(b []byte, v reflect.Value) ([]byte, error) {
	text, err := json.Marshal(v.Addr().Interface())
	return append(b, text...), err
}

// appendPlain is for identifiers and times, in whose texts nothing needs to be escaped.
func appendPlain(b []byte, v reflect.Value) ([]byte, error) {
	b, err := v.Addr().Interface().(encoding.TextAppender).AppendText(append(b, '"'))
	return append(b, '"'), err
}

func encodePointer(encode encoder) encoder {
	return func(b []byte, v reflect.Value) ([]byte, error) {
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		return encode(b, v.Elem())
	}
}

func encodeSlice(encode encoder) encoder {
	return func(b []byte, v reflect.Value) (_ []byte, err error) {
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = encode(b, v.Index(i)); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
}

// encodeStruct leaves embedded structs, and whatever tags say besides a name, to json.
func encodeStruct(t reflect.Type, around []reflect.Type) encoder {
	type member struct {
		name   string // with all that stands around it
		field  int
		encode encoder
	}
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() && !f.Anonymous {
			continue
		}
		name := f.Tag.Get("json")
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" || name == "" {
			return appendAny
		}
		members = append(members, member{`,"` + name + `":`, i, newEncoder(f.Type, around)})
	}
	if members == nil {
		return appendAny
	}
	members[0].name = "{" + members[0].name[1:]
	return func(b []byte, v reflect.Value) (_ []byte, err error) {
		for i := range members {
			m := &members[i]
			if b, err = m.encode(append(b, m.name...), v.Field(m.field)); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
}
