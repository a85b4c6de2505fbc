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
	{"POST /auth/password/forgot", 200, "If there is such an account, a mail is on its way", rest.Open(passwordForgot)},
	{"POST /auth/password/reset", 200, "Password changed", rest.Open(passwordReset).Telling("apikey").Refusing(errOneTimeToken, rest.ErrBusy)},
	{"POST /auth/email/verify", 200, "E-mail confirmed", rest.Welcoming(emailVerify).Telling("apikey").Refusing(errOneTimeToken, errAccountExists, rest.ErrBusy)},
	{"POST /auth/email/verify/request", 200, "A mail is on its way", rest.Session(emailVerifyRequest)},
	{"POST /auth/email/change", 200, "A mail is on its way", rest.Session(emailChange).Refusing(rest.ErrBusy)},
	{"POST /auth/switch-tenant", 200, "Tenant switched", rest.Session(sessionSwitchTenant).Refusing(rest.ErrTenant, errOwnToken)},
	{"POST /auth/password", 200, "Password changed", rest.Session(accountPasswordChange).Refusing(errPasswordRace, rest.ErrBusy)},
	{"GET /auth/sessions", 200, "Sessions retrieved", rest.Account(sessionList)},
	{"DELETE /auth/sessions/:session_id", 200, "Session ended", rest.Account(sessionRevoke)},

	{"GET /me", 200, "Account retrieved", rest.Whoever(accountGet).Refusing(rest.ErrTenant)},
	{"PATCH /me", 200, "Account updated", rest.AccountChange(accountUpdate, accountRead)},
	{"DELETE /me", 200, "Account closed", rest.AccountAtomic(accountClose).Telling("user").Refusing(errLastAdmin)},
	{"GET /me/export", 200, "Personal data exported", rest.AccountAtomic(accountExport)},
	{"GET /me/tenants", 200, "Tenants retrieved", rest.Account(accountTenantList)},
	{"GET /tenants", 200, "Tenants retrieved", rest.Account(tenantList)},
	{"POST /tenants", 201, "Tenant created", rest.AccountAtomic(tenantCreate).Refusing(rest.Broken("tenants_slug_key"), errAccountClosed)},

	{"GET /tenant", 200, "Tenant retrieved", rest.Need(tenantRead, tenantGet)},
	{"PATCH /tenant", 200, "Tenant updated", rest.Change(tenantWrite, tenantUpdate, tenantGet)},
	{"DELETE /tenant", 200, "Tenant deleted", rest.ChangeWith(tenantWrite, tenantDelete, tenantGet).Refusing(errNotConfirmed)},
	{"GET /tenant/usage", 200, "Usage retrieved", rest.Need(tenantRead, tenantUsage)},

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
	{"POST /invitations/accept", 200, "Invitation accepted", rest.Welcoming(invitationAccept).Telling("user").Refusing(errInvitation, rest.ErrUnproven, errWrongAccount, errAccountExists, errUsernameTaken, rest.ErrQuota, rest.Broken("users_account_id_key"), rest.Broken("users_email_key"), rest.Broken("users_artist_id_key"), errAccountClosed, rest.ErrBusy)},
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

	{"GET /jobs", 200, "Jobs retrieved", rest.Need(jobsRead, jobList)},
	{"GET /jobs/:job_id", 200, "Job retrieved", rest.Need(jobsRead, jobGet)},
	{"POST /jobs/:job_id/retry", 200, "Job to be done again", rest.Need(jobsWrite, jobRetry).Refusing(errJob)},
	{"POST /jobs/:job_id/cancel", 200, "Job cancelled", rest.Need(jobsWrite, jobCancel).Refusing(errJob)},

	{"GET /audit-events", 200, "Audit events retrieved", rest.Need(auditRead, auditEventList)},

	{"GET /items", 200, "Items retrieved", rest.Need(itemsRead, itemList)},
	{"POST /items", 201, "Item created", rest.Need(itemsWrite, itemCreate)},
	{"POST /items/import", 200, "Items imported", rest.Upload(itemsWrite, itemImport)},
	{"GET /items/export", 200, "Items exported", rest.Download(itemsRead, "items", itemExport)},
	{"GET /items/:item_id", 200, "Item retrieved", rest.Need(itemsRead, itemGet)},
	{"PATCH /items/:item_id", 200, "Item updated", rest.Change(itemsWrite, itemUpdate, itemGet)},
	{"DELETE /items/:item_id", 200, "Item deleted", rest.Change(itemsWrite, itemDelete, itemGet)},

	{"GET /artists", 200, "Artists retrieved", rest.Need(artistsRead, artistList)},
	{"POST /artists", 201, "Artist created", rest.Need(artistsWrite.All(), artistCreate)},
	{"GET /artists/:artist_id", 200, "Artist retrieved", rest.Need(artistsRead, artistGet)},
	{"GET /artists/:artist_id/slots", 200, "Free times retrieved", rest.Need(artistsRead, artistSlots)},
	{"GET /artists/:artist_id/calendar.ics", 200, "Calendar retrieved", rest.Need(appointmentsRead, artistCalendar).As("text/calendar")},
	{"PATCH /artists/:artist_id", 200, "Artist updated", rest.Change(artistsWrite, artistUpdate, artistGet)},
	{"DELETE /artists/:artist_id", 200, "Artist deleted", rest.Change(artistsWrite.All(), artistDelete, artistGet)},

	{"GET /settings", 200, "Settings retrieved", rest.Need(settingsRead, settingsGet).Showing("setting")},
	{"PATCH /settings", 200, "Settings updated", rest.Need(settingsWrite, settingsUpdate)},

	{"GET /clients", 200, "Clients retrieved", rest.Need(clientsRead, clientList)},
	{"POST /clients", 201, "Client created", rest.Need(clientsCreate, clientCreate).Refusing(errMinor)},
	{"GET /clients/:client_id", 200, "Client retrieved", rest.Need(clientsRead, clientGet)},
	{"PATCH /clients/:client_id", 200, "Client updated", rest.Change(clientsWrite, clientUpdate, clientGet).Refusing(errMinor)},
	{"DELETE /clients/:client_id", 200, "Client deleted", rest.Change(clientsWrite, clientDelete, clientGet)},

	{"GET /appointments", 200, "Appointments retrieved", rest.Need(appointmentsRead, appointmentList)},
	{"POST /appointments", 201, "Appointment created", rest.Need(appointmentsWrite, appointmentCreate)},
	{"GET /appointments/:appointment_id", 200, "Appointment retrieved", rest.Need(appointmentsRead, appointmentGet)},
	{"PATCH /appointments/:appointment_id", 200, "Appointment updated", rest.Change(appointmentsWrite, appointmentUpdate, appointmentGet).Refusing(errEnded)},
	{"POST /appointments/:appointment_id/complete", 200, "Appointment completed", rest.Change(appointmentsWrite, appointmentComplete, appointmentGet).Refusing(errEnded)},
	{"POST /appointments/:appointment_id/cancel", 200, "Appointment cancelled", rest.Change(appointmentsWrite, appointmentCancel, appointmentGet).Refusing(errEnded)},
	{"DELETE /appointments/:appointment_id", 200, "Appointment deleted", rest.Change(appointmentsWrite, appointmentDelete, appointmentGet)},

	{"GET /transactions", 200, "Transactions retrieved", rest.Need(transactionsRead, transactionList)},
	{"POST /transactions", 201, "Transaction created", rest.Need(transactionsCreate, transactionCreate)},
	{"GET /transactions/:transaction_id", 200, "Transaction retrieved", rest.Need(transactionsRead, transactionGet)},
	{"POST /transactions/:transaction_id/void", 200, "Transaction voided", rest.Change(transactionsWrite, transactionVoid, transactionGet)},

	{"GET /reports/financial", 200, "Report retrieved", rest.Need(reportsLimited, reportFinancial)},
	{"GET /reports/financial/export", 200, "Report exported", rest.Download(reportsLimited, "financial", reportFinancialExport)},

	{"GET /portfolio-items", 200, "Portfolio items retrieved", rest.Need(portfolioItemsRead, portfolioItemList)},
	{"POST /portfolio-items", 201, "Portfolio item created", rest.Need(portfolioItemsWrite, portfolioItemCreate)},
	{"GET /portfolio-items/:portfolio_item_id", 200, "Portfolio item retrieved", rest.Need(portfolioItemsRead, portfolioItemGet)},
	{"PATCH /portfolio-items/:portfolio_item_id", 200, "Portfolio item updated", rest.Change(portfolioItemsWrite, portfolioItemUpdate, portfolioItemGet)},
	{"DELETE /portfolio-items/:portfolio_item_id", 200, "Portfolio item deleted", rest.Change(portfolioItemsWrite, portfolioItemDelete, portfolioItemGet)},

	{"GET /memberships", 200, "Memberships retrieved", rest.Need(membershipsRead, membershipList)},
	{"POST /memberships", 201, "Membership created", rest.Need(membershipsWrite, membershipCreate).Refusing(errNoUser, errOwnField, rest.Broken("memberships_user_id_key"))},
	{"GET /memberships/:membership_id", 200, "Membership retrieved", rest.Need(membershipsRead, membershipGet)},
	{"PATCH /memberships/:membership_id", 200, "Membership updated", rest.Change(membershipsWrite, membershipUpdate, membershipGet).Refusing(errOwnField)},
	{"POST /memberships/:membership_id/affirm-vote", 200, "Vote affirmed", rest.Change(membershipsWrite, membershipAffirmVote, membershipGet).Refusing(rest.Broken("memberships_affirmation_check"))},
	{"DELETE /memberships/:membership_id", 200, "Membership deleted", rest.Change(membershipsWrite, membershipDelete, membershipGet)},

	{"GET /user-groups", 200, "User groups retrieved", rest.Need(userGroupsRead, userGroupList)},
	{"POST /user-groups", 201, "User group created", rest.Need(userGroupsWrite, userGroupCreate)},
	{"GET /user-groups/:user_group_id", 200, "User group retrieved", rest.Need(userGroupsRead, userGroupGet)},
	{"PATCH /user-groups/:user_group_id", 200, "User group updated", rest.Change(userGroupsWrite, userGroupUpdate, userGroupGet)},
	{"POST /user-groups/:user_group_id/approve", 200, "User group approved", rest.Need(userGroupsModerate, userGroupApprove)},
	{"POST /user-groups/:user_group_id/revoke-approval", 200, "Approval revoked", rest.Need(userGroupsModerate, userGroupRevokeApproval)},
	{"POST /user-groups/:user_group_id/mark-trusted", 200, "User group trusted", rest.Need(userGroupsModerate, userGroupMarkTrusted)},
	{"POST /user-groups/:user_group_id/revoke-trust", 200, "Trust revoked", rest.Need(userGroupsModerate, userGroupRevokeTrust)},
	{"DELETE /user-groups/:user_group_id", 200, "User group deleted", rest.Change(userGroupsWrite, userGroupDelete, userGroupGet)},

	{"GET /profiles", 200, "Profiles retrieved", rest.Need(profilesRead, profileList)},
	{"GET /profiles/:username", 200, "Profile retrieved", rest.Need(profilesRead, profileGet)},

	{"GET /webhooks", 200, "Webhooks retrieved", rest.Need(webhooksRead, webhookList)},
	{"POST /webhooks", 201, "Webhook created", rest.NeedWith(webhooksWrite, webhookCreate).Refusing(errCannotGrant, errNoUser, errWebhooks)},
	{"GET /webhooks/:webhook_id", 200, "Webhook retrieved", rest.Need(webhooksRead, webhookGet)},
	{"PATCH /webhooks/:webhook_id", 200, "Webhook updated", rest.ChangeWith(webhooksWrite, webhookUpdate, webhookGet).Refusing(errCannotGrant)},
	{"POST /webhooks/:webhook_id/rotate-secret", 200, "Secret rotated", rest.NeedWith(webhooksWrite, webhookRotateSecret).Refusing(errCannotGrant)},
	{"POST /webhooks/:webhook_id/disable", 200, "Webhook disabled", rest.Need(webhooksWrite, webhookDisable)},
	{"POST /webhooks/:webhook_id/enable", 200, "Webhook enabled", rest.Need(webhooksWrite, webhookEnable).Refusing(errCannotGrant, errNoUser, errWebhooks)},
	{"POST /webhooks/:webhook_id/test", 200, "Test on its way", rest.Need(webhooksWrite, webhookTest)},
	{"GET /webhooks/:webhook_id/deliveries", 200, "Deliveries retrieved", rest.Need(webhooksRead, deliveryList)},
	{"GET /webhooks/:webhook_id/deliveries/:delivery_id", 200, "Delivery retrieved", rest.Need(webhooksRead, deliveryGet)},
	{"POST /webhooks/:webhook_id/deliveries/:delivery_id/redeliver", 200, "Delivery on its way", rest.Need(webhooksWrite, deliveryRedeliver).Untold()},
	{"DELETE /webhooks/:webhook_id", 200, "Webhook deleted", rest.Change(webhooksWrite, webhookDelete, webhookGet)},
	{"GET /webhook-events", 200, "Events retrieved", rest.Open(webhookEventList)},

	{"GET /platform/tenants", 200, "Tenants retrieved", rest.Platform(platformTenantList)},
	{"POST /platform/tenants/import", 200, "Tenant imported", rest.PlatformUpload("application/zstd", tenantImport).Refusing(errArchive, errTenantThere, errRestore)},
	{"GET /platform/tenants/:tenant_id", 200, "Tenant retrieved", rest.PlatformOne(platformTenantGet)},
	{"GET /platform/tenants/:tenant_id/stats", 200, "Tenant counted", rest.PlatformOne(tenantStats)},
	{"GET /platform/tenants/:tenant_id/usage", 200, "Usage retrieved", rest.PlatformOne(platformTenantUsage)},
	{"PATCH /platform/tenants/:tenant_id/quotas/:subject", 200, "Quota set", rest.PlatformOne(tenantQuota)},
	{"GET /platform/tenants/:tenant_id/export", 200, "Tenant exported", rest.PlatformDownload("application/zstd", "tar.zst", tenantExport)},
	{"POST /platform/tenants/:tenant_id/suspend", 200, "Tenant suspended", rest.PlatformOne(tenantSuspend).Refusing(errTenant)},
	{"POST /platform/tenants/:tenant_id/resume", 200, "Tenant resumed", rest.PlatformOne(tenantResume).Refusing(errTenant)},
	{"POST /platform/tenants/:tenant_id/erase", 200, "Tenant to be erased", rest.PlatformOne(tenantErase).Refusing(errNotConfirmed)},

	{"GET /public/:tenant_slug/profiles", 200, "Profiles retrieved", rest.Open(publicProfileList)},
	{"GET /public/:tenant_slug/user-groups", 200, "User groups retrieved", rest.Open(publicUserGroupList)},
	{"GET /public/:tenant_slug/portfolio-items", 200, "Portfolio items retrieved", rest.Open(publicPortfolioItemList)},
})

func table(rows []row) (routes []rest.Route) {
	for _, r := range rows {
		routes = append(routes, rest.Route(r))
	}
	return routes
}
