package handlers

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

// samples are a request for every tenant route that succeeds for the admin of the given house, made of rows of `of`. Their values are the
// examples of the inputs' fields, which the description shows too, so that an example that does not work fails a test; only what an example
// cannot say is said here by hand.
func samples(of house) map[string]request {
	row := of.own.UUID() // one of everything has this id
	all := map[string]request{}
	for i := range routes {
		if routes[i].Scope != rest.TenantScope {
			continue
		}
		sample := sampleOf(&routes[i], row)
		if resource, id, _ := strings.Cut(strings.TrimPrefix(routes[i].Pattern, "DELETE /"), "/:"); referredTo[tableOf(resource)] && !strings.Contains(id, "/") {
			sample.path = "/" + resource + "/" + second(of.own).UUID() // to which nothing refers
		}
		all[routes[i].Pattern] = sample
	}
	byHand := map[string]request{
		"PATCH /tenant":  call("PATCH", "/tenant").json(`{"is_public":true}`), // by the name it is found in the next ones
		"DELETE /tenant": call("DELETE", "/tenant?confirm="+of.canary),
		// Whose e-mail an example has is somebody's in the other house.
		"POST /users":             call("POST", "/users").json(`{"email":"new-of-` + of.canary + `@example.com","name":"New"}`),
		"PATCH /users/:user_id":   call("PATCH", "/users/"+row).json(`{"phone":"7"}`),
		"GET /profiles/:username": call("GET", "/profiles/row-"+row),
		"POST /invitations":       call("POST", "/invitations").json(`{"email":"invited-of-` + of.canary + `@example.com","role":"member"}`),
		// At the time of an example the row's artist has another since the create.
		"PATCH /appointments/:appointment_id": call("PATCH", "/appointments/"+row).json(`{"notes":"Left forearm, third session."}`),
		"GET /reports/financial":              call("GET", "/reports/financial?from=2026-01-01&to=2026-01-31"),
		"GET /reports/financial/export":       call("GET", "/reports/financial/export?from=2026-01-01&to=2026-01-31"),
		// One appointment is completed, the other cancelled.
		"POST /appointments/:appointment_id/cancel": call("POST", "/appointments/"+second(of.own).UUID()+"/cancel"),
		// Of two roles the user has one; the other is given to a user who is deleted before it is.
		"POST /users/:user_id/roles/:role_id":   call("POST", "/users/"+second(of.own).UUID()+"/roles/"+row),
		"DELETE /users/:user_id/roles/:role_id": call("DELETE", "/users/"+row+"/roles/"+second(of.own).UUID()),
	}
	for pattern, by := range byHand {
		if _, ok := all[pattern]; !ok {
			panic("the sample " + pattern + " has no route: add its row in handlers/routes.go, or take it out of samples in handlers/samples_test.go")
		}
		all[pattern] = by
	}
	return all
}

// sampleOf is a request of the examples. A change leaves out what another row might have.
func sampleOf(r *rest.Route, row string) request {
	method, path, _ := strings.Cut(r.Pattern, " ")
	sample := call(method, colons.ReplaceAllString(path, row))
	switch {
	case r.Line != nil:
		line := exampleBody(r.Line, row, nil)
		for _, f := range rest.FieldsOf(r.Line) { // what a create has made of the same examples is not to be in the way
			if f.Type.Kind() == reflect.String && slices.Contains(uniqueColumns(strings.TrimSuffix(path, "/import")), f.Name) {
				line = strings.Replace(line, strconv.Quote(f.Example), strconv.Quote(f.Example[:len(f.Example)-1]+"_"), 1)
			}
		}
		return request{method, sample.path, http.Header{"Content-Type": {rest.NDJSON}}, line}
	case !slices.ContainsFunc(rest.FieldsOf(r.Input), func(f rest.Field) bool { return f.Source == "json" && f.Required }) && method == http.MethodPost:
		return sample
	case method == http.MethodPatch:
		return sample.json(exampleBody(r.Input, "", uniqueColumns(path)))
	case method == http.MethodPost:
		return sample.json(exampleBody(r.Input, row, nil))
	}
	return sample
}

// exampleBody is an object of the examples of the fields of a body, but for those named. A field that names another row has none, since no id
// stands in two databases: where it must be given it names the row.
func exampleBody(input reflect.Type, row string, but []string) string {
	var members []string
	for _, f := range rest.FieldsOf(input) {
		value := f.Example
		if f.Source == "json" && f.Required && refersTo(f) {
			value = row
		}
		if f.Members != nil {
			value = exampleBody(f.Type, row, nil)
		}
		if f.Source != "json" || value == "" || value == "-" || slices.Contains(but, f.Name) {
			continue
		}
		if f.Type.Kind() == reflect.String || f.Type.Kind() == reflect.Struct && f.Members == nil || f.Type.Kind() == reflect.Array {
			value = strconv.Quote(value)
		}
		members = append(members, strconv.Quote(f.Name)+":"+value)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// refersTo says that a field holds the id of a row.
func refersTo(f rest.Field) bool { return f.Type.PkgPath() == reflect.TypeFor[ids.ItemID]().PkgPath() }

// tableOf is the table that the first word of a path is called after.
func tableOf(resource string) string { return strings.ReplaceAll(resource, "-", "_") }

// uniqueColumns are those of the table that a path is called after of which no two rows have the same.
func uniqueColumns(path string) (columns []string) {
	table, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	for _, c := range tenancy.Constraints() {
		if c.Table == tableOf(table) && c.Kind == "unique" {
			for _, column := range c.Columns {
				columns = append(columns, strings.TrimSuffix(column, "_key"))
			}
		}
	}
	return columns
}

// final are the routes after which a row stays as it is, whatever is asked of it.
var final = map[string]bool{"POST /appointments/:appointment_id/complete": true}

// ending are the routes after which the caller is in the tenant no more.
var ending = map[string]bool{"DELETE /tenant": true, "POST /users/me/leave": true}

// tenantRoutes are the routes of the tenant scope with their samples.
func tenantRoutes(t *testing.T, of house) map[*rest.Route]request {
	t.Helper()
	found, byPattern := map[*rest.Route]request{}, samples(of)
	for i := range routes {
		if sample, ok := byPattern[routes[i].Pattern]; ok {
			found[&routes[i]] = sample
		}
	}
	return found
}
