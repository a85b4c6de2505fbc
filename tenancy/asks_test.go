package tenancy

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
)

// ask is a call of an accessor: through which door, and with what argument; nil where it takes none.
type ask struct {
	through *scope
	arg     any
}

// admin is the scope of ada in the tenant.
func (h house) admin() *scope {
	return tenantScope(h.who(ada, adaSession), auth.Permission("users:write").All())
}

// system is that of work that nobody asked for.
func (h house) system() *scope { return boundScope(h.tenant(), Caller{Operation: "test.test"}) }

// member is that of a user who reaches no other's rows, and in a session of whom the tenant is nothing.
func (h house) member() *scope {
	return tenantScope(h.who(h.account(4), named[ids.SessionID](h.name("session", 4))), "users:read")
}

// asks is a call of each query that is no list, of rows that are there: derived, but for those by hand.
func (h house) asks(t *testing.T) map[string][]ask {
	all := h.derivedAsks(t)
	maps.Copy(all, h.asksByHand())
	return all
}

// abroad is the issuer of everybody's identity.
const abroad = "https://id.example.com"

// asksByHand are the calls that do not follow from the catalogue; a query with several plans is asked more than once.
func (h house) asksByHand() map[string][]ask {
	var (
		tenant  = h.tenant()
		admin   = h.admin()
		binding = boundScope(tenant, h.who(ada, adaSession))
		founded = ids.New[ids.TenantID]()
		nobody  = unscoped(h.who(ada, adaSession))

		adas    = accountScope(h.who(ada, adaSession))
		account = h.account(4)
		session = named[ids.SessionID](h.name("session", 4))
		own     = accountScope(h.who(account, session))
		assumed = assumedScope(account, h.who(account, session))

		user   = h.user(4)
		artist = named[ids.ArtistID](h.name("artist", 3))
		team   = named[ids.TeamID](h.name("team", 2))
		free   = named[ids.TeamID](h.name("team", 1)) // with nobody in it
		role   = named[ids.RoleID](h.name("role", 2))
		unused = named[ids.RoleID](h.name("role", 1))
		key    = named[ids.APIKeyID](h.name("apikey", 4))
		invite = named[ids.InvitationID](h.name("invite", 1))
		later  = time.Now().Add(time.Hour)

		hook    = named[ids.WebhookID](h.name("webhook", 2))
		message = named[ids.DeliveryID](h.name("delivery", 2))
		first   = []int64{1}
	)
	one := func(through *scope, arg any) []ask { return []ask{{through, arg}} }
	return map[string][]ask{
		"UserWelcome":           one(h.system(), db.UserWelcomeParams{TenantID: tenant, ID: user}),
		"AppointmentReminder":   one(h.system(), db.AppointmentReminderParams{TenantID: tenant, ID: named[ids.AppointmentID](h.name("appointment", 2))}),
		"TenantExpire":          one(h.system(), db.TenantExpireParams{TenantID: tenant, Most: 10}),
		"LoginsExpire":          one(nobody, int32(10)),
		"JobRetry":              one(admin, db.JobRetryParams{TenantID: tenant, ID: named[ids.JobID](h.name("job", 2))}),
		"LetterCreate":          one(nobody, db.LetterCreateParams{Kinds: []string{"proof", "change"}, Emails: []string{"new@example.com", "old@example.com"}, AccountID: &ada, Proofs: new(int64(0))}),
		"LetterGet":             one(nobody, named[ids.LetterID](h.name("letter", 2))),
		"LetterDelete":          one(nobody, named[ids.LetterID](h.name("letter", 2))),
		"AccountGet":            one(own, account),
		"AccountUpdate":         one(own, db.AccountUpdateParams{AccountID: account, NameSet: true, Name: new("Ada"), IfMatch: first}),
		"AccountPasswordSet":    one(own, db.AccountPasswordSetParams{AccountID: account, PasswordHash: new("new"), KeptSessionID: session}),
		"AccountHold":           one(own, account),
		"AccountClose":          one(own, db.AccountCloseParams{AccountID: account, Username: "closed", Email: "closed@example.com"}),
		"AccountUsers":          one(own, account),
		"AccountIdentities":     one(own, account),
		"AccountEvents":         one(own, db.AccountEventsParams{AccountID: account, Most: 10}),
		"AccountUserTenants":    one(assumed, account),
		"AccountProve":          one(assumed, db.AccountProveParams{AccountID: account, Email: "proven@example.com", Wipe: true, PasswordHash: new("new")}),
		"ArchiveAccounts":       one(nobody, db.ArchiveAccountsParams{Emails: []string{"nobody@example.com"}}),
		"AccountByLogin":        one(nobody, h.username(4)),
		"AccountCreate":         one(nobody, db.AccountCreateParams{ID: ids.New[ids.AccountID](), Proof: true, Spare: new("spare"), Username: "ada", Email: "new@example.com", MadeIn: &tenant}),
		"AccountByKey":          one(nobody, db.AccountByKeyParams{Tenant: tenant.UUID(), KeyPrefix: h.keyPrefix(4), Hash: secret(h.name("apikey", 4))}),
		"AccountEventCreate":    one(nobody, db.AccountEventCreateParams{AccountID: &ada, Action: "test", AboutTenant: &tenant}),
		"AccountPasswordRehash": one(nobody, db.AccountPasswordRehashParams{AccountID: account, PasswordHash: new("new"), CheckedHash: new("hash")}),

		"SessionRevoke":       one(own, db.SessionRevokeParams{AccountID: account, ID: session}),
		"SessionRevokeAll":    one(own, account),
		"SessionBind":         one(own, db.SessionBindParams{AccountID: account, ID: session, ActiveTenantID: &tenant}),
		"SessionVisit":        one(adas, db.SessionVisitParams{AccountID: ada, ID: ids.New[ids.SessionID](), BegunFrom: adaSession, ActiveTenantID: &tenant, VisitReason: new("why"), ExpiresAt: later}),
		"SessionCreate":       one(nobody, db.SessionCreateParams{AccountID: account, ID: ids.New[ids.SessionID](), RefreshHash: secret("new"), ExpiresAt: later}),
		"SessionRevokeReused": one(nobody, session),
		"RefreshTokenRotate":  one(nobody, db.RefreshTokenRotateParams{Hash: secret(h.name("live", 4)), Successor: []byte{1}, SuccessorHash: secret("new"), ExpiresAt: later}),
		"RefreshTokenReplay":  one(nobody, secret(h.name("spent", 4))),
		"TokenCreate":         one(nobody, db.TokenCreateParams{AccountID: account, LoginEmail: h.username(4) + "@example.com", Hash: secret("new"), Purpose: "password", Email: "a@example.com", ExpiresAt: later}),
		"TokenGet":            one(nobody, db.TokenGetParams{Hash: secret(h.name("token", 4)), Purpose: "password"}),
		"TokenSpend":          one(assumed, db.TokenSpendParams{AccountID: account, Hash: secret(h.name("token", 4))}),
		"IdentitySession":     one(nobody, db.IdentitySessionParams{Issuer: abroad, Subject: h.username(4), IssuedAt: later}),
		"IdentityEnter":       one(nobody, db.IdentityEnterParams{Issuer: abroad, Subject: h.username(4), IssuedAt: later, Session: ids.New[ids.SessionID]().UUID(), ExpiresAt: later}),
		"IdentityHold":        one(nobody, db.IdentityHoldParams{Issuer: abroad, Subject: h.username(4)}),
		"IdentityGet":         one(nobody, db.IdentityGetParams{Issuer: abroad, Subject: h.username(4)}),
		"IdentityTell":        one(nobody, db.IdentityTellParams{Issuer: abroad, Subject: h.username(4), AccountID: &account, ToldAt: &later}),
		"IdentityEnd":         one(nobody, db.IdentityEndParams{Issuer: abroad, Subject: h.username(4)}),
		"AccountTell":         one(nobody, db.AccountTellParams{AccountID: account, Email: "told@example.com", EmailVerified: true, Name: new("Told")}),
		"AccountLock":         one(nobody, account),
		"AccountDeactivate":   one(nobody, account),
		"AccountReactivate":   one(nobody, account),
		"HookMessageTake":     one(nobody, db.HookMessageTakeParams{ID: "msg_new", SentAt: later}),
		"RateLimitTake":       one(nobody, db.RateLimitTakeParams{Keys: [][]byte{secret("limit 1"), secret("new")}, Most: []int32{9, 9}, Seconds: []int32{60, 60}}),
		"RateLimitGive":       one(nobody, [][]byte{secret("limit 1")}),
		"MigrationVersion":    one(nobody, nil),
		"CatalogueFaults":     one(nobody, nil),

		"TenantCreate": one(boundScope(founded, h.who(ada, adaSession)), db.TenantCreateParams{TenantID: founded, Name: "New", Slug: "new", CreatedBy: &ada}),
		"TenantGet":    one(admin, tenant),
		"TenantUpdate": one(admin, db.TenantUpdateParams{TenantID: tenant, Name: new("New"), IfMatch: first}),
		"TenantDelete": one(admin, db.TenantDeleteParams{TenantID: tenant, Confirm: fmt.Sprint("Tenant ", h.number), IfMatch: first}),

		"TenantUsage":     one(boundScope(founded, Caller{Operation: "test.test"}), founded), // likewise
		"QuotaSet":        one(h.system(), db.QuotaSetParams{TenantID: tenant, Quotas: []byte(`{"items": 1000, "users": null}`)}),
		"RequestsCount":   one(h.system(), db.RequestsCountParams{TenantID: tenant, Requests: 10}),
		"TenantSuspend":   one(h.system(), tenant),
		"TenantResume":    one(h.system(), tenant),
		"TenantEraseNow":  one(h.system(), db.TenantEraseNowParams{TenantID: tenant, Confirm: fmt.Sprint("Tenant ", h.number)}),
		"TenantErase":     one(h.system(), db.TenantEraseParams{TenantID: tenant, Most: 10}),
		"TenantTables":    one(h.system(), tenant),
		"TenantCount":     one(boundScope(founded, Caller{Operation: "test.test"}), founded), // it counts whatever there is
		"ArchiveRead":     one(h.system(), db.ArchiveReadParams{TenantID: tenant, TableName: "items", Most: 10}),
		"ArchiveRestored": one(boundScope(founded, Caller{Operation: "test.test"}), founded),
		"ArchivePut": one(boundScope(founded, Caller{Operation: "test.test"}), db.ArchivePutParams{
			TenantID: founded, TableName: "tenants", Lines: []string{`{"id": "` + founded.UUID() + `", "name": "New", "slug": "restored"}`},
		}),

		"UserGet": {
			{admin, db.UserGetParams{TenantID: tenant, ID: user}},
			{h.member(), db.UserGetParams{TenantID: tenant, ID: user}},
		},
		"UserCreate": one(admin, db.UserCreateParams{TenantID: tenant, AccountID: named[ids.AccountID]("account nobody"), Username: "nobody", Email: new("nobody@example.com"), Role: "member", TeamID: &team}),
		"UserUpdate": {
			{admin, db.UserUpdateParams{TenantID: tenant, ID: user, EmailSet: true, Email: new("new@example.com"), TeamIDSet: true, TeamID: &free, Role: new("assistant"), NotOwn: []string{"role"}, IfMatch: first}},
			{binding, db.UserUpdateParams{TenantID: tenant, ID: h.user(2), Role: new("member")}}, // of two admins one stays
		},
		"UserActivate":      one(admin, db.UserActivateParams{TenantID: tenant, ID: user, IsActive: false}),
		"UserDelete":        one(admin, db.UserDeleteParams{TenantID: tenant, ID: user, IfMatch: first}),
		"UserLeave":         one(admin, tenant),
		"UserRoleAssign":    one(admin, db.UserRoleAssignParams{TenantID: tenant, UserID: user, RoleID: unused}),
		"UserRoleUnassign":  one(admin, db.UserRoleUnassignParams{TenantID: tenant, UserID: user, RoleID: role}),
		"UserDeactivateOwn": one(binding, db.UserDeactivateOwnParams{TenantID: tenant, AccountID: account, Username: "closed"}),

		"ApiKeyGet":    one(admin, db.ApiKeyGetParams{TenantID: tenant, ID: key}),
		"ApiKeyCreate": one(admin, db.ApiKeyCreateParams{TenantID: tenant, Name: "New", KeyPrefix: "rh_123456789", Hash: secret("new"), Scopes: []string{"items:read"}}),
		"ApiKeyRevoke": one(admin, db.ApiKeyRevokeParams{TenantID: tenant, ID: key}),
		"ApiKeyRevokeAll": {
			{admin, db.ApiKeyRevokeAllParams{TenantID: tenant}},
			{admin, db.ApiKeyRevokeAllParams{TenantID: tenant, OfUser: true, UserID: user}},
		},
		"ApiKeyRevokeOfAccount":     one(binding, db.ApiKeyRevokeOfAccountParams{TenantID: tenant, AccountID: account}),
		"InvitationDeleteOfAccount": one(binding, db.InvitationDeleteOfAccountParams{TenantID: tenant, AccountID: account}),
		"ApiKeyDelete":              one(admin, db.ApiKeyDeleteParams{TenantID: tenant, ID: key, IfMatch: first}),

		"InvitationGet":    one(admin, db.InvitationGetParams{TenantID: tenant, ID: invite}),
		"InvitationCreate": one(admin, db.InvitationCreateParams{TenantID: tenant, ID: ids.New[ids.InvitationID](), Email: "new@example.com", Role: "artist", TeamID: &team, ArtistID: &artist, ExpiresAt: later}),
		"InvitationMail":   one(h.system(), db.InvitationMailParams{TenantID: tenant, ID: invite, TokenHash: secret("new")}),
		"InvitationDelete": one(admin, db.InvitationDeleteParams{TenantID: tenant, ID: invite, IfMatch: first}),
		"InvitationAccept": one(binding, db.InvitationAcceptParams{TenantID: tenant, TokenHash: secret(h.name("invite", 1))}),

		"WebhookCreate":       one(admin, db.WebhookCreateParams{TenantID: tenant, Url: "https://new.example.com", Secret: secret("new")}),
		"WebhookUpdate":       one(admin, db.WebhookUpdateParams{TenantID: tenant, ID: hook, Url: new("https://new.example.com"), EventsSet: true, Events: []string{"item.update"}, IfMatch: first}),
		"WebhookDisable":      one(admin, db.WebhookDisableParams{TenantID: tenant, ID: hook}),
		"WebhookEnable":       one(admin, db.WebhookEnableParams{TenantID: tenant, ID: hook}),
		"WebhookRotateSecret": one(admin, db.WebhookRotateSecretParams{TenantID: tenant, ID: hook, Secret: secret("new"), Until: &later}),
		"WebhookDelete":       one(admin, db.WebhookDeleteParams{TenantID: tenant, ID: named[ids.WebhookID](h.name("webhook", 1)), IfMatch: first}), // which was told nothing
		"WebhookEnd":          one(h.system(), db.WebhookEndParams{TenantID: tenant, ID: hook, Reason: "gone"}),
		"WebhookMail":         one(h.system(), db.WebhookMailParams{TenantID: tenant, ID: hook}),
		"WebhookEndOfAccount": one(binding, db.WebhookEndOfAccountParams{TenantID: tenant, AccountID: account}),
		"WebhookSealed":       one(h.system(), db.WebhookSealedParams{TenantID: tenant}),
		"WebhookSeal":         one(h.system(), db.WebhookSealParams{TenantID: tenant, ID: hook, Secret: secret("new"), Sealed: secret("secret")}),

		"DeliveryGet":       one(admin, db.DeliveryGetParams{TenantID: tenant, WebhookID: hook, ID: message}),
		"DeliveryTest":      one(admin, db.DeliveryTestParams{TenantID: tenant, WebhookID: hook}),
		"DeliveryRedeliver": one(admin, db.DeliveryRedeliverParams{TenantID: tenant, WebhookID: hook, ID: message}),
		"DeliveryPending":   one(h.system(), db.DeliveryPendingParams{TenantID: tenant, ID: message}),
		"DeliveryRender":    one(h.system(), db.DeliveryRenderParams{TenantID: tenant, ID: message, Payload: new("{}")}),
		"DeliveryAttempted": one(h.system(), db.DeliveryAttemptedParams{TenantID: tenant, ID: message, State: "failed", Attempt: []byte("{}")}),
		"DeliveryGiveUp":    one(h.system(), db.DeliveryGiveUpParams{TenantID: tenant, ID: message, Error: "new"}),

		// Whom it is for is said as a text.
		"MembershipCreate": one(admin, db.MembershipCreateParams{TenantID: tenant, UserID: new(h.user(1).UUID()), LegalName: "New", EmailAddress: "new@example.com", CodeOfConduct: true}),
		"ProfileGet":       one(admin, db.ProfileGetParams{TenantID: tenant, Username: h.username(4)}),
		"TenantPublic":     one(nobody, fmt.Sprint("tenant-", h.number)),

		// Two days of an artist who works each second hour, and the last of the artist's calendar.
		"ArtistBookings": one(admin, db.ArtistBookingsParams{TenantID: tenant, ID: named[ids.ArtistID](h.name("artist", 2)), Since: inTheMiddle, Until: inTheMiddle.AddDate(0, 0, 2)}),
		"ArtistCalendar": one(admin, db.ArtistCalendarParams{TenantID: tenant, ArtistID: named[ids.ArtistID](h.name("artist", 2)), Since: inTheMiddle.Add(time.Duration(h.size-60) * time.Hour), Most: 50}),

		"AppointmentComplete": one(admin, db.AppointmentCompleteParams{TenantID: tenant, ID: named[ids.AppointmentID](h.name("appointment", 2)), TransactionID: ids.New[ids.TransactionID](), Method: "card"}),

		// A day of a giant's years, or of what a small one has.
		"ReportFinancial": one(admin, db.ReportFinancialParams{TenantID: tenant, GroupBy: "artist", FromDay: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), ToDay: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}),

		"SettingsGet":    one(admin, tenant),
		"SettingsUpdate": one(admin, db.SettingsUpdateParams{TenantID: tenant, Changes: []byte(`{"currency": "USD", "key_1": 2}`)}),

		"RoleCreate": one(admin, db.RoleCreateParams{TenantID: tenant, Name: "New", Permissions: []string{"items:read"}}),
		"RoleUpdate": one(admin, db.RoleUpdateParams{TenantID: tenant, ID: role, Permissions: []string{"teams:read"}, IfMatch: first}),

		"ArtistCreate":    one(binding, db.ArtistCreateParams{TenantID: tenant, Name: "New"}),
		"AuditEventVisit": one(binding, db.AuditEventVisitParams{TenantID: tenant, AccountID: &ada, Reason: "why"}),
	}
}
