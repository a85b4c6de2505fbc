package handlers

import (
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

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/tenancy"
)

const about = `Many tenants live in one house, and none sees another's rows.

**Answers** have one shape, {success, title, content}, and lists a page beside the content. The content of a refusal has a code for programs, a detail for people, every bad field at once, and the request_id that leads to it in the log. HEAD is GET without a body.

**The tenant** of a request is chosen in one of two ways. An access token that is bound to a tenant (log in with tenant_id, or POST /auth/switch-tenant) and an API key are used alone. An access token that is not bound goes with X-Tenant-Id.`

// These stand in for what only a running server makes.
const (
	exampleUUID      = "0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f"
	exampleTime      = "2026-01-31T09:30:00Z"
	exampleETag      = `"3.9f86d081884c7d65"`
	exampleRequestID = "4zgq5j7uxk2v6ycm3o3wtd6fba"
)

// OpenAPI is the API's description, of the route table and of the types that its handlers use.
func OpenAPI(publicURL string) ([]byte, error) {
	d := &document{schemas: map[string]map[string]any{}, codes: map[string]bool{}}
	d.reflector.DefaultOptions = append(d.reflector.DefaultOptions,
		jsonschema.RootRef,
		jsonschema.DefinitionsPrefix("#/components/schemas/"),
		jsonschema.InterceptDefName(func(t reflect.Type, _ string) string { return schemaName(t) }),
		jsonschema.InterceptSchema(valueSchema),
		jsonschema.InterceptProp(propertySchema),
		jsonschema.InterceptNullability(nullability),
		func(rc *jsonschema.ReflectContext) { rc.EnvelopNullability = true },
		jsonschema.CollectDefinitions(func(name string, s jsonschema.Schema) { d.schemas[name] = d.plain(s) }),
	)
	paths := map[string]openapi31.PathItem{}
	var tags []openapi31.Tag
	place := func(method, path, tag string, op *openapi31.Operation, servers ...openapi31.Server) {
		op.Tags = []string{tag}
		if !slices.ContainsFunc(tags, func(t openapi31.Tag) bool { return t.Name == tag }) {
			tags = append(tags, openapi31.Tag{Name: tag, Description: new(tagged[tag])})
		}
		item := paths[path]
		item.Servers = servers
		*map[string]**openapi31.Operation{"GET": &item.Get, "POST": &item.Post, "PATCH": &item.Patch, "DELETE": &item.Delete}[method] = op
		paths[path] = item
	}
	for i := range routes {
		method, path, _ := strings.Cut(routes[i].Pattern, " ")
		var segments []string
		for _, segment := range strings.Split(path, "/")[1:] {
			if name, ok := strings.CutPrefix(segment, ":"); ok {
				segment = "{" + name + "}"
			}
			segments = append(segments, segment)
		}
		place(method, "/"+strings.Join(segments, "/"), segments[0], d.operation(&routes[i]))
	}
	_ = d.refuse([]*Error{errRouteNotFound, errMethod, errOrigin, errHungUp}) // of no operation
	for path, op := range d.rootOperations() {
		place(http.MethodGet, path, "server", op, openapi31.Server{URL: publicURL + "/"})
	}
	d.words("Permission", "A permission, with any reach; or followed by :own, for one's own rows alone.", auth.Entries())
	d.schemas["ErrorAnswer"] = d.refusalSchema(slices.Sorted(maps.Keys(d.codes)))
	spec := openapi31.Spec{
		Openapi: "3.1.0",
		Info: openapi31.Info{
			Title: "rowhouse", Version: "1", Description: new(about),
			License: &openapi31.License{Name: "Proprietary", Identifier: new("LicenseRef-Proprietary")},
		},
		Servers: []openapi31.Server{{URL: publicURL + base}},
		Tags:    tags,
		Paths:   &openapi31.Paths{MapOfPathItemValues: paths},
		Components: &openapi31.Components{
			Schemas: d.schemas, Responses: map[string]openapi31.ResponseOrReference{"Refusal": {Response: d.refusal()}},
			Parameters: parameters, Headers: answerHeaders, SecuritySchemes: securitySchemes,
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

// tagged says what the operations under the first word of a path are about.
var tagged = map[string]string{
	"api-keys":     "Credentials of programs, each of one user of one tenant.",
	"audit-events": "Who changed what, and when.",
	"auth":         "Accounts, sessions, passwords and the mails that prove an address.",
	"invitations":  "Letters that make whoever accepts one a user of the tenant.",
	"items":        "What the tenant sells: the resource to copy for one's own.",
	"me":           "The account that asks.",
	"roles":        "Permissions under a name, given to users beside their primary role.",
	"server":       "The process itself.",
	"teams":        "Groups of users.",
	"tenant":       "The tenant of the request.",
	"tenants":      "The tenants of the account.",
	"users":        "The tenant's users.",
}

// document is a description in the making. Its parts are made without errors; the first is kept.
type document struct {
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

// The ways to be known.
var (
	securitySchemes = map[string]openapi31.SecuritySchemeOrReference{
		"accessToken": {SecurityScheme: &openapi31.SecurityScheme{
			Description: new("From `POST /auth/login`."),
			HTTPBearer:  &openapi31.SecuritySchemeHTTPBearer{Scheme: "bearer", BearerFormat: new("JWT")},
		}},
		"keyHeader": {SecurityScheme: &openapi31.SecurityScheme{
			Description: new("A key of one user of one tenant; sent alone."),
			APIKey:      &openapi31.SecuritySchemeAPIKey{Name: "X-API-Key", In: openapi31.SecuritySchemeAPIKeyInHeader},
		}},
	}
	securityByKey = []map[string][]string{{"accessToken": {}}, {"keyHeader": {}}}
	security      = map[scope][]map[string][]string{
		accountScope: {{"accessToken": {}}},
		tenantScope:  {{"accessToken": {}}, {"keyHeader": {}}},
	}
)

// The headers that many operations share.
var (
	parameters = map[string]openapi31.ParameterOrReference{
		"TenantId": {Parameter: &openapi31.Parameter{
			Name: "X-Tenant-Id", In: openapi31.ParameterInHeader, Schema: ref("TenantID"),
			Description: new("The tenant of the request. Required with an access token that is not bound to a tenant (header-selected mode), refused with one that is, and with an API key (derived mode)."),
		}},
		"IdempotencyKey": headerParameter("Idempotency-Key", "The same request with the same key within 24 hours is done once, and answered alike.", "b7d0c3f2-order-1", 255),
		"IfMatch":        headerParameter("If-Match", "Changes the row only in this version: an ETag of it, or *.", exampleETag, 0),
		"IfNoneMatch":    headerParameter("If-None-Match", "Answers 304 when the row is still as this ETag says.", exampleETag, 0),
	}
	answerHeaders = map[string]openapi31.HeaderOrReference{
		"X-Request-Id":        answerHeader("Names the request in the log: what was sent as X-Request-Id, or else a new name.", exampleRequestID),
		"ETag":                answerHeader("The row's version and the hash of its text; for If-Match and If-None-Match.", exampleETag),
		"Location":            answerHeader("Where the new row is.", base+"/items/item-"+exampleUUID),
		"Link":                answerHeader("The next page, when there is one.", `<`+base+`/items?cursor=eyJ0Ijoi>; rel="next"`),
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
	access := map[scope]string{
		publicScope:  "Public: asks for no credential.",
		accountScope: "Asks for an access token; X-Tenant-Id is ignored.",
		tenantScope:  "Asks for the permission `" + string(r.permission) + "`.",
	}
	op := &openapi31.Operation{
		ID: &r.name, Summary: new(summary(r.name)), Description: new(access[r.scope] + d.refuse(refusals(r))), Security: security[r.scope],
	}
	switch {
	case r.byKey:
		op.Security = securityByKey
	case r.welcomes:
		op.Security = []map[string][]string{{}, {"accessToken": {}}}
	case r.scope == publicScope:
		op.MapOfAnything = noSecurity
	}
	shared := func(when bool, name string) {
		if when {
			op.Parameters = append(op.Parameters, openapi31.ParameterOrReference{Reference: &openapi31.Reference{Ref: "#/components/parameters/" + name}})
		}
	}
	shared(r.scope == tenantScope, "TenantId")
	for _, f := range fieldsOf(r.input) {
		switch {
		case f.source == "json", f.name == "User-Agent": // which every client sends unasked
		case f.typ == reflect.TypeFor[Versions]():
			shared(true, "IfMatch")
		default:
			op.Parameters = append(op.Parameters, d.parameter(&f))
		}
	}
	single := method == http.MethodGet && reflect.PointerTo(r.output).Implements(reflect.TypeFor[resource]()) && r.produces == nil
	shared(single, "IfNoneMatch")
	shared(r.idempotent(), "IdempotencyKey")
	if content := d.requestContent(r); content != nil {
		required := method != http.MethodPost || r.line != nil || slices.ContainsFunc(fieldsOf(r.input), func(f field) bool { return f.source == "json" && f.required })
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

func (d *document) parameter(f *field) openapi31.ParameterOrReference {
	schema := d.field(f)
	p := &openapi31.Parameter{Name: f.name, In: openapi31.ParameterIn(f.source), Schema: schema}
	if text, ok := schema["description"].(string); ok {
		p.Description = &text
		delete(schema, "description")
	}
	if f.required {
		p.Required = new(true)
	}
	return openapi31.ParameterOrReference{Parameter: p}
}

// requestContent is what a body may be; nil for an operation without one.
func (d *document) requestContent(r *Route) map[string]openapi31.MediaType {
	if r.line == nil {
		schema := d.input(r.input)
		if schema == nil {
			return nil
		}
		body := d.sample(schema)
		for _, f := range fieldsOf(r.input) {
			if f.example == leftOut {
				delete(body.(map[string]any), f.name)
			}
		}
		return map[string]openapi31.MediaType{"application/json": {Schema: schema, Example: &body}}
	}
	var columns []string
	for _, f := range fieldsOf(r.line) {
		columns = append(columns, f.name)
	}
	return d.lines(d.input(r.line), columns, r.accepts)
}

// lines is a stream of one thing a line, as NDJSON or CSV.
func (d *document) lines(line map[string]any, columns, media []string) map[string]openapi31.MediaType {
	content := map[string]openapi31.MediaType{}
	value := d.sample(line)
	for _, m := range media {
		schema := map[string]any{"type": "string", "format": "binary", "contentMediaType": m, "contentSchema": line, "description": "A JSON object a line."}
		var text strings.Builder
		if m == mediaCSV {
			schema["description"] = "RFC 4180, with a header line of the fields' names."
			out := csv.NewWriter(&text)
			var cells []string
			for _, column := range columns {
				cells = append(cells, fmt.Sprint(value.(map[string]any)[column]))
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

// success describes what render and the streams write.
func (d *document) success(r *Route) *openapi31.Response {
	var names []string
	if r.Status == http.StatusCreated {
		names = append(names, "Location")
	}
	if r.idempotent() {
		names = append(names, "Idempotent-Replayed")
	}
	if r.produces != nil {
		var columns []string
		for _, f := range reflect.VisibleFields(r.output) {
			if name, ok := f.Tag.Lookup("json"); ok {
				columns = append(columns, name)
			}
		}
		content := d.lines(d.reflect(r.output), columns, r.produces)
		return &openapi31.Response{Description: r.Title, Headers: headersOf("Content-Disposition"), Content: content}
	}
	properties := map[string]any{
		"success": map[string]any{"type": "boolean", "const": true},
		"title":   map[string]any{"type": "string", "description": "For people; it may be worded otherwise one day.", "examples": []any{r.Title}},
	}
	envelope := ""
	switch out := reflect.New(r.output).Interface().(type) {
	case pageAnswer:
		rows, _ := r.output.FieldByName("rows")
		envelope = schemaName(rows.Type.Elem()) + "List"
		properties["content"] = map[string]any{"type": "array", "items": d.reflect(rows.Type.Elem())}
		properties["page"] = d.reflect(reflect.TypeFor[pageInfo]())
		names = append(names, "Link")
	case resource:
		name, _, _ := out.resource()
		envelope = schemaName(r.output) + "Answer"
		properties["content"] = object(map[string]any{name: d.reflect(r.output)})
		names = append(names, "ETag")
	case *done:
		envelope = "EmptyAnswer"
		properties["content"] = map[string]any{"type": "object", "additionalProperties": false}
	default:
		envelope = strings.TrimSuffix(schemaName(r.output), "Output") + "Answer"
		properties["content"] = d.reflect(r.output)
	}
	if d.schemas[envelope] == nil {
		d.schemas[envelope] = object(properties)
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
		"application/json": {Schema: ref("ErrorAnswer"), Example: new(any(jsontext.Value(refusal(errNotFound, exampleRequestID).Body)))},
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

// irregular are the summaries of operations that are more than a verb and its object.
var irregular = map[string]string{
	"accountClose":          "Close the account",
	"accountGet":            "Get the account",
	"accountPasswordChange": "Change the account's password",
	"accountRegister":       "Register an account",
	"accountTenantList":     "List the account's tenants, and what it is there",
	"accountUpdate":         "Update the account",
	"apiKeyRevokeAll":       "Revoke all API keys of a user",
	"emailChange":           "Ask for a change of the login e-mail",
	"emailVerify":           "Confirm an e-mail address",
	"emailVerifyRequest":    "Ask for a mail to confirm the e-mail address",
	"invitationAccept":      "Accept an invitation",
	"passwordForgot":        "Ask for a mail to set a new password",
	"passwordReset":         "Set a new password with a token from a mail",
	"sessionLogin":          "Log in",
	"sessionLogout":         "Log out",
	"sessionLogoutAll":      "Log out everywhere",
	"sessionRefresh":        "Get the next access token",
	"sessionRevoke":         "End a session",
	"sessionSwitchTenant":   "Switch the session to a tenant",
	"tenantDelete":          "Delete the tenant",
	"tenantGet":             "Get the tenant",
	"tenantUpdate":          "Update the tenant",
	"userLeave":             "Leave the tenant",
	"userRoleAssign":        "Assign a role to a user",
	"userRoleUnassign":      "Take a role from a user",
}

// summary says what an operation does, from the name of its handler: Create an item, for itemCreate.
func summary(handler string) string {
	if text, ok := irregular[handler]; ok {
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
func refusals(r *Route) []*Error {
	var list []*Error
	add := func(when bool, errs ...error) {
		for _, err := range errs {
			if when && err == nil {
				panic(r.Pattern + ": what was asked wrongly was not refused")
			}
			if when {
				list = append(list, classify(err, false))
			}
		}
	}
	method, path, _ := strings.Cut(r.Pattern, " ")
	fields := fieldsOf(r.input)
	reads := method == http.MethodGet
	known, tenant := r.scope != publicScope, r.scope == tenantScope
	isList := reflect.PointerTo(r.input).Implements(reflect.TypeFor[interface{ list() *List }]())
	conditional := r.input.Implements(reflect.TypeFor[interface{ versions() Versions }]())
	asked := func(header http.Header) *exchange {
		return &exchange{server: &Server{}, route: r, param: wrongParam, request: &http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: header}}
	}
	query := func(raw string) error {
		_, err := readQuery(&url.URL{RawQuery: raw}, fields)
		return err
	}

	add(known || r.welcomes, asked(http.Header{"Authorization": {"Bearer a"}, "X-Api-Key": {"b"}}).identify())
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
		add(r.accepts == nil, err)
		add(true, bodyError(errors.New("broken off")))
	}
	add(true, query("%"), query("surplus=1"))
	if i := slices.IndexFunc(fields, func(f field) bool { return f.source == "query" }); i >= 0 {
		add(true, query(fields[i].name+"=1&"+fields[i].name+"=2"))
	}
	for _, q := range []url.Values{{"page": {"1"}, "cursor": {"a"}}, {"cursor": {"!"}}} {
		add(isList, (&List{}).open(asked(nil), q))
	}
	add(conditional, decode(asked(http.Header{"If-Match": {"a"}}), reflect.New(r.input).Interface()))
	add(known || r.welcomes, errNoCredential, errCredential)
	add(tenant, errTenant, errUnproven, refused["RHPER"])
	add(r.welcomes || r.scope == accountScope && !r.byKey, errTokenRequired)
	add(r.welcomes || r.scope == accountScope && r.operation() != "session.logout", refused["RHVIS"])
	add(true, tooMany("1000", "60"))
	add(conditional && tenant, errForbiddenRow)
	add(strings.Contains(path, ":"), errNotFound)
	add(r.idempotent(), errInFlight)
	add(true, errLocked)
	add(method == http.MethodDelete && tenant, errInUse)
	add(conditional, errStale.with("ETag", exampleETag))
	if !reads {
		accepts := r.accepts
		if accepts == nil {
			accepts = []string{"application/json"}
		}
		limit := largestBody(fields)
		if r.accepts != nil {
			limit = 64 << 20
		}
		add(true, bodyError(&http.MaxBytesError{Limit: limit}), checkContentType(&http.Request{}, accepts...))
	}
	if wrong := wrongValues(r, method); wrong != nil {
		add(true, wrong)
	}
	add(r.idempotent(), errKeyReused)
	add(tenant && slices.ContainsFunc(fields, refers), errReference)
	add(true, particular[r.name]...)
	add(true, errInternal, errUnavailable)
	add(!reads, tenancy.ErrLost)
	return list
}

// particular are the refusals of single handlers, which the table cannot know.
var particular = map[string][]error{
	"accountRegister":       {errRegistration, broken["accounts_email_key"], broken["accounts_username_key"], errBusy},
	"sessionLogin":          {errLogin, errTenant, errBusy},
	"sessionRefresh":        {errCredential},
	"sessionSwitchTenant":   {errTenant},
	"accountGet":            {errTenant},
	"accountPasswordChange": {errPasswordRace, errBusy},
	"accountClose":          {refused["RHADM"]},
	"passwordForgot":        {errMailFull},
	"passwordReset":         {errOneTimeToken, errBusy},
	"emailVerify":           {errOneTimeToken, broken["accounts_email_key"], errBusy},
	"emailVerifyRequest":    {errMailFull},
	"emailChange":           {errBusy},
	"tenantCreate":          {broken["tenants_slug_key"], refused["RHCLO"]},
	"tenantDelete":          {refused["RHCNF"]},
	"userCreate":            {broken["accounts_email_key"], broken["accounts_username_key"], broken["users_email_key"], broken["users_artist_id_key"], broken["users_artist_check"], refused["RHGRT"], errBusy},
	"userUpdate":            {refused["RHOWN"], refused["RHGRT"], refused["RHADM"], broken["users_email_key"], broken["users_artist_id_key"], broken["users_artist_check"]},
	"userDelete":            {refused["RHADM"]},
	"userDeactivate":        {refused["RHADM"]},
	"userReactivate":        {refused["RHGRT"], refused["RHCLO"]},
	"userLeave":             {refused["RHADM"], refused["RHUSR"]},
	"userRoleAssign":        {refused["RHGRT"], reference("user_roles_role_id_fkey")},
	"invitationCreate":      {refused["RHGRT"], refused["RHINV"], refused["RHUSR"], broken["invitations_artist_check"]},
	"invitationAccept":      {errInvitation, errUnproven, errWrongAccount, broken["accounts_email_key"], broken["accounts_username_key"], broken["users_account_id_key"], broken["users_email_key"], broken["users_artist_id_key"], refused["RHCLO"], errBusy},
	"roleCreate":            {broken["roles_name_key"], refused["RHGRT"]},
	"roleUpdate":            {broken["roles_name_key"], refused["RHGRT"]},
	"apiKeyCreate":          {refused["RHGRT"], refused["RHUSR"]},
	"apiKeyRevokeAll":       {refused["RHUSR"]},
}

func wrongParam(string) string { return "!" }

// wrongValues is what the decoder says to values that are not acceptable; nil where it takes any.
func wrongValues(r *Route, method string) error {
	const body = `{"surplus":1}`
	if r.line != nil {
		wrong := decodeMembers(members{unknown: []string{"surplus"}}, fieldsOf(r.line), reflect.New(r.line).Elem(), nil)
		for i := range wrong {
			wrong[i].Field = "lines.1." + wrong[i].Field
		}
		return invalid(wrong...)
	}
	query := url.Values{}
	for _, f := range fieldsOf(r.input) {
		if f.source == "query" && (f.rules != "" || f.typ.Kind() != reflect.String) {
			query.Set(f.name, "!")
		}
	}
	return decode(&exchange{
		server: &Server{}, route: r, param: wrongParam,
		request: &http.Request{
			Method: method, URL: &url.URL{RawQuery: query.Encode()}, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		},
	}, reflect.New(r.input).Interface())
}

// refers says that a field of a body names another row.
func refers(f field) bool {
	_, id := reflect.Zero(f.typ).Interface().(identifier)
	return id && f.source == "json"
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
		return object(map[string]any{"status": map[string]any{"type": "string", "const": word}})
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
		"/readyz":                root("readyz", "Say whether the server can serve", status("ready"), unready()...),
		"/.well-known/jwks.json": root("jwks", "Get the public keys of the access tokens", object(map[string]any{"keys": map[string]any{"type": "array", "items": object(key)}})),
	}
}

// unready is what readyz answers while the server is not.
func unready() []*Error {
	s := &Server{log: slog.New(slog.DiscardHandler), readiness: readiness{at: time.Now(), err: errUnavailable}}
	_, away := s.readyz(nil)
	s.Drain()
	_, draining := s.readyz(nil)
	return []*Error{classify(away, false), classify(draining, false)}
}
