package rest

import (
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"
)

// JSON is a column of JSON as it is read, nil where it is NULL. It is shown as it stands; what was written is a T, by JSONOf. Of a column that can be
// NULL it is a JSON[*T].
type JSON[T any] []byte

// JSONOf makes a column's value of a T; nil is NULL.
func JSONOf[T any](value *T) []byte {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // of a type that no body can be read into either
	}
	return text
}

// Value is what the column holds; nil where it is NULL. It fails where somebody wrote something else.
func (j JSON[T]) Value() (value *T, err error) {
	if j != nil {
		err = json.Unmarshal(j, &value)
	}
	return value, err
}

func (j JSON[T]) MarshalJSON() ([]byte, error) {
	if j == nil {
		return []byte("null"), nil
	}
	return j, nil
}

func (j *JSON[T]) UnmarshalJSON(text []byte) error {
	if *j = nil; string(text) != "null" {
		*j = slices.Clone(text)
	}
	return nil
}

// String is the JSON; empty where there is none.
func (j JSON[T]) String() string { return string(j) }

// object is a JSON of whatever type.
type object interface {
	of() (t reflect.Type, null bool)
}

// of is the type of what is written, and whether it can be NULL.
func (JSON[T]) of() (t reflect.Type, null bool) {
	t = reflect.TypeFor[T]()
	if t.Kind() == reflect.Pointer {
		return t.Elem(), true
	}
	return t, false
}
