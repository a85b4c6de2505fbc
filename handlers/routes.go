// Package handlers is the HTTP API. Each operation is one row of the table in this file; everything else about it, from
// routing to documentation to tests, is read from there.
package handlers

import (
	"net/http"
	"strings"

	"rowhouse/auth"
)

// Route is one operation: where it is, what it answers when it succeeds, and what it does.
type Route struct {
	Pattern string // method and path under /api/v1
	Status  int    // of success
	Title   string // of success
	endpoint
}

// routes is the whole API.
var routes = []Route{
	{"POST /auth/register", 201, "Account created", open(accountRegister)},
	{"POST /auth/login", 200, "Logged in", open(sessionLogin)},
	{"POST /auth/refresh", 200, "Session refreshed", open(sessionRefresh)},
	{"POST /auth/logout", 200, "Logged out", account(sessionLogout)},
	{"POST /auth/logout-all", 200, "Logged out everywhere", account(sessionLogoutAll)},
	{"POST /auth/switch-tenant", 200, "Tenant switched", session(sessionSwitchTenant)},
	{"POST /auth/password", 200, "Password changed", session(accountPasswordChange)},
	{"GET /auth/sessions", 200, "Sessions retrieved", account(sessionList)},
	{"DELETE /auth/sessions/:session_id", 200, "Session ended", account(sessionRevoke)},

	{"GET /me", 200, "Account retrieved", account(accountGet)},
	{"PATCH /me", 200, "Account updated", accountChange(accountUpdate, accountGet)},
	{"DELETE /me", 200, "Account closed", provision(accountClose)},
	{"GET /me/tenants", 200, "Tenants retrieved", account(membershipList)},
	{"GET /tenants", 200, "Tenants retrieved", account(tenantList)},
	{"POST /tenants", 201, "Tenant created", provision(tenantCreate)},

	{"GET /tenant", 200, "Tenant retrieved", need(auth.TenantRead, tenantGet)},

	{"GET /items", 200, "Items retrieved", need(auth.ItemsRead, itemList)},
	{"POST /items", 201, "Item created", need(auth.ItemsWrite, itemCreate)},
	{"POST /items/import", 200, "Items imported", upload(auth.ItemsWrite, itemImport)},
	{"GET /items/export", 200, "Items exported", download(auth.ItemsRead, "items", itemExport)},
	{"GET /items/:item_id", 200, "Item retrieved", need(auth.ItemsRead, itemGet)},
	{"PATCH /items/:item_id", 200, "Item updated", change(auth.ItemsWrite, itemUpdate, itemGet)},
	{"DELETE /items/:item_id", 200, "Item deleted", change(auth.ItemsWrite, itemDelete, itemGet)},
}

// idempotent says that the operation takes an Idempotency-Key.
func (r *Route) idempotent() bool {
	method, path, _ := strings.Cut(r.Pattern, " ")
	return method == http.MethodPost && r.scope != publicScope && r.accepts == nil && !strings.HasPrefix(path, "/auth/")
}

// RouteTable is the table for people: a header row, then method, path, scope, permission and handler of each operation.
func RouteTable() [][]string {
	table := [][]string{{"METHOD", "PATH", "SCOPE", "PERMISSION", "HANDLER"}}
	for i := range routes {
		r := &routes[i]
		method, path, _ := strings.Cut(r.Pattern, " ")
		permission := string(r.permission)
		if permission == "" {
			permission = "-"
		}
		table = append(table, []string{method, base + path, string(r.scope), permission, r.name})
	}
	return table
}
