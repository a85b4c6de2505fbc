// Package handlers is the HTTP API. Each operation is one row of the table in this file; everything else about it, from
// routing to documentation to tests, is read from there.
package handlers

import (
	"rowhouse/rest"
)

// row is a rest.Route that is written without the names of its fields.
type row rest.Route

// routes is the whole API.
var routes = table([]row{
	{"POST /auth/register", 201, "Account created", rest.Open(accountRegister).Refusing(errRegistration, errAccountExists, errUsernameTaken, rest.ErrBusy)},
	{"POST /auth/login", 200, "Logged in", rest.Open(sessionLogin).Refusing(errLogin, rest.ErrTenant, rest.ErrBusy)},
	{"POST /auth/refresh", 200, "Session refreshed", rest.Open(sessionRefresh).Refusing(rest.ErrCredential)},
	{"POST /auth/logout", 200, "Logged out", rest.Account(sessionLogout).Unkeyed()},
	{"POST /auth/logout-all", 200, "Logged out everywhere", rest.Account(sessionLogoutAll).Unkeyed()},
	{"POST /auth/password/forgot", 200, "If there is such an account, a mail is on its way", rest.Open(passwordForgot).Refusing(errMailFull)},
	{"POST /auth/password/reset", 200, "Password changed", rest.Open(passwordReset).Refusing(errOneTimeToken, rest.ErrBusy)},
	{"POST /auth/email/verify", 200, "E-mail confirmed", rest.Welcoming(emailVerify).Refusing(errOneTimeToken, errAccountExists, rest.ErrBusy)},
	{"POST /auth/email/verify/request", 200, "A mail is on its way", rest.Session(emailVerifyRequest).Refusing(errMailFull)},
	{"POST /auth/email/change", 200, "A mail is on its way", rest.Session(emailChange).Refusing(rest.ErrBusy)},
	{"POST /auth/switch-tenant", 200, "Tenant switched", rest.Session(sessionSwitchTenant).Refusing(rest.ErrTenant)},
	{"POST /auth/password", 200, "Password changed", rest.Session(accountPasswordChange).Refusing(errPasswordRace, rest.ErrBusy)},
	{"GET /auth/sessions", 200, "Sessions retrieved", rest.Account(sessionList)},
	{"DELETE /auth/sessions/:session_id", 200, "Session ended", rest.Account(sessionRevoke)},

	{"GET /me", 200, "Account retrieved", rest.Whoever(accountGet).Refusing(rest.ErrTenant)},
	{"PATCH /me", 200, "Account updated", rest.AccountChange(accountUpdate, accountRead)},
	{"DELETE /me", 200, "Account closed", rest.AccountAtomic(accountClose).Refusing(errLastAdmin)},
	{"GET /me/tenants", 200, "Tenants retrieved", rest.Account(accountTenantList)},
	{"GET /tenants", 200, "Tenants retrieved", rest.Account(tenantList)},
	{"POST /tenants", 201, "Tenant created", rest.AccountAtomic(tenantCreate).Refusing(rest.Broken("tenants_slug_key"), errAccountClosed)},

	{"GET /tenant", 200, "Tenant retrieved", rest.Need(tenantRead, tenantGet)},
	{"PATCH /tenant", 200, "Tenant updated", rest.Change(tenantWrite, tenantUpdate, tenantGet)},
	{"DELETE /tenant", 200, "Tenant deleted", rest.Change(tenantWrite, tenantDelete, tenantGet).Refusing(errNotConfirmed)},

	{"GET /users", 200, "Users retrieved", rest.Need(usersRead, userList)},
	{"POST /users", 201, "User created", rest.Atomic(usersWrite.All(), userCreate).Refusing(errAccountExists, errUsernameTaken, errCannotGrant, rest.ErrBusy)},
	{"POST /users/me/leave", 200, "Tenant left", rest.Need(usersWrite, userLeave).Refusing(errLastAdmin, errNoUser)},
	{"GET /users/:user_id", 200, "User retrieved", rest.Need(usersRead, userGet)},
	{"PATCH /users/:user_id", 200, "User updated", rest.Change(usersWrite, userUpdate, userGet).Refusing(errOwnField, errCannotGrant, errLastAdmin, rest.Broken("users_artist_check"))},
	{"POST /users/:user_id/deactivate", 200, "User deactivated", rest.Need(usersWrite.All(), userDeactivate).Refusing(errLastAdmin)},
	{"POST /users/:user_id/reactivate", 200, "User reactivated", rest.Need(usersWrite.All(), userReactivate).Refusing(errCannotGrant, errAccountClosed)},
	{"POST /users/:user_id/roles/:role_id", 200, "Role assigned", rest.Need(usersWrite.All(), userRoleAssign).Refusing(errCannotGrant, rest.ErrReference)},
	{"DELETE /users/:user_id/roles/:role_id", 200, "Role unassigned", rest.Need(usersWrite.All(), userRoleUnassign)},
	{"DELETE /users/:user_id", 200, "User deleted", rest.Change(usersWrite.All(), userDelete, userGet).Refusing(errLastAdmin)},

	{"GET /invitations", 200, "Invitations retrieved", rest.Need(invitationsRead, invitationList)},
	{"POST /invitations", 201, "Invitation sent", rest.Need(invitationsWrite, invitationCreate).Refusing(errCannotGrant, errUserAlready, errNoUser)},
	{"POST /invitations/accept", 200, "Invitation accepted", rest.Welcoming(invitationAccept).Refusing(errInvitation, rest.ErrUnproven, errWrongAccount, errAccountExists, errUsernameTaken, rest.Broken("users_account_id_key"), rest.Broken("users_email_key"), rest.Broken("users_artist_id_key"), errAccountClosed, rest.ErrBusy)},
	{"GET /invitations/:invitation_id", 200, "Invitation retrieved", rest.Need(invitationsRead, invitationGet)},
	{"DELETE /invitations/:invitation_id", 200, "Invitation deleted", rest.Change(invitationsWrite, invitationDelete, invitationGet)},

	{"GET /teams", 200, "Teams retrieved", rest.Need(teamsRead, teamList)},
	{"POST /teams", 201, "Team created", rest.Need(teamsWrite, teamCreate)},
	{"GET /teams/:team_id", 200, "Team retrieved", rest.Need(teamsRead, teamGet)},
	{"PATCH /teams/:team_id", 200, "Team updated", rest.Change(teamsWrite, teamUpdate, teamGet)},
	{"DELETE /teams/:team_id", 200, "Team deleted", rest.Change(teamsWrite, teamDelete, teamGet)},

	{"GET /roles", 200, "Roles retrieved", rest.Need(rolesRead, roleList)},
	{"POST /roles", 201, "Role created", rest.Need(rolesWrite, roleCreate).Refusing(errCannotGrant)},
	{"GET /roles/:role_id", 200, "Role retrieved", rest.Need(rolesRead, roleGet)},
	{"PATCH /roles/:role_id", 200, "Role updated", rest.Change(rolesWrite, roleUpdate, roleGet).Refusing(errCannotGrant)},
	{"DELETE /roles/:role_id", 200, "Role deleted", rest.Change(rolesWrite, roleDelete, roleGet)},

	{"GET /api-keys", 200, "API keys retrieved", rest.Need(keysRead, apiKeyList)},
	{"POST /api-keys", 201, "API key created", rest.Need(keysWrite, apiKeyCreate).Refusing(errCannotGrant, errNoUser)},
	{"POST /api-keys/revoke-all", 200, "API keys revoked", rest.Need(keysWrite, apiKeyRevokeAll).Refusing(errNoUser)},
	{"GET /api-keys/:api_key_id", 200, "API key retrieved", rest.Need(keysRead, apiKeyGet)},
	{"POST /api-keys/:api_key_id/revoke", 200, "API key revoked", rest.Need(keysWrite, apiKeyRevoke)},
	{"DELETE /api-keys/:api_key_id", 200, "API key deleted", rest.Change(keysWrite, apiKeyDelete, apiKeyGet)},

	{"GET /audit-events", 200, "Audit events retrieved", rest.Need(auditRead, auditEventList)},

	{"GET /items", 200, "Items retrieved", rest.Need(itemsRead, itemList)},
	{"POST /items", 201, "Item created", rest.Need(itemsWrite, itemCreate)},
	{"POST /items/import", 200, "Items imported", rest.Upload(itemsWrite, itemImport)},
	{"GET /items/export", 200, "Items exported", rest.Download(itemsRead, "items", itemExport)},
	{"GET /items/:item_id", 200, "Item retrieved", rest.Need(itemsRead, itemGet)},
	{"PATCH /items/:item_id", 200, "Item updated", rest.Change(itemsWrite, itemUpdate, itemGet)},
	{"DELETE /items/:item_id", 200, "Item deleted", rest.Change(itemsWrite, itemDelete, itemGet)},
})

func table(rows []row) (routes []rest.Route) {
	for _, r := range rows {
		routes = append(routes, rest.Route(r))
	}
	return routes
}
