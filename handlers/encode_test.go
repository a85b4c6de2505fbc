package handlers

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"rowhouse/ids"
	"rowhouse/rest"
)

// What every route answers with, and what an error would, is written as the library of JSON writes it.
func TestEncoding(t *testing.T) {
	t.Parallel()
	outputs := map[reflect.Type]bool{}
	for _, route := range routes {
		if row := route.Row(); row != nil {
			outputs[reflect.SliceOf(row)] = true
		} else {
			outputs[route.Output] = true
		}
	}
	for _, odd := range []any{
		rest.PageInfo{}, rest.Position{}, map[string]int32{}, []any{}, [3]string{}, []byte{}, uint8(1), 1.5,
		struct{ Untagged string }{}, struct {
			A string `json:"-"`
		}{}, struct {
			A string `json:"a,omitzero"`
		}{}, struct {
			A string `json:"'a b'"`
		}{}, struct{ hidden string }{}, comment{}, bySelf(""), byText(""), byStream(""), struct {
			tokenPair
			B int64 `json:"b"`
		}{},
	} {
		outputs[reflect.TypeOf(odd)] = true
	}
	if len(outputs) < 40 {
		t.Fatalf("%d outputs", len(outputs))
	}
	for output := range outputs {
		for seed := range uint64(50) {
			v := reflect.New(output)
			fill(v.Elem(), rand.New(rand.NewPCG(seed, 1)))
			want, wantErr := json.Marshal(v.Interface(), json.Deterministic(true))
			got, err := rest.AppendJSON([]byte("x"), v.Interface())
			if (err != nil) != (wantErr != nil) || err == nil && !bytes.Equal(got[1:], want) {
				t.Fatalf("%s, seed %d:\ngot  %s, %v\nwant %s, %v", output, seed, got, err, want, wantErr)
			}
		}
	}
}

// comment is within itself.
type comment struct {
	Text    string    `json:"text"`
	Answers []comment `json:"answers"`
	To      *comment  `json:"to"`
}

// Types that write themselves, and not as their kind is written.
type (
	bySelf   string
	byText   string
	byStream string
)

func (bySelf) MarshalJSON() ([]byte, error)                { return []byte("1"), nil }
func (byText) MarshalText() ([]byte, error)                { return []byte(`"`), nil }
func (byStream) MarshalJSONTo(out *jsontext.Encoder) error { return out.WriteToken(jsontext.True) }

// fill sets everything below v that can be set, now and then to what is hard to write.
func fill(v reflect.Value, r *rand.Rand) {
	switch v := v.Addr().Interface().(type) {
	case *time.Time:
		*v = time.Unix(r.Int64N(4e9), r.Int64N(2)*r.Int64N(1e9)).UTC()
		return
	case *rest.Date:
		*v = rest.Date(time.Unix(r.Int64N(4e9), 0).UTC())
		return
	case *rest.Rate:
		*v = rest.Rate(float64(r.IntN(10_001)) / 10_000)
		return
	case *jsontext.Value:
		*v = []jsontext.Value{nil, jsontext.Value("null"), jsontext.Value(`{"a": [1, "<é\u0001"]}`), jsontext.Value("{")}[r.IntN(4)]
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{"", "Oak table", "<&>'\"\\/\n\t\x00\x1f\x7f", "é 世界 😀 \u2028\ufeff", "broken \xff utf-8", strings.Repeat("long ", 99)}[r.IntN(6)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.Int32, reflect.Int64:
		v.SetInt([]int64{0, -1, 1<<31 - 1, -1 << 31, r.Int64()}[r.IntN(5)])
	case reflect.Uint8:
		v.SetUint(r.Uint64N(256))
	case reflect.Pointer:
		if r.IntN(3) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), r)
		}
	case reflect.Slice:
		if n := []int{-1, 0, 0, 0, 1, 2}[r.IntN(6)]; n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), r)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), r)
			}
		}
	}
}

// Text that is not UTF-8, and a time that RFC 3339 has no words for, are refused wherever they stand.
func TestEncodingRefuses(t *testing.T) {
	t.Parallel()
	broken, never := "\xff", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, v := range []any{
		&broken, &never, &[]string{broken}, &Item{Name: broken}, &[]Item{{}, {CreatedAt: never}}, &struct {
			V **time.Time `json:"v"`
		}{new(&never)},
	} {
		if text, err := rest.AppendJSON(nil, v); err == nil {
			t.Errorf("%T: got %s", v, text)
		}
	}
	if text, err := rest.AppendJSON(nil, new(ids.ItemID)); err != nil || string(text) != `"item-00000000-0000-0000-0000-000000000000"` {
		t.Errorf("got %s, %v", text, err)
	}
}
