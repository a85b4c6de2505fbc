package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowhouse/auth"
	"rowhouse/mail"
	"rowhouse/tenancy"
)

// Error is a refusal as the client reads it: what was wrong, where, and what would be right.
type Error struct {
	Status int
	Code   string // a stable word for programs
	Title  string
	Detail string
	Fields []FieldError

	more   int         // problems beside those of Fields
	header http.Header // more of the answer, such as Retry-After
}

// FieldError is what is wrong with one field of the body, the path or the query.
type FieldError struct {
	Field  string `json:"field" example:"name"`
	Code   string `json:"code" named:"FieldCode" example:"max_length"`
	Detail string `json:"detail" example:"At most 100 characters."`
}

// fieldCodes are those of FieldError: every one that an answer may hold.
var fieldCodes = []string{
	"common_password", "contains_email", "contains_username", "control_character", "encoding", "forbidden_field", "format", "header",
	"incorrect", "invalid", "length", "malformed_csv", "malformed_json", "max", "max_items", "max_length", "min", "min_length",
	"mismatch", "not_held", "not_null", "one_of", "range", "reference_not_found", "required", "required_with_role", "reused", "type",
	"unknown_field", "unwanted",
}

func (e *Error) Error() string { return e.Code + ": " + e.Detail }

func (e *Error) with(name, value string) *Error {
	changed := *e
	changed.header = e.header.Clone()
	if changed.header == nil {
		changed.header = http.Header{}
	}
	changed.header.Set(name, value)
	return &changed
}

func badRequest(code, detail string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Title: "Bad request", Detail: detail}
}

func invalid(fields ...FieldError) *Error {
	return &Error{Status: http.StatusUnprocessableEntity, Code: "validation_failed", Title: "Validation failed",
		Detail: "Some values are not acceptable; each is listed under fields.", Fields: fields}
}

func unauthorized(code, detail string) *Error {
	e := &Error{Status: http.StatusUnauthorized, Code: code, Title: "Unauthorized", Detail: detail}
	if code == "unauthorized" {
		return e.with("WWW-Authenticate", `Bearer realm="rowhouse"`)
	}
	return e.with("WWW-Authenticate", `Bearer realm="rowhouse", error="invalid_token"`)
}

func unavailable(code, detail string) *Error {
	e := &Error{Status: http.StatusServiceUnavailable, Code: code, Title: "Service unavailable", Detail: detail}
	return e.with("Retry-After", "1")
}

// statusHungUp is nginx's for a client that did not wait. Only the log hears of it.
const statusHungUp = 499

// The refusals that more than one place gives.
var (
	errRouteNotFound = &Error{Status: http.StatusNotFound, Code: "route_not_found", Title: "Not found", Detail: "There is no such address. The API stands under /api/v1 and is described at /docs."}
	errMethod        = &Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Title: "Method not allowed", Detail: "This address does not answer to this method; the header Allow lists those that it does."}
	errOrigin        = &Error{Status: http.StatusForbidden, Code: "origin_not_allowed", Title: "Forbidden", Detail: "The setting CORS_ORIGINS of this server does not list the origin of this page: its browser will not let it call."}
	errNotFound      = &Error{Status: http.StatusNotFound, Code: "not_found", Title: "Not found", Detail: "There is no such row that you can see."}
	errForbiddenRow  = &Error{Status: http.StatusForbidden, Code: "forbidden", Title: "Forbidden", Detail: "You see this row, but may not change it."}
	errStale         = &Error{Status: http.StatusPreconditionFailed, Code: "precondition_failed", Title: "Precondition failed", Detail: "The row has changed since the version in If-Match; ETag is its version now."}
	errNoCredential  = unauthorized("unauthorized", "Send an access token: Authorization: Bearer <token>, from POST /api/v1/auth/login.")
	errCredential    = unauthorized("invalid_token", "The credential is malformed, expired or revoked.")
	errLogin         = unauthorized("invalid_login", "No active account has this login and password.")
	errTokenRequired = &Error{Status: http.StatusForbidden, Code: "token_required", Title: "Forbidden", Detail: "An API key belongs to one user of one tenant; this asks for an access token of the account, from POST /api/v1/auth/login."}
	errUnproven      = &Error{Status: http.StatusForbidden, Code: "email_unproven", Title: "Forbidden", Detail: "Nobody has confirmed this account's e-mail yet: POST /api/v1/auth/email/verify/request sends a mail."}
	errWrongAccount  = &Error{Status: http.StatusForbidden, Code: "wrong_account", Title: "Forbidden", Detail: "The invitation was sent to another e-mail than this account's."}
	errTenant        = &Error{Status: http.StatusForbidden, Code: "tenant_forbidden", Title: "Forbidden", Detail: "You are not an active user of this tenant."}
	errBusy          = unavailable("busy", "Too many passwords are being checked at this moment; nothing was done.")
	errUnavailable   = unavailable("unavailable", "The database cannot be reached or is overloaded; nothing was done.")
	errNoRoom        = unavailable("unavailable", "There is no room left on this server's disk; nothing was done.")
	errInternal      = &Error{Status: http.StatusInternalServerError, Code: "internal", Title: "Internal error", Detail: "Something went wrong on our side. The request id leads to it in the log."}
	errHungUp        = &Error{Status: statusHungUp, Code: "hung_up", Title: "Hung up", Detail: "The connection was closed while the request waited for its turn; nothing was done."}
	errInFlight      = (&Error{Status: http.StatusConflict, Code: "idempotency_in_flight", Title: "Conflict", Detail: "A request with this Idempotency-Key is still under way."}).with("Retry-After", "1")
	errInUse         = &Error{Status: http.StatusConflict, Code: "in_use", Title: "Conflict", Detail: "Other rows still refer to this one."}
	errReference     = &Error{Status: http.StatusUnprocessableEntity, Code: "reference_not_found", Title: "Validation failed", Detail: "A row that this one refers to does not exist."}
	errLocked        = (&Error{Status: http.StatusConflict, Code: "busy", Title: "Conflict", Detail: "Somebody else is changing this at the moment; nothing was done."}).with("Retry-After", "1")
	errLostOutcome   = unavailable("outcome_unknown", "The connection to the database broke; whether the change was made is unknown. Look, or send it again with an Idempotency-Key.")
	errRegistration  = &Error{Status: http.StatusForbidden, Code: "registration_closed", Title: "Forbidden", Detail: "Registration is closed; ask for an invitation."}
	errMailFull      = unavailable("busy", "Too much mail is waiting to be sent; nothing was done.")
	errInvitation    = invalid(FieldError{"token", "invalid", "Not an invitation that can be accepted: it was used or taken back, it has expired, or whoever sent it could not send it now."})
	errOneTimeToken  = invalid(FieldError{"token", "invalid", "Not a token that is good: it was used, it has expired, a newer one was sent, or the password was changed or all sessions were ended since."})
	errPasswordRace  = &Error{Status: http.StatusConflict, Code: "conflict", Title: "Conflict", Detail: "Another request changed the password, or logged out everywhere; log in again."}
	errKeyReused     = invalid(FieldError{"Idempotency-Key", "reused", "This key was used for another request within 24 hours; a new request needs a new key."})
)

// broken says what a violated constraint means to the client. A constraint that is missing here is found by a test.
var broken = map[string]*Error{
	"accounts_username_key":      {Status: http.StatusConflict, Code: "username_taken", Title: "Conflict", Detail: "This username is taken; choose another."},
	"accounts_email_key":         {Status: http.StatusConflict, Code: "account_exists", Title: "Conflict", Detail: "There is an account with this e-mail. Log in, or invite it to the tenant: POST /api/v1/invitations."},
	"tenants_slug_key":           {Status: http.StatusConflict, Code: "conflict", Title: "Conflict", Detail: "The slug that was drawn is taken; send the request again."},
	"users_email_key":            {Status: http.StatusConflict, Code: "email_taken", Title: "Conflict", Detail: "Another user of this tenant has this e-mail."},
	"users_artist_id_key":        {Status: http.StatusConflict, Code: "artist_taken", Title: "Conflict", Detail: "Another user of this tenant is this artist."},
	"roles_name_key":             {Status: http.StatusConflict, Code: "already_exists", Title: "Conflict", Detail: "There is a role of this name."},
	"roles_primary_check":        {Status: http.StatusConflict, Code: "already_exists", Title: "Conflict", Detail: "admin, assistant, artist and member are the roles that every tenant has."},
	"api_keys_key_prefix_key":    {Status: http.StatusConflict, Code: "conflict", Title: "Conflict", Detail: "The key that was drawn is taken; send the request again."},
	"invitations_token_hash_key": {Status: http.StatusConflict, Code: "conflict", Title: "Conflict", Detail: "The token that was drawn is taken; send the request again."},
	"users_account_id_key":       {Status: http.StatusConflict, Code: "already_exists", Title: "Conflict", Detail: "This account is a user of this tenant already."},

	"accounts_username_check":       invalid(FieldError{"username", "format", "3 to 64 of a–z, 0–9, dot, underscore and hyphen."}),
	"accounts_email_check":          invalid(FieldError{"email", "format", "An e-mail address of up to 254 characters."}),
	"accounts_name_check":           invalid(FieldError{"name", "length", "1 to 120 characters."}),
	"sessions_user_agent_check":     invalid(FieldError{"User-Agent", "max_length", "At most 200 characters."}),
	"tenants_name_check":            invalid(FieldError{"name", "length", "1 to 100 characters."}),
	"tenants_slug_check":            invalid(FieldError{"slug", "format", "a–z, 0–9 and single hyphens, up to 63 characters."}),
	"tenants_status_check":          invalid(FieldError{"status", "one_of", "One of active, suspended, deleting."}),
	"users_email_check":             invalid(FieldError{"email", "format", "An e-mail address of up to 254 characters."}),
	"users_artist_check":            invalid(FieldError{"artist_id", "required_with_role", "Given exactly when the role is artist."}),
	"users_first_name_check":        invalid(FieldError{"first_name", "max_length", "At most 150 characters."}),
	"users_last_name_check":         invalid(FieldError{"last_name", "max_length", "At most 150 characters."}),
	"users_phone_check":             invalid(FieldError{"phone", "max_length", "At most 32 characters."}),
	"users_instagram_check":         invalid(FieldError{"instagram", "max_length", "At most 64 characters, without the @."}),
	"users_bio_check":               invalid(FieldError{"bio", "max_length", "At most 10000 characters."}),
	"users_search_visibility_check": invalid(FieldError{"search_visibility", "one_of", "One of public, private."}),
	"users_email_privacy_check":     invalid(FieldError{"email_privacy", "one_of", "One of public, private, never."}),
	"artists_name_check":            invalid(FieldError{"name", "length", "1 to 120 characters."}),
	"teams_name_check":              invalid(FieldError{"name", "length", "1 to 100 characters."}),
	"teams_description_check":       invalid(FieldError{"description", "max_length", "At most 500 characters."}),
	"roles_name_check":              invalid(FieldError{"name", "length", "1 to 100 characters."}),
	"roles_description_check":       invalid(FieldError{"description", "max_length", "At most 500 characters."}),
	"roles_permissions_check":       invalid(FieldError{"permissions", "max_items", "At most 100 permissions."}),
	"api_keys_name_check":           invalid(FieldError{"name", "length", "1 to 100 characters."}),
	"api_keys_description_check":    invalid(FieldError{"description", "max_length", "At most 500 characters."}),
	"api_keys_scopes_check":         invalid(FieldError{"scopes", "max_items", "At most 100 permissions."}),
	"invitations_email_check":       invalid(FieldError{"email", "format", "An e-mail address of up to 254 characters."}),
	"invitations_role_check":        invalid(FieldError{"role", "one_of", "One of admin, assistant, artist, member."}),
	"invitations_artist_check":      invalid(FieldError{"artist_id", "required_with_role", "Given exactly when the role is artist."}),
	"sessions_visit_check":          invalid(FieldError{"reason", "length", "1 to 500 characters."}),
	"users_name_check":              invalid(FieldError{"name", "length", "1 to 120 characters."}),
	"users_role_check":              invalid(FieldError{"role", "one_of", "One of admin, assistant, artist, member."}),
	"items_name_check":              invalid(FieldError{"name", "length", "1 to 100 characters."}),
	"items_description_check":       invalid(FieldError{"description", "max_length", "At most 500 characters."}),
	"items_price_cents_check":       invalid(FieldError{"price_cents", "range", "From 1 to 10000000."}),
	"idempotency_keys_key_check":    badRequest("invalid_idempotency_key", "Idempotency-Key is 1 to 255 printable ASCII characters."),
}

// referring says which field of a request a broken foreign key comes from; "path" is the address.
var referring = map[string]string{
	"users_team_id_fkey":         "team_id",
	"users_artist_id_fkey":       "artist_id",
	"invitations_team_id_fkey":   "team_id",
	"invitations_artist_id_fkey": "artist_id",
	"user_roles_role_id_fkey":    "role_id",
	"user_roles_user_id_fkey":    "path",
}

// reference is the refusal of a broken foreign key.
func reference(constraint string) *Error {
	switch field := referring[constraint]; field {
	case "":
		return errReference
	case "path":
		return errNotFound
	default:
		e := *errReference
		e.Fields = []FieldError{{field, "reference_not_found", "There is no such row that you can see."}}
		return &e
	}
}

// refused are the private codes that the doors and the rules in the database raise.
var refused = map[string]*Error{
	"RHSES": errCredential,
	"RHVIS": {Status: http.StatusForbidden, Code: "visiting", Title: "Forbidden", Detail: "A visit does what its tenant's routes allow, and can log out; for all else send the access token that it was begun with."},
	"RHINV": {Status: http.StatusConflict, Code: "already_exists", Title: "Conflict", Detail: "Whoever has this e-mail is a user of this tenant already; one who is not active is let in again: POST /api/v1/users/{user_id}/reactivate."},
	"RHTEN": errTenant,
	"RHPER": {Status: http.StatusForbidden, Code: "permission_denied", Title: "Forbidden", Detail: "Your role in this tenant does not allow this."},
	"RHADM": {Status: http.StatusConflict, Code: "last_admin", Title: "Conflict", Detail: "A tenant keeps at least one active admin; make somebody else one first."},
	"RHCLO": {Status: http.StatusConflict, Code: "account_closed", Title: "Conflict", Detail: "The account of this user was closed: nobody can log in as it."},
	"RHBUS": errInFlight,
	"RHEML": errUnproven,
	"RHCNF": invalid(FieldError{"confirm", "mismatch", "Write the tenant's name exactly as it is."}),
	"RHUSR": {Status: http.StatusForbidden, Code: "no_user_here", Title: "Forbidden", Detail: "You visit this tenant without being one of its users; this is for users alone."},
	"RHGRT": {Status: http.StatusForbidden, Code: "cannot_grant", Title: "Forbidden", Detail: "Nobody gives what he does not hold; what you lack is listed under fields."},
	"RHOWN": {Status: http.StatusForbidden, Code: "forbidden_field", Title: "Forbidden", Detail: "Of yourself you may change other fields, but not those listed."},
	"RHLIM": {Status: http.StatusTooManyRequests, Code: "rate_limited", Title: "Too many requests", Detail: "Too many attempts; Retry-After says in how many seconds the next may be made."},
}

// errKeyDenied is permission_denied for an API key, which may lack what its user has.
var errKeyDenied = &Error{Status: http.StatusForbidden, Code: "permission_denied", Title: "Forbidden", Detail: "The scopes of this key, or the role of its user, do not allow this."}

// listed are the private codes whose DETAIL names what was refused, and what each name then is.
var listed = map[string]FieldError{
	"RHGRT": {"", "not_held", "You do not hold %s."},
	"RHOWN": {"", "forbidden_field", "This is for others to change."},
}

// giving is the field by which a row of a table gives permissions.
var giving = map[string]string{"users": "role", "user_roles": "role_id", "roles": "permissions", "invitations": "role", "api_keys": "scopes"}

// refusedBy tells a private code, with what its DETAIL adds.
func refusedBy(said *pgconn.PgError) (*Error, bool) {
	known, ok := refused[said.Code]
	if !ok {
		return nil, false
	}
	if said.Code == "RHLIM" {
		most, seconds, _ := strings.Cut(said.Detail, " ")
		return tooMany(most, seconds), true
	}
	if form, ok := listed[said.Code]; ok {
		e := *known
		for name := range strings.SplitSeq(said.Detail, ", ") {
			field := form
			if field.Field = giving[said.TableName]; field.Field == "" {
				field.Field = name
			}
			field.Detail = strings.Replace(field.Detail, "%s", name, 1)
			e.Fields = append(e.Fields, field)
		}
		return &e, true
	}
	return known, true
}

// tooMany is the refusal of a limit of so many in a window that ends in so many seconds.
func tooMany(most, seconds string) *Error {
	return refused["RHLIM"].with("Retry-After", seconds).
		with("RateLimit-Limit", most).with("RateLimit-Remaining", "0").with("RateLimit-Reset", seconds)
}

// answered is the code for an Idempotency-Key that has its answer.
const answered = "RHFIN"

// classify is the one table from an error to a refusal. What it does not know is errInternal, which says nothing.
func classify(err error, deletes bool) *Error {
	var known *Error
	var said *pgconn.PgError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, pgx.ErrNoRows):
		return errNotFound
	case errors.Is(err, tenancy.ErrUnavailable):
		return errUnavailable
	case errors.Is(err, tenancy.ErrLost):
		return errLostOutcome
	case errors.Is(err, auth.ErrBusy):
		return errBusy
	case errors.Is(err, mail.ErrFull), errors.Is(err, mail.ErrClosed):
		return errMailFull
	case errors.Is(err, context.DeadlineExceeded):
		return errUnavailable
	case errors.Is(err, context.Canceled): // by the client alone: what silence of the database cancels is lost
		return errHungUp
	case errors.Is(err, syscall.ENOSPC): // an import is spooled to disk
		return errNoRoom
	case !errors.As(err, &said):
		return errInternal
	}
	code := said.Code
	if private, ok := refusedBy(said); ok {
		return private
	}
	switch {
	case code == "23505", code == "23514":
		if known, ok := broken[said.ConstraintName]; ok {
			return known
		}
		if code == "23505" {
			return &Error{Status: http.StatusConflict, Code: "already_exists", Title: "Conflict", Detail: "Another row has this value already."}
		}
	case code == "23P01":
		return &Error{Status: http.StatusConflict, Code: "overlap", Title: "Conflict", Detail: "It overlaps with another."}
	case code == "23503", code == "23001":
		if deletes {
			return errInUse
		}
		return reference(said.ConstraintName)
	case code == "55P03":
		return errLocked
	case code == "57014", code == "25006", code == "40001", code == "40P01",
		strings.HasPrefix(code, "53"), strings.HasPrefix(code, "57P"), strings.HasPrefix(code, "08"):
		return errUnavailable
	case strings.HasPrefix(code, "22"), code == "23502", code == "54000":
		return &Error{Status: http.StatusUnprocessableEntity, Code: "validation_failed", Title: "Validation failed", Detail: "A value is not acceptable to the database."}
	}
	return errInternal
}

// private says that an error carries the given private code.
func private(err error, code string) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == code
}
