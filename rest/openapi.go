package rest

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/swaggest/jsonschema-go"
	"github.com/swaggest/openapi-go/openapi31"

	"rowhouse/ids"
	"rowhouse/tenancy"
)

// These stand in for what only a running server makes.
const (
	exampleUUID      = "0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f"
	exampleTime      = "2026-01-31T09:30:00Z"
	exampleETag      = `"3.9f86d081884c7d65"`
	exampleRequestID = "4zgq5j7uxk2v6ycm3o3wtd6fba"
)

// OpenAPI is the API's description, of the route table and of the types that its handlers use.
func (a *API) OpenAPI(publicURL string) ([]byte, error) {
	d := &document{api: a, schemas: map[string]map[string]any{}, codes: map[string]bool{
		errRouteNotFound.Code: true, errMethod.Code: true, errOrigin.Code: true, errHungUp.Code: true, // of no operation
	}}
	d.reflector.DefaultOptions = append(d.reflector.DefaultOptions,
		jsonschema.RootRef,
		jsonschema.DefinitionsPrefix("#/components/schemas/"),
		jsonschema.InterceptDefName(func(t reflect.Type, _ string) string { return schemaName(t) }),
		jsonschema.InterceptSchema(valueSchema),
		jsonschema.InterceptProp(d.propertySchema),
		jsonschema.InterceptNullability(nullability),
		func(rc *jsonschema.ReflectContext) { rc.EnvelopNullability = true },
		jsonschema.CollectDefinitions(func(name string, s jsonschema.Schema) {
			if t := s.ReflectType; t == nil || !t.Implements(reflect.TypeFor[object]()) { // which has that of what it is of
				d.schemas[name] = d.plain(s)
			}
		}),
	)
	paths := map[string]openapi31.PathItem{}
	var tags []openapi31.Tag
	place := func(method, path, tag string, op *openapi31.Operation, servers ...openapi31.Server) {
		op.Tags = []string{tag}
		if !slices.ContainsFunc(tags, func(t openapi31.Tag) bool { return t.Name == tag }) {
			tags = append(tags, openapi31.Tag{Name: tag, Description: new(cmp.Or(a.Tags[tag], tenancy.Meaning(strings.ReplaceAll(tag, "-", "_"))))})
		}
		item := paths[path]
		item.Servers = servers
		*map[string]**openapi31.Operation{"GET": &item.Get, "POST": &item.Post, "PATCH": &item.Patch, "DELETE": &item.Delete}[method] = op
		paths[path] = item
	}
	// Before the operations, whose examples are made of them.
	d.words("Permission", "A permission, with any reach; or followed by :own, for one's own rows alone.", Grantable)
	var events []string
	for _, e := range a.Events() {
		events = append(events, e.Name)
	}
	d.words("EventName", "An operation that endpoints are told of.", events)
	for i := range a.Routes {
		method, path, _ := strings.Cut(a.Routes[i].Pattern, " ")
		var segments []string
		for _, segment := range strings.Split(path, "/")[1:] {
			if name, ok := strings.CutPrefix(segment, ":"); ok {
				segment = "{" + name + "}"
			}
			segments = append(segments, segment)
		}
		place(method, "/"+strings.Join(segments, "/"), segments[0], d.operation(&a.Routes[i]))
	}
	for path, op := range d.rootOperations() {
		place(http.MethodGet, path, "server", op, openapi31.Server{URL: publicURL + "/"})
	}
	for _, hook := range a.Hooks { // which its service calls, and no client
		d.refuse(hook.Refuses)
	}
	d.schemas["ErrorAnswer"] = d.refusalSchema(slices.Sorted(maps.Keys(d.codes)))
	spec := openapi31.Spec{
		Openapi: "3.1.0",
		Info: openapi31.Info{
			Title: "rowhouse", Version: "1", Description: new(a.About),
			License: &openapi31.License{Name: "Apache License 2.0", Identifier: new("Apache-2.0")},
		},
		Servers: []openapi31.Server{{URL: publicURL + Base}},
		Tags:    tags,
		Paths:   &openapi31.Paths{MapOfPathItemValues: paths},
		Components: &openapi31.Components{
			Schemas: d.schemas, Responses: map[string]openapi31.ResponseOrReference{"Refusal": {Response: d.refusal()}},
			Parameters: parameters, Headers: answerHeaders, SecuritySchemes: a.securitySchemes(),
		},
	}
	if d.err != nil {
		return nil, d.err
	}
	text, err := spec.MarshalJSON()
	if err != nil {
		return nil, err
	}
	err = (*jsontext.Value)(&text).Format(jsontext.WithIndent("  "))
	return text, err
}

// document is a description in the making. Its parts are made without errors; the first is kept.
type document struct {
	api       *API
	reflector jsonschema.Reflector
	schemas   map[string]map[string]any
	codes     map[string]bool // of all refusals
	err       error
}

func (d *document) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// The ways to be known, by scope.
var (
	securityByKey = []map[string][]string{{"accessToken": {}}, {"keyHeader": {}}}
	security      = map[Scope][]map[string][]string{
		AccountScope:  {{"accessToken": {}}},
		PlatformScope: {{"accessToken": {}}},
		TenantScope:   {{"accessToken": {}}, {"keyHeader": {}}},
	}
)

func (a *API) securitySchemes() map[string]openapi31.SecuritySchemeOrReference {
	return map[string]openapi31.SecuritySchemeOrReference{
		"accessToken": {SecurityScheme: &openapi31.SecurityScheme{
			Description: new(strings.TrimSpace("An access token of the account. " + a.Hints[errNoCredential.Code])),
			HTTPBearer:  &openapi31.SecuritySchemeHTTPBearer{Scheme: "bearer", BearerFormat: new("JWT")},
		}},
		"keyHeader": {SecurityScheme: &openapi31.SecurityScheme{
			Description: new("A key of one user of one tenant; sent alone."),
			APIKey:      &openapi31.SecuritySchemeAPIKey{Name: "X-API-Key", In: openapi31.SecuritySchemeAPIKeyInHeader},
		}},
	}
}

// The headers that many operations share.
var (
	parameters = map[string]openapi31.ParameterOrReference{
		"TenantId": {Parameter: &openapi31.Parameter{
			Name: "X-Tenant-Id", In: openapi31.ParameterInHeader, Schema: ref("TenantID"),
			Description: new("The tenant of the request. Required with an access token that is not bound to a tenant (header-selected mode), refused with one that is, and with an API key (derived mode)."),
		}},
		"IdempotencyKey": headerParameter("Idempotency-Key", "The same request with the same key within 24 hours is done once, and answered alike.", "b7d0c3f2-order-1", maxKey),
		"IfMatch":        headerParameter("If-Match", "Changes the row only in this version: an ETag of it, or *.", exampleETag, 0),
		"IfNoneMatch":    headerParameter("If-None-Match", "Answers 304 when the row is still as this ETag says.", exampleETag, 0),
	}
	answerHeaders = map[string]openapi31.HeaderOrReference{
		"X-Request-Id":        answerHeader("Names the request in the log: what was sent as X-Request-Id, or else a new name.", exampleRequestID),
		"ETag":                answerHeader("The row's version and the hash of its text; for If-Match and If-None-Match.", exampleETag),
		"Location":            answerHeader("Where the new row is.", Base+"/items/item-"+exampleUUID),
		"Link":                answerHeader("The next page, when there is one.", `<`+Base+`/items?cursor=eyJ0Ijoi>; rel="next"`),
		"Idempotent-Replayed": answerHeader("The answer is that of an earlier request with the same Idempotency-Key.", "true"),
		"Content-Disposition": answerHeader("The name to save the file under.", `attachment; filename="items.csv"`),
		"WWW-Authenticate":    answerHeader("How to be known.", errNoCredential.header.Get("WWW-Authenticate")),
		"RateLimit-Limit":     answerHeader("How many are allowed in a window of time.", 10),
		"RateLimit-Remaining": answerHeader("How many are left in this one.", 0),
		"RateLimit-Reset":     answerHeader("Seconds until the window ends.", 60),
		"Retry-After":         answerHeader("Seconds to wait before the next attempt.", 1),
	}
)

// headerParameter has its example in the schema: the page at /docs would send one of the parameter with every request.
func headerParameter(name, text, example string, maxLength int) openapi31.ParameterOrReference {
	schema := map[string]any{"type": "string", "examples": []any{example}}
	if maxLength > 0 {
		schema["maxLength"] = maxLength
	}
	return openapi31.ParameterOrReference{Parameter: &openapi31.Parameter{
		Name: name, In: openapi31.ParameterInHeader, Description: &text, Schema: schema,
	}}
}

// answerHeader is a text, or a number where its example is one.
func answerHeader(text string, example any) openapi31.HeaderOrReference {
	kind := "string"
	if _, number := example.(int); number {
		kind = "integer"
	}
	return openapi31.HeaderOrReference{Header: &openapi31.Header{Description: &text, Schema: map[string]any{"type": kind}, Example: &example}}
}

// headersOf are the named headers of an answer, and the one of every answer.
func headersOf(names ...string) map[string]openapi31.HeaderOrReference {
	headers := map[string]openapi31.HeaderOrReference{}
	for _, name := range append(names, "X-Request-Id") {
		headers[name] = openapi31.HeaderOrReference{Reference: &openapi31.Reference{Ref: "#/components/headers/" + name}}
	}
	return headers
}

// operation describes one row of the table.
func (d *document) operation(r *Route) *openapi31.Operation {
	method, _, _ := strings.Cut(r.Pattern, " ")
	access := map[Scope]string{
		PublicScope:   "Public: asks for no credential.",
		AccountScope:  "Asks for an access token; X-Tenant-Id is ignored.",
		PlatformScope: "Asks for an access token of a superuser; X-Tenant-Id is ignored.",
		TenantScope:   "Asks for the permission `" + string(r.Permission) + "`.",
	}
	op := &openapi31.Operation{
		ID: &r.Name, Summary: new(d.api.summary(r.Name)), Description: new(access[r.Scope] + d.refuse(d.api.refusals(r))), Security: security[r.Scope],
	}
	switch {
	case r.ByKey:
		op.Security = securityByKey
	case r.Welcomes:
		op.Security = []map[string][]string{{}, {"accessToken": {}}}
	case r.Scope == PublicScope:
		op.MapOfAnything = noSecurity
	}
	shared := func(when bool, name string) {
		if when {
			op.Parameters = append(op.Parameters, openapi31.ParameterOrReference{Reference: &openapi31.Reference{Ref: "#/components/parameters/" + name}})
		}
	}
	shared(r.Scope == TenantScope, "TenantId")
	for _, f := range FieldsOf(r.Input) {
		switch {
		case f.Source == "json", f.Name == "User-Agent": // which every client sends unasked
		case f.Type == reflect.TypeFor[Versions]():
			shared(true, "IfMatch")
		default:
			op.Parameters = append(op.Parameters, d.parameter(&f))
		}
	}
	single := method == http.MethodGet && (reflect.PointerTo(r.Output).Implements(reflect.TypeFor[Resource]()) && r.Produces == nil || r.isDocument())
	shared(single, "IfNoneMatch")
	shared(r.Idempotent(), "IdempotencyKey")
	if content := d.requestContent(r); content != nil {
		required := method != http.MethodPost || r.Accepts != nil || slices.ContainsFunc(FieldsOf(r.Input), func(f Field) bool { return f.Source == "json" && f.Required })
		op.RequestBody = &openapi31.RequestBodyOrReference{RequestBody: &openapi31.RequestBody{Required: &required, Content: content}}
	}

	answers := map[string]openapi31.ResponseOrReference{strconv.Itoa(r.Status): {Response: d.success(r)}, "default": otherwise}
	if single {
		answers["304"] = openapi31.ResponseOrReference{Response: &openapi31.Response{
			Description: "Not modified: the row is still as If-None-Match says.", Headers: headersOf("ETag"),
		}}
	}
	op.Responses = &openapi31.Responses{MapOfResponseOrReferenceValues: answers}
	return op
}

// noSecurity says that an operation is public. The library leaves out an empty list, which would say nothing.
var noSecurity = map[string]any{"security": []any{}}

func (d *document) parameter(f *Field) openapi31.ParameterOrReference {
	schema := d.field(f)
	p := &openapi31.Parameter{Name: f.Name, In: openapi31.ParameterIn(f.Source), Schema: schema}
	if text, ok := schema["description"].(string); ok {
		p.Description = &text
		delete(schema, "description")
	}
	if f.Required {
		p.Required = new(true)
	}
	return openapi31.ParameterOrReference{Parameter: p}
}

// requestContent is what a body may be; nil for an operation without one.
func (d *document) requestContent(r *Route) map[string]openapi31.MediaType {
	if r.Line == nil && r.Accepts != nil {
		return files(r.Accepts)
	}
	if r.Line == nil {
		schema := d.input(r.Input)
		if schema == nil {
			return nil
		}
		body := d.sample(schema)
		for _, f := range FieldsOf(r.Input) {
			if f.Example == leftOut {
				delete(body.(map[string]any), f.Name)
			}
		}
		return map[string]openapi31.MediaType{"application/json": {Schema: schema, Example: &body}}
	}
	var columns []string
	for _, f := range FieldsOf(r.Line) {
		columns = append(columns, f.Name)
	}
	return d.lines(d.input(r.Line), columns, r.Accepts)
}

// lines is a stream of one thing a line, as NDJSON or CSV.
func (d *document) lines(line map[string]any, columns, media []string) map[string]openapi31.MediaType {
	content := map[string]openapi31.MediaType{}
	value := d.sample(line)
	for _, m := range media {
		schema := map[string]any{"type": "string", "format": "binary", "contentMediaType": m, "contentSchema": line, "description": "A JSON object a line."}
		var text strings.Builder
		if m == CSV {
			schema["description"] = "RFC 4180, with a header line of the fields' names."
			out := csv.NewWriter(&text)
			var cells []string
			for _, column := range columns {
				cell := value.(map[string]any)[column]
				if inner, ok := cell.(map[string]any); ok {
					text, err := json.Marshal(inner, json.Deterministic(true))
					if err != nil {
						d.fail(err)
					}
					cell = string(text)
				}
				cells = append(cells, fmt.Sprint(cell))
			}
			_ = out.WriteAll([][]string{columns, cells}) // a strings.Builder takes everything
		} else if err := json.MarshalWrite(&text, value, json.Deterministic(true)); err != nil {
			d.fail(err)
		} else {
			text.WriteByte('\n')
		}
		content[m] = openapi31.MediaType{Schema: schema, Example: new(any(text.String()))}
	}
	return content
}

// files are bytes that are no text.
func files(media []string) map[string]openapi31.MediaType {
	content := map[string]openapi31.MediaType{}
	for _, m := range media {
		content[m] = openapi31.MediaType{Schema: map[string]any{"type": "string", "format": "binary", "contentMediaType": m}}
	}
	return content
}

// success describes what render and the streams write.
func (d *document) success(r *Route) *openapi31.Response {
	var names []string
	if r.Status == http.StatusCreated {
		names = append(names, "Location")
	}
	if r.Idempotent() {
		names = append(names, "Idempotent-Replayed")
	}
	if r.isDocument() {
		text := openapi31.MediaType{Schema: map[string]any{"type": "string"}}
		return &openapi31.Response{Description: r.Title, Headers: headersOf("ETag"), Content: map[string]openapi31.MediaType{r.Produces[0]: text}}
	}
	if r.Output == reflect.TypeFor[File]() {
		return &openapi31.Response{Description: r.Title, Headers: headersOf("Content-Disposition"), Content: files(r.Produces)}
	}
	if r.Produces != nil {
		var columns []string
		for _, f := range reflect.VisibleFields(r.Output) {
			if name, ok := f.Tag.Lookup("json"); ok {
				columns = append(columns, name)
			}
		}
		content := d.lines(d.reflect(r.Output), columns, r.Produces)
		return &openapi31.Response{Description: r.Title, Headers: headersOf("Content-Disposition"), Content: content}
	}
	properties := map[string]any{
		"success": map[string]any{"type": "boolean", "const": true},
		"title":   map[string]any{"type": "string", "description": "For people; it may be worded otherwise one day.", "examples": []any{r.Title}},
	}
	envelope := ""
	switch out := reflect.New(r.Output).Interface().(type) {
	case pageAnswer:
		envelope = schemaName(r.Row()) + "List"
		properties["content"] = map[string]any{"type": "array", "items": d.reflect(r.Row())}
		properties["page"] = d.reflect(reflect.TypeFor[PageInfo]())
		names = append(names, "Link")
	case Resource:
		name, _, _ := out.Resource()
		envelope = schemaName(r.Output) + "Answer"
		properties["content"] = objectOf(map[string]any{name: d.reflect(r.Output)})
		names = append(names, "ETag")
	case *Done:
		envelope = "EmptyAnswer"
		properties["content"] = map[string]any{"type": "object", "additionalProperties": false}
	default:
		envelope = strings.TrimSuffix(schemaName(r.Output), "Output") + "Answer"
		properties["content"] = d.reflect(r.Output)
	}
	if d.schemas[envelope] == nil {
		d.schemas[envelope] = objectOf(properties)
	}
	example := d.sample(d.schemas[envelope])
	example.(map[string]any)["title"] = r.Title
	return &openapi31.Response{Description: r.Title, Headers: headersOf(names...), Content: map[string]openapi31.MediaType{
		"application/json": {Schema: ref(envelope), Example: &example},
	}}
}

// otherwise is the answer of all that is not success.
var otherwise = openapi31.ResponseOrReference{Reference: &openapi31.Reference{Ref: "#/components/responses/Refusal"}}

// refusal describes what every operation answers when it refuses, and with which headers it may.
func (d *document) refusal() *openapi31.Response {
	headers := headersOf("WWW-Authenticate", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "ETag")
	return &openapi31.Response{Description: "Refused; the content says why.", Headers: headers, Content: map[string]openapi31.MediaType{
		"application/json": {Schema: ref("ErrorAnswer"), Example: new(any(jsontext.Value(refusal(ErrNotFound, exampleRequestID).Body)))},
	}}
}

// refuse says with which codes an operation refuses, in the order of their statuses, as a paragraph of its description.
func (d *document) refuse(refusals []*Error) string {
	codes := map[int][]string{}
	for _, e := range refusals {
		d.codes[e.Code] = true
		if code := "`" + e.Code + "`"; !slices.Contains(codes[e.Status], code) {
			codes[e.Status] = append(codes[e.Status], code)
		}
	}
	text := "\n\nRefusals:"
	for _, status := range slices.Sorted(maps.Keys(codes)) {
		text += "\n- " + strconv.Itoa(status) + " " + strings.Join(codes[status], ", ")
	}
	return text
}

func (r *Route) isDocument() bool {
	return reflect.PointerTo(r.Output).Implements(reflect.TypeFor[Document]())
}

// summary says what an operation does, from the name of its handler: Create an item, for itemCreate.
func (a *API) summary(handler string) string {
	if text, ok := a.Summaries[handler]; ok {
		return text
	}
	words := strings.Fields(capitals.ReplaceAllString(handler, " $0"))
	verb := words[len(words)-1]
	object := strings.ReplaceAll(strings.ToLower(strings.Join(words[:len(words)-1], " ")), "api", "API")
	switch verb {
	case "List", "Import", "Export":
		return verb + " " + object + "s"
	}
	article := "a "
	if strings.ContainsRune("aeiouA", rune(object[0])) && object != "user" {
		article = "an "
	}
	return verb + " " + article + object
}

var capitals = regexp.MustCompile(`[A-Z]`)

// refusals lists what may be answered instead of success. Each is the very value that the code gives, made by asking it
// something wrong.
func (a *API) refusals(r *Route) []*Error {
	var list []*Error
	add := func(when bool, errs ...error) {
		for _, err := range errs {
			if when && err == nil {
				panic(r.Pattern + ": what was asked wrongly was not refused")
			}
			if when {
				list = append(list, a.Refuse(err, false))
			}
		}
	}
	method, path, _ := strings.Cut(r.Pattern, " ")
	fields := FieldsOf(r.Input)
	reads := method == http.MethodGet
	known, tenant := r.Scope != PublicScope, r.Scope == TenantScope
	account := r.Scope == AccountScope || r.Scope == PlatformScope
	isList := reflect.PointerTo(r.Input).Implements(reflect.TypeFor[interface{ list() *List }]())
	conditional := r.Conditional()
	asked := func(header http.Header) *exchange {
		return &exchange{server: &Server{api: a}, route: r, param: wrongParam, request: &http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: header}}
	}
	query := func(raw string) error {
		_, err := readQuery(&url.URL{RawQuery: raw}, fields)
		return err
	}

	add(known || r.Welcomes, asked(http.Header{"Authorization": {"Bearer a"}, "X-Api-Key": {"b"}}).identify())
	if tenant {
		for _, header := range [][]string{nil, {"a", "b"}, {"a"}} {
			add(true, asked(http.Header{"X-Tenant-Id": header}).chooseTenant(ids.TenantID{}))
		}
		add(true, asked(http.Header{"X-Tenant-Id": {"a"}}).chooseTenant(ids.New[ids.TenantID]()))
	}
	if method == http.MethodPost {
		x := asked(http.Header{"Idempotency-Key": {""}})
		x.request.Method = method
		add(true, x.readKey())
	}
	if !reads {
		_, err := readObject([]byte("{"), nil)
		add(r.Accepts == nil, err)
		add(true, bodyError(errors.New("broken off")))
	}
	add(true, query("%"), query("surplus=1"))
	if i := slices.IndexFunc(fields, func(f Field) bool { return f.Source == "query" }); i >= 0 {
		add(true, query(fields[i].Name+"=1&"+fields[i].Name+"=2"))
	}
	for _, q := range []url.Values{{"page": {"1"}, "cursor": {"a"}}, {"cursor": {"!"}}} {
		add(isList, (&List{}).open(asked(nil), q))
	}
	add(conditional, decode(asked(http.Header{"If-Match": {"a"}}), reflect.New(r.Input).Interface()))
	add(known || r.Welcomes, errNoCredential, ErrCredential)
	add((known || r.Welcomes) && a.Identify != nil, errUnlinked, errIssuer)
	add(tenant, ErrTenant, ErrUnproven, refused["RHPER"])
	add(r.Scope == PlatformScope, refused["RHSUP"])
	add(r.Welcomes || account && !r.ByKey, errTokenRequired)
	add(r.Welcomes || account && r.Operation() != tenancy.VisitEnd, refused["RHVIS"])
	add(true, tooMany("1000", "60"))
	add(tenant, quotaExceeded("requests_per_day 100000 3600"))
	add(tenant && !reads, quotaExceeded("items 100"))
	add(conditional && tenant, errForbiddenRow)
	add(strings.Contains(path, ":"), ErrNotFound)
	add(r.Idempotent(), errInFlight)
	add(true, errLocked)
	add(method == http.MethodDelete && tenant, errInUse)
	add(conditional, errStale.with("ETag", exampleETag))
	if !reads {
		accepts := r.Accepts
		if accepts == nil {
			accepts = []string{"application/json"}
		}
		limit := largestBody(fields)
		if r.Accepts != nil {
			limit = 64 << 20
		}
		add(true, bodyError(&http.MaxBytesError{Limit: limit}), checkContentType(&http.Request{}, accepts...))
	}
	if wrong := a.wrongValues(r, method); wrong != nil {
		add(true, wrong)
	}
	add(r.Idempotent(), errKeyReused)
	add(tenant && slices.ContainsFunc(fields, refers), ErrReference)
	list = append(append(list, r.collisions()...), r.Refuses...)
	add(true, errInternal, errUnavailable)
	add(!reads, tenancy.ErrLost)
	for i, e := range list {
		list[i] = a.told(e)
	}
	return list
}

func wrongParam(string) string { return "!" }

// wrongValues is what the decoder says to values that are not acceptable; nil where it takes any.
func (a *API) wrongValues(r *Route, method string) error {
	const body = `{"surplus":1}`
	if r.Line != nil {
		wrong := (&members{unknown: []string{"surplus"}}).decode(FieldsOf(r.Line), reflect.New(r.Line).Elem(), nil)
		for i := range wrong {
			wrong[i].Field = "lines.1." + wrong[i].Field
		}
		return Invalid(wrong...)
	}
	query := url.Values{}
	for _, f := range FieldsOf(r.Input) {
		if f.Source == "query" && (f.Rules != "" || f.Type.Kind() != reflect.String) {
			query.Set(f.Name, "!")
		}
	}
	return decode(&exchange{
		server: &Server{api: a}, route: r, param: wrongParam,
		request: &http.Request{
			Method: method, URL: &url.URL{RawQuery: query.Encode()}, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		},
	}, reflect.New(r.Input).Interface())
}

// refers says that a field of a body names another row.
func refers(f Field) bool {
	_, id := reflect.Zero(f.Type).Interface().(identifier)
	return id && f.Source == "json"
}

// rootOperations are the addresses outside the API that programs read.
func (d *document) rootOperations() map[string]*openapi31.Operation {
	key := map[string]any{}
	for name, value := range map[string]string{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA"} {
		key[name] = map[string]any{"type": "string", "const": value}
	}
	key["kid"] = map[string]any{"type": "string", "examples": []any{"2026-01"}}
	key["x"] = map[string]any{"type": "string", "examples": []any{"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}
	status := func(word string) map[string]any {
		return objectOf(map[string]any{"status": map[string]any{"type": "string", "const": word}})
	}
	root := func(id, summary string, schema map[string]any, refusals ...*Error) *openapi31.Operation {
		answers := map[string]openapi31.ResponseOrReference{"default": otherwise, "200": {Response: &openapi31.Response{
			Description: summary, Headers: headersOf(),
			Content: map[string]openapi31.MediaType{"application/json": {Schema: schema, Example: new(d.sample(schema))}},
		}}}
		return &openapi31.Operation{
			ID: &id, Summary: &summary, MapOfAnything: noSecurity, Description: new(strings.TrimSpace(d.refuse(append(refusals, errInternal)))),
			Responses: &openapi31.Responses{MapOfResponseOrReferenceValues: answers},
		}
	}
	return map[string]*openapi31.Operation{
		"/healthz":               root("healthz", "Say that the process answers", status("ok")),
		"/readyz":                root("readyz", "Say whether the server can serve", status("ready"), d.api.unready()...),
		"/.well-known/jwks.json": root("jwks", "Get the public keys of the access tokens", objectOf(map[string]any{"keys": map[string]any{"type": "array", "items": objectOf(key)}})),
	}
}

// unready is what readyz answers while the server is not.
func (a *API) unready() []*Error {
	s := &Server{api: a, log: slog.New(slog.DiscardHandler), readiness: readiness{at: time.Now(), err: errUnavailable}}
	_, away := s.readyz(nil)
	s.Drain()
	_, draining := s.readyz(nil)
	return []*Error{a.Refuse(away, false), a.Refuse(draining, false)}
}
