package handlers

import (
	"log/slog"
	"time"

	"rowhouse/archive"
	"rowhouse/auth"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

// Config is what the application needs to know of its surroundings.
type Config struct {
	rest.Config
	AccessTokenTTL     time.Duration
	RefreshTokenTTL    time.Duration
	RegistrationClosed bool
	TenantGrace        time.Duration   // from when a tenant is given up until it is erased; whole seconds
	WebhooksLoopback   bool            // for development: webhooks may be on this very machine
	ClerkSecret        auth.HookSecret // of the hook that Clerk tells of its users at; without one it is off
	Limits             Limits
}

// Limits bound what may be tried. They are counted in the database, for all processes.
type Limits struct {
	Login        rest.Limit // wrong passwords for one name, or behind a token for one account
	LoginAddress rest.Limit // wrong passwords from one address
	Register     rest.Limit // new accounts from one address
	Mail         rest.Limit // mails to one address
	MailAddress  rest.Limit // mails asked for from one address
}

// App is the application: what handlers need besides queries, and the server that answers with them.
type App struct {
	*rest.Server
	config    Config
	doors     *tenancy.Database
	passwords *auth.Passwords
	tokens    *auth.Tokens
	archivist *archive.Archivist
	log       *slog.Logger
}

// API is what the application serves. As it is it can be described; New serves it.
func API() *rest.API {
	return &rest.API{
		Routes:     routes,
		Rules:      rules,
		Hooks:      []rest.Hook{clerkHook},
		Identify:   identityEnter,
		Guessed:    []string{errAccountExists.Code, errUsernameTaken.Code},
		Hints:      hints,
		About:      about,
		Tags:       tagged,
		FieldCodes: fieldCodes,
		Summaries:  summaries,
	}
}

// What the rules in the database raise.
var (
	errLastAdmin   = rest.Conflict("last_admin", "A tenant keeps at least one active admin; make somebody else one first.")
	errNoUser      = rest.Forbidden("no_user_here", "You visit this tenant without being one of its users; this is for users alone.")
	errCannotGrant = rest.Forbidden("cannot_grant", "Nobody gives what he does not hold; what you lack is listed under fields.")
	errOwnField    = rest.Forbidden("forbidden_field", "Of yourself you may change other fields, but not those listed.")
	errEnded       = rest.Conflict("state_conflict", "The appointment has been completed or cancelled, which is the end of it; only its notes may change.")
	errJob         = rest.Conflict("state_conflict", "The job is done or being done, or was taken back before; GET says what it is now.")
	errTenant      = rest.Conflict("state_conflict", "The tenant is not in a state for this; GET says in which it is.")
	errTenantThere = rest.Conflict("already_exists", "There is a tenant of this id; with ?as=new another one is made of the archive.")
	errRestore     = rest.Conflict("restore_not_granted", "The owner of the tables may not keep triggers from running; a superuser of the database grants that once, see docs/operations.md.")
	errArchive     = rest.Invalid(rest.FieldError{Field: "body", Code: "archive", Detail: "The archive is refused, and why."})
	errMinor       = rest.Invalid(rest.FieldError{Field: "guardian_name", Code: "required", Detail: "A client under 18 years has a guardian."})

	rules = map[string]rest.Rule{
		"RHINV": {Error: errUserAlready},
		"RHADM": {Error: errLastAdmin},
		"RHCLO": {Error: errAccountClosed},
		"RHSUB": {Error: rest.ErrNotFound},
		"RHARC": {Error: errTenantThere},
		"RHPRM": {Error: errRestore},
		"RHCNF": {Error: errNotConfirmed},
		"RHUSR": {Error: errNoUser},
		"RHEND": {Error: errEnded},
		"RHMIN": {Error: errMinor},
		"RHJOB": {Error: errJob},
		"RHMNY": {Error: errWebhooks},
		"RHNON": {Error: rest.ErrNotFound},
		"RHGRT": {Error: errCannotGrant, Each: rest.FieldError{Code: "not_held", Detail: "You do not hold %s."}, Field: map[string]string{}},
		"RHOWN": {Error: errOwnField, Each: rest.FieldError{Code: "forbidden_field", Detail: "This is for others to change."}},
	}
)

// hints say which operation gives what a request lacked.
var hints = map[string]string{
	"unauthorized":   "POST /api/v1/auth/login gives you one.",
	"token_required": "POST /api/v1/auth/login gives you one.",
	"missing_tenant": "GET /api/v1/me/tenants lists yours.",
	"quota_exceeded": "GET /api/v1/tenant/usage shows what is used; the operator of this server can raise it.",
	"email_unproven": "POST /api/v1/auth/email/verify/request sends a mail.",
}

// logins are the attempts that a password is checked under: of an account that the caller has shown to know, or else of the name that he
// gave, whether or not it is somebody's. So what a login is refused tells neither that there is an account nor which two names are of
// one; who knows both of them may try each as often.
func (app *App) logins(who rest.Caller, what, whom string) []rest.Attempt {
	return []rest.Attempt{rest.Of(what, whom, app.config.Limits.Login), rest.From("login", who, app.config.Limits.LoginAddress)}
}

const about = `Many tenants share one server, and none sees another's rows.

**Answers** have one shape, {success, title, content}, and lists a page beside the content. The content of a refusal has a code for programs, a detail for people, every bad field at once, and the request_id that leads to it in the log. HEAD is GET without a body.

**The tenant** of a request is chosen in one of two ways. An access token that is bound to a tenant (log in with tenant_id, or POST /auth/switch-tenant) and an API key are used alone. An access token that is not bound goes with X-Tenant-Id.`

// tagged says what the operations under the first word of a path are about, where that is no table, or is not what a client sees of it.
var tagged = map[string]string{
	"audit-events": "Who changed what, and when.",
	"tenants":      "The tenants of the account.",
	"auth":         "Accounts, sessions, passwords and the mails that prove an address.",
	"me":           "The account that asks.",
	"platform":     "All tenants, for superusers.",
	"profiles":     "Users who let the others of the tenant find them.",
	"public":       "What everybody may read of a tenant that is public.",
	"reports":      "What was earned.",
	"server":       "The process itself.",
	"tenant":       "The tenant of the request.",

	"webhook-events": "What endpoints can be told of.",
}

// summaries are the summaries of operations that are more than a verb and its object.
var summaries = map[string]string{
	"accountClose":            "Close the account",
	"accountExport":           "Export all that is stored of the person",
	"accountGet":              "Get the account",
	"accountPasswordChange":   "Change the account's password",
	"accountRegister":         "Register an account",
	"accountTenantList":       "List the account's tenants, and what it is there",
	"accountUpdate":           "Update the account",
	"apiKeyRevokeAll":         "Revoke all API keys of a user",
	"artistCalendar":          "Get the calendar of an artist",
	"artistSlots":             "List when an artist is free",
	"deliveryList":            "List the deliveries of a webhook",
	"deliveryRedeliver":       "Send a delivery again",
	"emailChange":             "Ask for a change of the login e-mail",
	"emailVerify":             "Confirm an e-mail address",
	"emailVerifyRequest":      "Ask for a mail to confirm the e-mail address",
	"invitationAccept":        "Accept an invitation",
	"membershipAffirmVote":    "Affirm that the member still votes",
	"passwordForgot":          "Ask for a mail to set a new password",
	"passwordReset":           "Set a new password with a token from a mail",
	"publicPortfolioItemList": "List a public tenant's public portfolio items",
	"publicProfileList":       "List a public tenant's profiles",
	"publicUserGroupList":     "List a public tenant's approved user groups",
	"reportFinancial":         "Get the financial report",
	"reportFinancialExport":   "Export the lines of the financial report",
	"sessionLogin":            "Log in",
	"sessionLogout":           "Log out",
	"sessionLogoutAll":        "Log out everywhere",
	"sessionRefresh":          "Get the next access token",
	"sessionRevoke":           "End a session",
	"sessionSwitchTenant":     "Switch the session to a tenant",
	"settingsGet":             "Get the settings",
	"settingsUpdate":          "Update the settings",
	"platformTenantGet":       "Get any tenant",
	"platformTenantList":      "List all tenants",
	"tenantDelete":            "Delete the tenant",
	"tenantErase":             "Erase a tenant now",
	"tenantExport":            "Export a tenant as an archive",
	"tenantImport":            "Make a tenant of an archive",
	"platformTenantUsage":     "Get the usage of any tenant",
	"tenantQuota":             "Set a quota of a tenant",
	"tenantStats":             "Count the rows of a tenant",
	"tenantGet":               "Get the tenant",
	"tenantUpdate":            "Update the tenant",
	"tenantUsage":             "Get what the tenant has, and may have",
	"userGroupMarkTrusted":    "Mark a user group as trusted",
	"userGroupRevokeApproval": "Revoke the approval of a user group",
	"userGroupRevokeTrust":    "Revoke the trust in a user group",
	"userLeave":               "Leave the tenant",
	"userRoleAssign":          "Assign a role to a user",
	"userRoleUnassign":        "Take a role from a user",
	"webhookEventList":        "List what webhooks can be told of",
	"webhookRotateSecret":     "Give a webhook another secret",
	"webhookTest":             "Send a test to a webhook",
}

// fieldCodes are what handlers and rules find wrong with a field, beside what the contract does.
var fieldCodes = []string{
	"archive", "common_password", "contains_email", "contains_username", "forbidden_field", "incorrect", "mismatch", "not_held", "unwanted",
}
