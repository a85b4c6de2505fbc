package handlers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/tenancy"
)

// Caller is who is asking; see tenancy.Caller.
type Caller = tenancy.Caller

// scope is what a route asks of its caller before the database is asked.
type scope string

const (
	publicScope  scope = "public"  // nothing
	accountScope scope = "account" // an access token; the tenant header is ignored
	tenantScope  scope = "tenant"  // a credential and a tenant
)

// endpoint is what an adapter makes of a handler: all that the router, the documentation and the tests need to know.
type endpoint struct {
	scope      scope
	permission auth.Permission // of the tenant scope
	name       string          // the handler's, such as itemUpdate
	input      reflect.Type
	output     reflect.Type
	line       reflect.Type // of an upload: what each line is
	accepts    []string     // media types of a streamed body; otherwise JSON
	produces   []string     // media types of a streamed answer; otherwise JSON
	byKey      bool         // an account route that an API key may use too
	welcomes   bool         // a public route that heeds an access token, if there is one
	run        func(*exchange) (answer, error)
}

// work is a handler over one scope's queries. It maps no errors and keeps nothing: it may be run again.
type work[In, Out any] func(ctx context.Context, q *db.Queries, who Caller, in In) (Out, error)

// entry is the way into one scope: for a call on its own, and within a transaction.
type entry struct {
	alone  func(*exchange) *db.Queries
	within func(*exchange, *tenancy.Tx) *db.Queries
}

func tenantEntry(p auth.Permission) entry {
	return entry{
		alone:  func(x *exchange) *db.Queries { return x.server.doors.Enter(x.who, p) },
		within: func(x *exchange, tx *tenancy.Tx) *db.Queries { return tx.Enter(x.who, p) },
	}
}

var accountEntry = entry{
	alone:  func(x *exchange) *db.Queries { return x.server.doors.Account(x.who) },
	within: func(x *exchange, tx *tenancy.Tx) *db.Queries { return tx.Account(x.who) },
}

// need is a tenant route whose handler makes exactly one accessor call.
func need[In, Out any](p auth.Permission, h work[In, Out]) endpoint {
	e := describe[In, Out](tenantScope, h)
	e.permission = p
	e.run = single(tenantEntry(p), h)
	return e
}

// change is a tenant route that changes one row. When its write finds none, the read tells why: not found, found in another
// version than If-Match, or found and not the caller's to change.
func change[In, Out, ReadIn, Row any](p auth.Permission, write work[In, Out], read work[ReadIn, Row]) endpoint {
	e := describe[In, Out](tenantScope, write)
	e.permission = p
	e.run = changing(tenantEntry(p), tenantEntry(p.Read()), write, read)
	return e
}

// account is an account route whose handler makes exactly one accessor call.
func account[In, Out any](h work[In, Out]) endpoint {
	e := describe[In, Out](accountScope, h)
	e.run = single(accountEntry, h)
	return e
}

// accountChange is change in the account scope.
func accountChange[In, Out, ReadIn, Row any](write work[In, Out], read work[ReadIn, Row]) endpoint {
	e := describe[In, Out](accountScope, write)
	e.run = changing(accountEntry, accountEntry, write, read)
	return e
}

// provision is an account route that makes or leaves tenants, and so goes through several doors in one transaction.
func provision[In, Out any](h func(context.Context, *tenancy.Tx, Caller, In) (Out, error)) endpoint {
	e := describe[In, Out](accountScope, h)
	e.run = several(func(ctx context.Context, x *exchange, tx *tenancy.Tx, in In) (Out, error) {
		return h(ctx, tx, x.who, in)
	})
	return e
}

// atomic is a tenant route whose handler makes several accessor calls in one transaction.
func atomic[In, Out any](p auth.Permission, h func(context.Context, *Server, *tenancy.Tx, Caller, In) (Out, error)) endpoint {
	e := describe[In, Out](tenantScope, h)
	e.permission = p
	e.run = several(func(ctx context.Context, x *exchange, tx *tenancy.Tx, in In) (Out, error) {
		return h(ctx, x.server, tx, x.who, in)
	})
	return e
}

// open is a public route: login and what else must run before anyone is known.
func open[In, Out any](h func(context.Context, *Server, Caller, In) (Out, error)) endpoint {
	e := describe[In, Out](publicScope, h)
	e.run = served(h)
	return e
}

// welcoming is open to everybody, and its caller has an account if the request has an access token, which has then come through the
// account's door.
func welcoming[In, Out any](h func(context.Context, *Server, Caller, In) (Out, error)) endpoint {
	e := open(h)
	e.welcomes = true
	e.run = served(func(ctx context.Context, s *Server, who Caller, in In) (out Out, err error) {
		if !who.AccountID.IsZero() {
			if _, err := s.doors.Account(who).AccountGet(ctx, who.AccountID); err != nil {
				return out, err
			}
		}
		return h(ctx, s, who, in)
	})
	return e
}

// whoever is session for an API key too.
func whoever[In, Out any](h func(context.Context, *Server, Caller, In) (Out, error)) endpoint {
	e := session(h)
	e.byKey = true
	return e
}

// session is an account route that needs more of the server than queries: passwords, tokens.
func session[In, Out any](h func(context.Context, *Server, Caller, In) (Out, error)) endpoint {
	e := describe[In, Out](accountScope, h)
	e.run = served(h)
	return e
}

func describe[In, Out any](s scope, handler any) endpoint {
	name := runtime.FuncForPC(reflect.ValueOf(handler).Pointer()).Name()
	fieldsOf(reflect.TypeFor[In]())
	return endpoint{scope: s, name: name[strings.LastIndexByte(name, '.')+1:], input: reflect.TypeFor[In](), output: reflect.TypeFor[Out]()}
}

// nouns of more than one word, which the name of a handler does not show the end of.
var nouns = []string{"apiKey", "auditEvent"}

// operation is the name in audit events: item.update for itemUpdate, the noun and the rest, their words apart by underscores.
func (e *endpoint) operation() string {
	noun := strings.IndexFunc(e.name, unicode.IsUpper)
	for _, n := range nouns {
		if strings.HasPrefix(e.name, n) {
			noun = len(n)
		}
	}
	var b strings.Builder
	for i, c := range e.name {
		switch {
		case i == noun:
			b.WriteByte('.')
		case unicode.IsUpper(c):
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

func single[In, Out any](at entry, h work[In, Out]) func(*exchange) (answer, error) {
	return func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		if x.key != "" {
			return x.once(func(ctx context.Context, tx *tenancy.Tx) (any, error) {
				out, err := h(ctx, at.within(x, tx), x.who, in)
				return &out, err
			})
		}
		out, err := once(x, at, h, in)
		if err != nil {
			return answer{}, err
		}
		x.committed(&out)
		if list, ok := any(&in).(interface{ list() *List }); ok {
			if page, ok := any(&out).(pageAnswer); ok && list.list().Count && !page.counted() {
				// A page beyond the end has no row to bring the total; the first page has.
				*list.list() = List{Count: true, PageSize: 1}
				first, err := once(x, at, h, in)
				if err != nil {
					return answer{}, err
				}
				page.setTotal(any(&first).(pageAnswer))
			}
		}
		return x.render(&out)
	}
}

// once makes a handler's one call, and again where tenancy.Retry says so.
func once[In, Out any](x *exchange, at entry, h work[In, Out], in In) (out Out, err error) {
	err = tenancy.Retry(x.ctx, x.reads(), func() error {
		out, err = h(x.ctx, at.alone(x), x.who, in)
		return err
	})
	return out, err
}

func several[In, Out any](h func(context.Context, *exchange, *tenancy.Tx, In) (Out, error)) func(*exchange) (answer, error) {
	return func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		if x.key != "" {
			return x.once(func(ctx context.Context, tx *tenancy.Tx) (any, error) {
				out, err := h(ctx, x, tx, in)
				return &out, err
			})
		}
		var out Out
		err := tenancy.Retry(x.ctx, x.reads(), func() error {
			return x.server.doors.Atomic(x.ctx, func(tx *tenancy.Tx) (err error) {
				out, err = h(x.ctx, x, tx, in)
				return err
			})
		})
		if err != nil {
			return answer{}, err
		}
		x.committed(&out)
		return x.render(&out)
	}
}

func changing[In, Out, ReadIn, Row any](at, readAt entry, write work[In, Out], read work[ReadIn, Row]) func(*exchange) (answer, error) {
	return func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		out, err := once(x, at, write, in)
		if err == nil {
			return x.render(&out)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return answer{}, err
		}
		var which ReadIn
		if err := decodePath(x, &which); err != nil {
			return answer{}, err
		}
		row, err := once(x, readAt, read, which)
		if err != nil {
			return answer{}, err
		}
		found, err := x.render(&row)
		if err != nil {
			return answer{}, err
		}
		_, _, version := any(&row).(resource).resource()
		if c, ok := any(in).(interface{ versions() Versions }); ok && c.versions() != nil && !slices.Contains(c.versions(), version) {
			return answer{}, errStale.with("ETag", found.Header.Get("ETag"))
		}
		return answer{}, errForbiddenRow
	}
}

func served[In, Out any](h func(context.Context, *Server, Caller, In) (Out, error)) func(*exchange) (answer, error) {
	return func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		out, err := h(x.ctx, x.server, x.who, in)
		if err != nil {
			return answer{}, err
		}
		x.committed(&out)
		return x.render(&out)
	}
}

// committed keeps what an output has to do that must wait for its transaction and for its answer, such as writing mail.
func (x *exchange) committed(out any) {
	if c, ok := out.(interface{ after(*Server, Caller) func() }); ok {
		x.after = c.after(x.server, x.who)
	}
}

// answered does what was left until the answer is on its way, so that how long the answer took tells nothing of it.
func (x *exchange) answered() {
	if x.after != nil {
		_ = http.NewResponseController(x.writer).Flush() // an error: the client is gone, and what it asked for is done
		x.after()
	}
}

// fingerprint is of the whole request, and keyed, for a password may stand in its body.
func (x *exchange) fingerprint(secret []byte) []byte {
	sum := hmac.New(sha256.New, secret)
	for _, part := range []string{x.request.URL.Path, "\x00", x.request.URL.RawQuery, "\x00", string(x.body)} {
		sum.Write([]byte(part))
	}
	return sum.Sum(nil)
}

// once runs a POST under its Idempotency-Key: the effect and its answer are committed together, and the same request again
// gets the same answer. A refusal is not kept.
func (x *exchange) once(work func(context.Context, *tenancy.Tx) (any, error)) (answer, error) {
	claim := tenancy.Claim{Permission: x.route.permission, Key: x.key, Fingerprint: x.fingerprint(x.server.fingerprints[0])}
	var given answer
	var out any
	err := tenancy.Retry(x.ctx, false, func() error {
		return x.server.doors.Idempotent(x.ctx, x.who, claim, func(tx *tenancy.Tx) (stored []byte, err error) {
			if out, err = work(x.ctx, tx); err != nil {
				return nil, err
			}
			if given, err = x.render(out); err != nil {
				return nil, err
			}
			kept := given
			if s, ok := out.(interface{ withoutSecrets() any }); ok {
				if kept, err = x.render(s.withoutSecrets()); err != nil {
					return nil, err
				}
			}
			return json.Marshal(kept)
		})
	})
	if err == nil {
		x.committed(out)
	}
	if !private(err, answered) {
		return given, err
	}
	fingerprint, stored, err := x.server.doors.Recall(x.ctx, x.who, x.route.permission, x.key)
	if err != nil {
		return answer{}, err
	}
	same := func(secret []byte) bool { return hmac.Equal(fingerprint, x.fingerprint(secret)) }
	if !slices.ContainsFunc(x.server.fingerprints, same) {
		return answer{}, errKeyReused
	}
	if err := json.Unmarshal(stored, &given); err != nil {
		return answer{}, err
	}
	if given.Header == nil {
		given.Header = http.Header{}
	}
	given.Header.Set("Idempotent-Replayed", "true")
	return given, nil
}
