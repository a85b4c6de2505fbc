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
	{"POST /auth/password/forgot", 200, "If there is such an account, a mail is on its way", open(passwordForgot)},
	{"POST /auth/password/reset", 200, "Password changed", open(passwordReset)},
	{"POST /auth/email/verify", 200, "E-mail confirmed", welcoming(emailVerify)},
	{"POST /auth/email/verify/request", 200, "A mail is on its way", session(emailVerifyRequest)},
	{"POST /auth/email/change", 200, "A mail is on its way", session(emailChange)},
	{"POST /auth/switch-tenant", 200, "Tenant switched", session(sessionSwitchTenant)},
	{"POST /auth/password", 200, "Password changed", session(accountPasswordChange)},
	{"GET /auth/sessions", 200, "Sessions retrieved", account(sessionList)},
	{"DELETE /auth/sessions/:session_id", 200, "Session ended", account(sessionRevoke)},

	{"GET /me", 200, "Account retrieved", whoever(accountGet)},
	{"PATCH /me", 200, "Account updated", accountChange(accountUpdate, accountRead)},
	{"DELETE /me", 200, "Account closed", provision(accountClose)},
	{"GET /me/tenants", 200, "Tenants retrieved", account(accountTenantList)},
	{"GET /tenants", 200, "Tenants retrieved", account(tenantList)},
	{"POST /tenants", 201, "Tenant created", provision(tenantCreate)},

	{"GET /tenant", 200, "Tenant retrieved", need(auth.TenantRead, tenantGet)},
	{"PATCH /tenant", 200, "Tenant updated", change(auth.TenantWrite, tenantUpdate, tenantGet)},
	{"DELETE /tenant", 200, "Tenant deleted", change(auth.TenantWrite, tenantDelete, tenantGet)},

	{"GET /users", 200, "Users retrieved", need(auth.UsersRead, userList)},
	{"POST /users", 201, "User created", atomic(auth.UsersWrite.All(), userCreate)},
	{"POST /users/me/leave", 200, "Tenant left", need(auth.UsersWrite, userLeave)},
	{"GET /users/:user_id", 200, "User retrieved", need(auth.UsersRead, userGet)},
	{"PATCH /users/:user_id", 200, "User updated", change(auth.UsersWrite, userUpdate, userGet)},
	{"POST /users/:user_id/deactivate", 200, "User deactivated", need(auth.UsersWrite.All(), userDeactivate)},
	{"POST /users/:user_id/reactivate", 200, "User reactivated", need(auth.UsersWrite.All(), userReactivate)},
	{"POST /users/:user_id/roles/:role_id", 200, "Role assigned", need(auth.UsersWrite.All(), userRoleAssign)},
	{"DELETE /users/:user_id/roles/:role_id", 200, "Role unassigned", need(auth.UsersWrite.All(), userRoleUnassign)},
	{"DELETE /users/:user_id", 200, "User deleted", change(auth.UsersWrite.All(), userDelete, userGet)},

	{"GET /invitations", 200, "Invitations retrieved", need(auth.InvitationsRead, invitationList)},
	{"POST /invitations", 201, "Invitation sent", need(auth.InvitationsWrite, invitationCreate)},
	{"POST /invitations/accept", 200, "Invitation accepted", welcoming(invitationAccept)},
	{"GET /invitations/:invitation_id", 200, "Invitation retrieved", need(auth.InvitationsRead, invitationGet)},
	{"DELETE /invitations/:invitation_id", 200, "Invitation deleted", change(auth.InvitationsWrite, invitationDelete, invitationGet)},

	{"GET /teams", 200, "Teams retrieved", need(auth.TeamsRead, teamList)},
	{"POST /teams", 201, "Team created", need(auth.TeamsWrite, teamCreate)},
	{"GET /teams/:team_id", 200, "Team retrieved", need(auth.TeamsRead, teamGet)},
	{"PATCH /teams/:team_id", 200, "Team updated", change(auth.TeamsWrite, teamUpdate, teamGet)},
	{"DELETE /teams/:team_id", 200, "Team deleted", change(auth.TeamsWrite, teamDelete, teamGet)},

	{"GET /roles", 200, "Roles retrieved", need(auth.RolesRead, roleList)},
	{"POST /roles", 201, "Role created", need(auth.RolesWrite, roleCreate)},
	{"GET /roles/:role_id", 200, "Role retrieved", need(auth.RolesRead, roleGet)},
	{"PATCH /roles/:role_id", 200, "Role updated", change(auth.RolesWrite, roleUpdate, roleGet)},
	{"DELETE /roles/:role_id", 200, "Role deleted", change(auth.RolesWrite, roleDelete, roleGet)},

	{"GET /api-keys", 200, "API keys retrieved", need(auth.KeysRead, apiKeyList)},
	{"POST /api-keys", 201, "API key created", need(auth.KeysWrite, apiKeyCreate)},
	{"POST /api-keys/revoke-all", 200, "API keys revoked", need(auth.KeysWrite, apiKeyRevokeAll)},
	{"GET /api-keys/:api_key_id", 200, "API key retrieved", need(auth.KeysRead, apiKeyGet)},
	{"POST /api-keys/:api_key_id/revoke", 200, "API key revoked", need(auth.KeysWrite, apiKeyRevoke)},
	{"DELETE /api-keys/:api_key_id", 200, "API key deleted", change(auth.KeysWrite, apiKeyDelete, apiKeyGet)},

	{"GET /audit-events", 200, "Audit events retrieved", need(auth.AuditRead, auditEventList)},

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
