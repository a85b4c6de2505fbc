package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowhouse/auth"
	"rowhouse/tenancy"
)

// Error is a refusal as the client reads it: what was wrong, where, and what would be right.
type Error struct {
	Status int
	Code   string // a stable word for programs
	Title  string
	Detail string
	Fields []FieldError

	header http.Header // more of the answer, such as Retry-After
}

// FieldError is what is wrong with one field of the body, the path or the query.
type FieldError struct {
	Field  string `json:"field" example:"name"`
	Code   string `json:"code" example:"max_length"`
	Detail string `json:"detail" example:"At most 100 characters."`
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

// The refusals that more than one place gives.
var (
	errRouteNotFound = &Error{Status: http.StatusNotFound, Code: "route_not_found", Title: "Not found", Detail: "There is no such address. The API stands under /api/v1 and is described at /docs."}
	errMethod        = &Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Title: "Method not allowed", Detail: "This address does not answer to this method; the header Allow lists those that it does."}
	errNotFound      = &Error{Status: http.StatusNotFound, Code: "not_found", Title: "Not found", Detail: "There is no such row that you can see."}
	errForbiddenRow  = &Error{Status: http.StatusForbidden, Code: "forbidden", Title: "Forbidden", Detail: "You see this row, but may not change it."}
	errStale         = &Error{Status: http.StatusPreconditionFailed, Code: "precondition_failed", Title: "Precondition failed", Detail: "The row has changed since the version in If-Match; ETag is its version now."}
	errNoCredential  = unauthorized("unauthorized", "Send an access token: Authorization: Bearer <token>, from POST /api/v1/auth/login.")
	errCredential    = unauthorized("invalid_token", "The credential is malformed, expired or revoked.")
	errLogin         = unauthorized("invalid_login", "No active account has this login and password.")
	errTenant        = &Error{Status: http.StatusForbidden, Code: "tenant_forbidden", Title: "Forbidden", Detail: "You are not an active user of this tenant."}
	errBusy          = unavailable("busy", "Too many passwords are being checked at this moment; nothing was done.")
	errUnavailable   = unavailable("unavailable", "The database cannot be reached or is overloaded; nothing was done.")
	errInternal      = &Error{Status: http.StatusInternalServerError, Code: "internal", Title: "Internal error", Detail: "Something went wrong on our side. The request id leads to it in the log."}
	errInFlight      = (&Error{Status: http.StatusConflict, Code: "idempotency_in_flight", Title: "Conflict", Detail: "A request with this Idempotency-Key is still under way."}).with("Retry-After", "1")
	errInUse         = &Error{Status: http.StatusConflict, Code: "in_use", Title: "Conflict", Detail: "Other rows still refer to this one."}
	errReference     = &Error{Status: http.StatusUnprocessableEntity, Code: "reference_not_found", Title: "Validation failed", Detail: "A row that this one refers to does not exist."}
	errLocked        = (&Error{Status: http.StatusConflict, Code: "busy", Title: "Conflict", Detail: "Somebody else is changing this at the moment; nothing was done."}).with("Retry-After", "1")
	errLostOutcome   = unavailable("outcome_unknown", "The connection to the database broke; whether the change was made is unknown. Look, or send it again with an Idempotency-Key.")
	errRegistration  = &Error{Status: http.StatusForbidden, Code: "registration_closed", Title: "Forbidden", Detail: "Registration is closed; ask for an invitation."}
	errPasswordRace  = &Error{Status: http.StatusConflict, Code: "conflict", Title: "Conflict", Detail: "The password was changed by another request; log in again."}
	errKeyReused     = invalid(FieldError{"Idempotency-Key", "reused", "This key was used for another request within 24 hours; a new request needs a new key."})
)

// broken says what a violated constraint means to the client. A constraint that is missing here is found by a test.
var broken = map[string]*Error{
	"accounts_username_key": {Status: http.StatusConflict, Code: "username_taken", Title: "Conflict", Detail: "This username is taken; choose another."},
	"accounts_email_key":    {Status: http.StatusConflict, Code: "account_exists", Title: "Conflict", Detail: "There is an account with this e-mail; log in instead."},
	"tenants_slug_key":      {Status: http.StatusConflict, Code: "conflict", Title: "Conflict", Detail: "The slug that was drawn is taken; send the request again."},
	"users_account_id_key":  {Status: http.StatusConflict, Code: "already_exists", Title: "Conflict", Detail: "This account is a user of this tenant already."},

	"accounts_username_check":    invalid(FieldError{"username", "format", "3 to 64 of a–z, 0–9, dot, underscore and hyphen."}),
	"accounts_email_check":       invalid(FieldError{"email", "format", "An e-mail address of up to 254 characters."}),
	"accounts_name_check":        invalid(FieldError{"name", "length", "1 to 120 characters."}),
	"sessions_user_agent_check":  invalid(FieldError{"User-Agent", "max_length", "At most 200 characters."}),
	"tenants_name_check":         invalid(FieldError{"name", "length", "1 to 100 characters."}),
	"tenants_slug_check":         invalid(FieldError{"slug", "format", "a–z, 0–9 and single hyphens, up to 63 characters."}),
	"tenants_status_check":       invalid(FieldError{"status", "one_of", "One of active, suspended, deleting."}),
	"users_email_check":          invalid(FieldError{"email", "max_length", "At most 254 characters."}),
	"users_name_check":           invalid(FieldError{"name", "length", "1 to 120 characters."}),
	"users_role_check":           invalid(FieldError{"role", "one_of", "One of admin, assistant, artist, member."}),
	"items_name_check":           invalid(FieldError{"name", "length", "1 to 100 characters."}),
	"items_description_check":    invalid(FieldError{"description", "max_length", "At most 500 characters."}),
	"items_price_cents_check":    invalid(FieldError{"price_cents", "range", "From 1 to 10000000."}),
	"idempotency_keys_key_check": badRequest("invalid_idempotency_key", "Idempotency-Key is 1 to 255 printable ASCII characters."),
}

// refused are the private codes that the doors and the rules in the database raise.
var refused = map[string]*Error{
	"RHSES": errCredential,
	"RHTEN": errTenant,
	"RHPER": {Status: http.StatusForbidden, Code: "permission_denied", Title: "Forbidden", Detail: "Your role in this tenant does not allow this."},
	"RHADM": {Status: http.StatusConflict, Code: "last_admin", Title: "Conflict", Detail: "A tenant keeps at least one active admin; make somebody else one first."},
	"RHBUS": errInFlight,
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
	case errors.Is(err, context.DeadlineExceeded):
		return errUnavailable
	case !errors.As(err, &said):
		return errInternal
	}
	code := said.Code
	if private, ok := refused[code]; ok {
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
		return errReference
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
