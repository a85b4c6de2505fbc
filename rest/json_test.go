package rest_test

import (
	"context"

	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

// A house is an item that stands somewhere.
type house struct {
	ID      ids.ItemID              `json:"id"`
	Address rest.JSON[houseAddress] `json:"address"`
	Owner   rest.JSON[*houseOwner]  `json:"owner" doc:"Who has it."`
	State   *string                 `json:"state" validate:"oneof=open shut"`
}

func (h *house) Resource() (name, path string, version int64) {
	return "house", "/houses/" + h.ID.String(), 0
}

type houseAddress struct {
	Street string     `json:"street" validate:"min=1,max=20" example:"High Street 1"`
	Notes  *string    `json:"notes,omitzero" validate:"max=30" text:"long"`
	Floors int32      `json:"floors" validate:"min=1,max=200" default:"1"`
	Built  *rest.Date `json:"built,omitzero"`
	Kind   *string    `json:"kind,omitzero" validate:"oneof=farm tower"`
}

type houseOwner struct {
	Name string `json:"name" validate:"max=10" example:"Ada"`
}

type houseCreateInput struct {
	Address houseAddress              `json:"address"`
	Owner   rest.Nullable[houseOwner] `json:"owner"`
}

func houseCreate(_ context.Context, _ *db.Queries, _ rest.Caller, in houseCreateInput) (house, error) {
	return house{Address: rest.JSONOf(&in.Address), Owner: rest.JSONOf(in.Owner.Value)}, nil
}

func houseImport(context.Context, *db.Queries, rest.Caller, []houseCreateInput) error { return nil }

var houses = rest.API{Routes: []rest.Route{
	{Pattern: "POST /houses", Status: 201, Title: "House built", Endpoint: rest.Need("items:write", houseCreate)},
	{Pattern: "POST /houses/import", Status: 200, Title: "Houses imported", Endpoint: rest.Upload("items:write", houseImport)},
}}

// An object in a body is read by the rules of its own fields, and what is wrong is said of each, where it stands.
func TestObjects(t *testing.T) {
	t.Parallel()
	url, token := serve(t, &houses)
	const required = `{"field":"address.street","code":"required","detail":"Must be given."}`
	for body, want := range map[string]string{
		`{"address":{"street":" A ","notes":"a\nb","built":"1900-01-31"}}`: `"address":{"street":"A","notes":"a\nb","floors":1,"built":"1900-01-31"},"owner":null,"state":null}`,
		`{"address":{"street":"A"},"owner":null}`:                          `"owner":null,"state":null}`,
		`{"address":{"street":"A"},"owner":{"name":"Ada"}}`:                `"owner":{"name":"Ada"},"state":null}`,
		`{}`:               `"fields":[{"field":"address","code":"required"`,
		`{"address":null}`: `{"field":"address","code":"not_null"`,
		`{"address":[]}`:   `{"field":"address","code":"type","detail":"Must be an object."}`,
		`{"address":"A"}`:  `{"field":"address","code":"type","detail":"Must be an object."}`,
		`{"address":{}}`:   `"fields":[` + required + `]`,
		`{"address":{"floors":0,"kind":"hut","town":1},"owner":{"name":"a\u0000"}}`:           `"fields":[` + required + `,{"field":"address.floors","code":"min","detail":"At least 1."},{"field":"address.kind","code":"one_of","detail":"One of: farm, tower."},{"field":"address.town","code":"unknown_field","detail":"There is no such field here."},{"field":"owner.name","code":"control_character"`,
		`{"address":{"street":"A","street":"B"}}`:                                             `"code":"malformed_json"`,
		`{"address":{"street":"A","Floors":2}}`:                                               `{"field":"address","code":"malformed_json","detail":"Write the key floors exactly so, in lower case."}`,
		`{"address":{"street":"A","built":null}}`:                                             `{"field":"address.built","code":"not_null"`,
		`{"address":{"street":{"street":"A"}}}`:                                               `{"field":"address.street","code":"type","detail":"Must be a string."}`,
		`{"address":{"street":"` + strings.Repeat("A", 5<<10) + `","notes":"a","notes":"b"}}`: `{"field":"address","code":"malformed_json","detail":"A key stands twice in the same object."}`,
	} {
		if got := ask(t, url, token, http.MethodPost, "/houses", "application/json", body); !strings.Contains(got, want) {
			t.Errorf("%.200s: got %s, want %s in it", body, got, want)
		}
	}
	for _, c := range []struct{ media, body, want string }{
		{rest.NDJSON, `{"address":{}}` + "\n" + `{"address":{"street":"A"},"owner":{}}`, `"fields":[{"field":"lines.1.address.street","code":"required","detail":"Must be given."},{"field":"lines.2.owner.name"`},
		{rest.CSV, "address,owner\n" + `"{""street"":""A""}",` + "\n{},{}\n", `"fields":[{"field":"lines.3.address.street","code":"required","detail":"Must be given."},{"field":"lines.3.owner.name"`},
		{rest.CSV, "address\nA\n", `{"field":"lines.2.address","code":"malformed_json"`},
		{rest.CSV, "address,owner\n" + `"{""street"":""A""}","{""name"":""Ada""}"`, `"imported":1`},
	} {
		if got := ask(t, url, token, http.MethodPost, "/houses/import", c.media, c.body); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s in it", c.body, got, c.want)
		}
	}
}

// The unknown fields of an object count among those that are not told one by one.
func TestManyUnknownFieldsOfAnObject(t *testing.T) {
	t.Parallel()
	url, token := serve(t, &houses)
	var body strings.Builder
	for i := range 130 {
		body.WriteString(`,"x` + string(rune('a'+i/26)) + string(rune('a'+i%26)) + `":1`)
	}
	text := ask(t, url, token, http.MethodPost, "/houses", "application/json", `{"address":{"street":"A"`+body.String()+`}}`)
	if got := strings.Count(text, `"unknown_field"`); got != 100 || !strings.Contains(text, "30 more") {
		t.Errorf("%d unknown fields are told: %.300s", got, text)
	}
}

// An object has one schema, whether it is sent or shown.
func TestObjectSchemas(t *testing.T) {
	t.Parallel()
	text, err := houses.OpenAPI("https://example.com")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(text, &document, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"HouseAddress":     `{"additionalProperties":false,"properties":{"built":{"examples":["2026-01-31"],"format":"date","type":"string"},"floors":{"default":1,"format":"int32","maximum":200,"minimum":1,"type":"integer"},"kind":{"enum":["farm","tower"],"type":"string"},"notes":{"maxLength":30,"type":"string"},"street":{"examples":["High Street 1"],"maxLength":20,"minLength":1,"type":"string"}},"required":["street"],"type":"object"}`,
		"House":            `"address":{"$ref":"#/components/schemas/HouseAddress"}`,
		"HouseCreateInput": `"owner":{"anyOf":[{"type":"null"},{"$ref":"#/components/schemas/HouseOwner"}]}`,
	} {
		got, err := json.Marshal(document.Components.Schemas[name], json.Deterministic(true))
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: got %s %v\nwant %s", name, got, err, want)
		}
	}
	if got, _ := json.Marshal(document.Components.Schemas["House"], json.Deterministic(true)); !strings.Contains(string(got), `"enum":["open","shut",null]`) {
		t.Errorf("null is none of the words that a state may be: %s", got)
	}
	for name := range document.Components.Schemas {
		if strings.HasPrefix(name, "JSON") {
			t.Errorf("%s is a schema, and nothing refers to it", name)
		}
	}
	if got, _ := json.Marshal(document.Components.Schemas["House"], json.Deterministic(true)); !strings.Contains(string(got), `"owner":{"anyOf":[{"type":"null"},{"$ref":"#/components/schemas/HouseOwner"}],"description":"Who has it."}`) || !strings.Contains(string(got), `"required":["id","address","owner","state"]`) {
		t.Errorf("House: got %s", got)
	}
}

// What is stored comes back as a value, and NULL as none.
func TestJSONValues(t *testing.T) {
	t.Parallel()
	stored := rest.JSON[*houseOwner](rest.JSONOf(&houseOwner{"Ada"}))
	if got, err := stored.Value(); err != nil || got == nil || (*got).Name != "Ada" {
		t.Errorf("got %v %v", got, err)
	}
	var read rest.JSON[*houseOwner]
	if err := json.Unmarshal([]byte(`{"name":"Ada"}`), &read); err != nil || read.String() != stored.String() {
		t.Errorf("read: got %s %v, want %s", read, err, stored)
	}
	if err := json.Unmarshal([]byte(`null`), &read); err != nil || read != nil {
		t.Errorf("null: got %s %v", read, err)
	}
	if got, err := rest.JSON[*houseOwner](nil).Value(); err != nil || got != nil {
		t.Errorf("of NULL: got %v %v", got, err)
	}
	if _, err := (rest.JSON[houseOwner]("[]")).Value(); err == nil {
		t.Error("a list is an owner")
	}
}
