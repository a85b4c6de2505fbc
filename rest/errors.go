package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"

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

	more   int         // problems beside those of Fields
	header http.Header // more of the answer, such as Retry-After
}

// FieldError is what is wrong with one field of the body, the path or the query.
type FieldError struct {
	Field  string `json:"field" example:"name"`
	Code   string `json:"code" named:"FieldCode" example:"max_length"`
	Detail string `json:"detail" example:"At most 100 characters."`
}

// fieldCodes are those of FieldError that this package gives.
var fieldCodes = []string{
	"control_character", "encoding", "format", "header", "invalid", "malformed_csv", "malformed_json", "max", "max_items",
	"max_length", "min", "min_length", "not_null", "one_of", "quota", "range", "reference_not_found", "required", "reused", "type", "unknown_field",
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

// until is a refusal of so many in a window that ends in so many seconds.
func (e *Error) until(most, seconds string) *Error {
	return e.with("Retry-After", seconds).
		with("RateLimit-Limit", most).with("RateLimit-Remaining", "0").with("RateLimit-Reset", seconds)
}

// BadRequest is a 400.
func BadRequest(code, detail string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Title: "Bad request", Detail: detail}
}

// Invalid is a 422 with all that is wrong.
func Invalid(fields ...FieldError) *Error {
	return &Error{Status: http.StatusUnprocessableEntity, Code: "validation_failed", Title: "Validation failed",
		Detail: "Some values are not acceptable; each is listed under fields.", Fields: fields}
}

// Forbidden is a 403.
func Forbidden(code, detail string) *Error {
	return &Error{Status: http.StatusForbidden, Code: code, Title: "Forbidden", Detail: detail}
}

// Conflict is a 409.
func Conflict(code, detail string) *Error {
	return &Error{Status: http.StatusConflict, Code: code, Title: "Conflict", Detail: detail}
}

// Unauthorized is a 401, which says how to be known.
func Unauthorized(code, detail string) *Error {
	e := &Error{Status: http.StatusUnauthorized, Code: code, Title: "Unauthorized", Detail: detail}
	if code == "unauthorized" {
		return e.with("WWW-Authenticate", `Bearer realm="rowhouse"`)
	}
	return e.with("WWW-Authenticate", `Bearer realm="rowhouse", error="invalid_token"`)
}

// Unavailable is a 503 of what may well work in a second.
func Unavailable(code, detail string) *Error {
	e := &Error{Status: http.StatusServiceUnavailable, Code: code, Title: "Service unavailable", Detail: detail}
	return e.with("Retry-After", "1")
}

// statusHungUp is nginx's for a client that did not wait. Only the log hears of it.
const statusHungUp = 499

// The refusals that more than one place gives.
var (
	errRouteNotFound = &Error{Status: http.StatusNotFound, Code: "route_not_found", Title: "Not found", Detail: "There is no such address. The API stands under /api/v1 and is described at /docs."}
	errMethod        = &Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Title: "Method not allowed", Detail: "This address does not answer to this method; the header Allow lists those that it does."}
	errOrigin        = Forbidden("origin_not_allowed", "The setting CORS_ORIGINS of this server does not list the origin of this page: its browser will not let it call.")
	ErrNotFound      = &Error{Status: http.StatusNotFound, Code: "not_found", Title: "Not found", Detail: "There is no such row that you can see."}
	errForbiddenRow  = Forbidden("forbidden", "You see this row, but may not change it.")
	errStale         = &Error{Status: http.StatusPreconditionFailed, Code: "precondition_failed", Title: "Precondition failed", Detail: "The row has changed since the version in If-Match; ETag is its version now."}
	errNoCredential  = Unauthorized("unauthorized", "Send an access token: Authorization: Bearer <token>.")
	ErrCredential    = Unauthorized("invalid_token", "The credential is malformed, expired or revoked.")
	errIssuer        = Unavailable("issuer_unavailable", "The issuer of this access token cannot be asked for its keys at the moment; nothing was done.")
	errUnlinked      = Unauthorized("identity_unlinked", "This access token is good, and whom it names is linked to no account here. The link is made at the first request, if the e-mail of the token is the one of an account here, and the account's is confirmed too.")
	errUnverified    = Unauthorized("identity_unlinked", "This access token is good, and whom it names is linked to no account here. To make the link the token must say email, and email_verified true.")
	errTokenRequired = Forbidden("token_required", "An API key belongs to one user of one tenant; this asks for an access token of the account.")
	ErrUnproven      = Forbidden("email_unproven", "Nobody has confirmed this account's e-mail yet.")
	ErrTenant        = Forbidden("tenant_forbidden", "You are not an active user of this tenant.")
	ErrBusy          = Unavailable("busy", "Too many passwords are being checked at this moment; nothing was done.")
	errUnavailable   = Unavailable("unavailable", "The database cannot be reached or is overloaded; nothing was done.")
	errNoRoom        = Unavailable("unavailable", "There is no room left on this server's disk; nothing was done.")
	errInternal      = &Error{Status: http.StatusInternalServerError, Code: "internal", Title: "Internal error", Detail: "Something went wrong on our side. The request id leads to it in the log."}
	errHungUp        = &Error{Status: statusHungUp, Code: "hung_up", Title: "Hung up", Detail: "The connection was closed while the request waited for its turn; nothing was done."}
	errInFlight      = Conflict("idempotency_in_flight", "A request with this Idempotency-Key is still under way.").with("Retry-After", "1")
	errInUse         = Conflict("in_use", "Other rows still refer to this one.")
	ErrReference     = &Error{Status: http.StatusUnprocessableEntity, Code: "reference_not_found", Title: "Validation failed", Detail: "A row that this one refers to does not exist."}
	errLocked        = Conflict("busy", "Somebody else is changing this at the moment; nothing was done.").with("Retry-After", "1")
	errLostOutcome   = Unavailable("outcome_unknown", "The connection to the database broke; whether the change was made is unknown. Look, or send it again with an Idempotency-Key.")
	errKeyReused     = Invalid(FieldError{"Idempotency-Key", "reused", "This key was used for another request within 24 hours; a new request needs a new key."})
)

// The private codes by which it is told that a session is over, and that an outside identity is linked to no account.
const (
	sessionOver = "RHSES"
	unlinked    = "RHIDN"
)

// refused are the private codes that the doors raise.
var refused = map[string]*Error{
	sessionOver: ErrCredential,
	"RHVIS":     Forbidden("visiting", "A visit does what its tenant's routes allow, and can log out; for all else send the access token that it was begun with."),
	"RHTEN":     ErrTenant,
	"RHPER":     Forbidden("permission_denied", "Your role in this tenant does not allow this."),
	"RHSUP":     Forbidden("superuser_required", "This is for superusers of the platform alone."),
	"RHBUS":     errInFlight,
	"RHEML":     ErrUnproven,
}

// errKeyDenied is permission_denied for an API key, which may lack what its user has.
var errKeyDenied = Forbidden("permission_denied", "The scopes of this key, or the role of its user, do not allow this.")

// Rule is what a private SQLSTATE code, which a rule in the database raises, means to a client.
type Rule struct {
	*Error
	Each  FieldError        // what each name is that the code's DETAIL lists, with %s for it; without a code: DETAIL lists none
	Field map[string]string // by table, the field that they are told of; where there is none, each of its own
}

// of is the rule's refusal with the names that DETAIL lists.
func (r Rule) of(said *pgconn.PgError) *Error {
	if r.Each.Code == "" {
		return r.Error
	}
	e := *r.Error
	for name := range strings.SplitSeq(said.Detail, ", ") {
		field := r.Each
		if field.Field = r.Field[said.TableName]; field.Field == "" {
			field.Field = name
		}
		field.Detail = strings.Replace(field.Detail, "%s", name, 1)
		e.Fields = append(e.Fields, field)
	}
	return &e
}

// tooMany is the refusal of a limit of so many in a window that ends in so many seconds.
func tooMany(most, seconds string) *Error {
	e := &Error{Status: http.StatusTooManyRequests, Code: "rate_limited", Title: "Too many requests", Detail: "Too many attempts; Retry-After says in how many seconds the next may be made."}
	return e.until(most, seconds)
}

// overQuota is the code of a quota that is used up. Its DETAIL is `<subject> <maximum>`, and of requests further in how many seconds it is full again.
const overQuota = "RHQUO"

// quotaExceeded is the refusal of a quota, as its DETAIL tells of it.
func quotaExceeded(detail string) *Error {
	said := strings.Fields(detail)
	if len(said) < 2 {
		return errInternal
	}
	status := http.StatusPaymentRequired
	if len(said) == 3 {
		status = http.StatusTooManyRequests
	}
	e := &Error{Status: status, Code: "quota_exceeded", Title: "Quota exceeded",
		Detail: "The quota of this tenant is used up: " + said[0] + ", at most " + said[1] + ".",
		Fields: []FieldError{{said[0], "quota", "At most " + said[1] + "."}}}
	if len(said) == 3 {
		return e.until(said[1], said[2])
	}
	return e
}

// ErrQuota describes that refusal, for an operation that makes rows of a tenant without being of the tenant's scope.
var ErrQuota = &Error{Status: http.StatusPaymentRequired, Code: "quota_exceeded", Title: "Quota exceeded", Detail: "A quota of the tenant is used up."}

// answered is the code for an Idempotency-Key that has its answer.
const answered = "RHFIN"

// IsTooMany says that what Counter.Take counted is used up.
func IsTooMany(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == usedUp
}

// usedUp is the code of rate_limit_take.
const usedUp = "RHLIM"

// Refuse is the one table from an error to a refusal. What it does not know is errInternal, which says nothing.
func (a *API) Refuse(err error, deletes bool) *Error {
	var known *Error
	var said *pgconn.PgError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case errors.Is(err, tenancy.ErrUnavailable):
		return errUnavailable
	case errors.Is(err, tenancy.ErrLost):
		return errLostOutcome
	case errors.Is(err, auth.ErrBusy):
		return ErrBusy
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
	if known, ok := refused[code]; ok {
		return known
	}
	if rule, ok := a.Rules[code]; ok {
		return rule.of(said)
	}
	if code == overQuota {
		return quotaExceeded(said.Detail)
	}
	if code == usedUp {
		most, seconds, _ := strings.Cut(said.Detail, " ")
		return tooMany(most, seconds)
	}
	constraint := tenancy.ConstraintOf(said)
	switch {
	case deletes && (code == "23503" || code == "23001"):
		return errInUse
	case broken[constraint] != nil && strings.HasPrefix(code, "23"):
		return broken[constraint]
	case code == "23505":
		return Conflict("already_exists", "Another row has this value already.")
	case code == "23P01":
		return Conflict("overlap", "It overlaps with another.")
	case code == "23503", code == "23001":
		return ErrReference
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

// told is a refusal as clients read it, with the hint that the API has for it.
func (a *API) told(e *Error) *Error {
	hint, ok := a.Hints[e.Code]
	if !ok {
		return e
	}
	more := *e
	more.Detail += " " + hint
	return &more
}

// private says that an error carries the given private code.
func private(err error, code string) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == code
}
