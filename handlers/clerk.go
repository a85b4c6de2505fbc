package handlers

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

// Clerk is what its issuer is called among those of identities: its ids are its own for ever, whichever address it has.
const Clerk = "clerk"

const (
	// maxClerkMessage is in bytes: many times what Clerk tells of a user.
	maxClerkMessage = 256 << 10
	maxClerkID      = 255
	maxAccountName  = 120
)

var (
	errHookOff      = rest.Unavailable("hook_disabled", "This server has no secret for this hook: the setting CLERK_WEBHOOK_SECRET.")
	errHookRefused  = rest.BadRequest("invalid_signature", "Not a message that was signed with this hook's secret, within five minutes of now: svix-id, svix-timestamp and svix-signature, each once.")
	errHookReplayed = rest.BadRequest("replayed_message", "This very message was sent before; the service signs anew what it sends again.")
	errHookBody     = rest.BadRequest("malformed_message", "Signed, and not an event as this server knows them: a type, and data with an id.")
	errHookEmail    = rest.BadRequest("email_owned", "Another account has this user's e-mail, and is not known to be the same person's: both must have confirmed it, and the account is linked once.")
)

// What becomes of a message.
const (
	hookApplied  = "applied"
	hookIgnored  = "ignored"  // nothing that is of use here
	hookOutdated = "outdated" // something later is known
	hookRepeated = "repeated" // heeded before
)

var clerkHook = rest.Hook{
	Path: "/hooks/clerk", Name: "hookClerk", Limit: maxClerkMessage,
	Ready: func(app any) error {
		if app.(*App).config.ClerkSecret.IsZero() {
			return errHookOff
		}
		return nil
	},
	Take:    clerkTake,
	Refuses: []*rest.Error{errHookOff, errHookRefused, errHookReplayed, errHookBody, errHookEmail},
}

// clerkEvent is a message of Clerk's, as far as anything is made of it.
type clerkEvent struct {
	Type string    `json:"type"`
	Data clerkUser `json:"data"`
}

// clerkUser is a user at Clerk; of one that was deleted there is only the id.
type clerkUser struct {
	ID        string       `json:"id"`
	Username  string       `json:"username"`
	FirstName string       `json:"first_name"`
	LastName  string       `json:"last_name"`
	Primary   string       `json:"primary_email_address_id"`
	Emails    []clerkEmail `json:"email_addresses"`
	UpdatedAt int64        `json:"updated_at"` // milliseconds since 1970
}

type clerkEmail struct {
	ID           string `json:"id"`
	Address      string `json:"email_address"`
	Verification struct {
		Status string `json:"status"`
	} `json:"verification"`
}

// email is the primary address in canonical form, and whether Clerk has verified it; ok is false for a user without one.
func (u *clerkUser) email() (email string, verified, ok bool) {
	for _, e := range u.Emails {
		if e.ID == u.Primary && u.Primary != "" {
			email, ok = auth.NormalizeEmail(e.Address)
			return email, e.Verification.Status == "verified", ok
		}
	}
	return "", false, false
}

// name is the user's full name as an account has it; nil: none.
func (u *clerkUser) name() *string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, u.FirstName+" "+u.LastName)
	runes := []rune(strings.Join(strings.Fields(plain), " "))
	name := strings.TrimSpace(string(runes[:min(len(runes), maxAccountName)]))
	if name == "" {
		return nil
	}
	return &name
}

// clerkTake heeds a message of Clerk's once. What it changes and that it was heeded are committed together; a refusal changes nothing, and
// Clerk sends the message again.
func clerkTake(ctx context.Context, app any, who rest.Caller, message rest.Message) (outcome string, err error) {
	a := app.(*App)
	var headers [3]string
	for i, name := range []string{"svix-id", "svix-timestamp", "svix-signature"} {
		values := message.Header(name)
		if len(values) != 1 {
			return "", errHookRefused
		}
		headers[i] = values[0]
	}
	sent, err := a.config.ClerkSecret.Verify(auth.HookMessage{ID: headers[0], Timestamp: headers[1], Signature: headers[2]}, message.Body, time.Now())
	if err != nil {
		return "", errHookRefused
	}
	var event clerkEvent
	if json.Unmarshal(message.Body, &event) != nil || event.Type == "" {
		var other struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(message.Body, &other) != nil || other.Type == "" || strings.HasPrefix(other.Type, "user.") {
			return "", errHookBody
		}
		event = clerkEvent{Type: other.Type} // whose data are of another kind
	}
	tell, ok := map[string]func(*App, context.Context, *tenancy.Tx, rest.Caller, *clerkUser) (string, error){
		"user.created": (*App).clerkTold,
		"user.updated": (*App).clerkTold,
		"user.deleted": (*App).clerkDeleted,
	}[event.Type]
	if ok {
		id := event.Data.ID
		if id == "" || len(id) > maxClerkID || strings.ContainsFunc(id, unicode.IsControl) {
			return "", errHookBody
		}
		who.Operation = "clerk." + strings.ReplaceAll(event.Type, ".", "_")
	}
	err = a.atomic(ctx, func(tx *tenancy.Tx) error {
		repeated, err := tx.Unscoped(who).HookMessageTake(ctx, db.HookMessageTakeParams{ID: headers[0], SentAt: sent})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return errHookReplayed
		case err != nil:
			return err
		case repeated:
			outcome = hookRepeated
		case !ok:
			outcome = hookIgnored
		default:
			outcome, err = tell(a, ctx, tx, who, &event.Data)
		}
		return err
	})
	return outcome, err
}

// clerkIdentity is what is known of a user of Clerk's, which nobody else changes until the transaction ends; nil: nothing.
func clerkIdentity(ctx context.Context, q *db.Queries, id string) (*db.Identity, error) {
	if _, err := q.IdentityHold(ctx, db.IdentityHoldParams{Issuer: Clerk, Subject: id}); err != nil {
		return nil, err
	}
	known, err := q.IdentityGet(ctx, db.IdentityGetParams{Issuer: Clerk, Subject: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &known, err
}

// clerkTold brings the account of a user in step with what Clerk tells of him, unless something later is known; one that nobody has heard of
// gets an account.
func (app *App) clerkTold(ctx context.Context, tx *tenancy.Tx, who rest.Caller, user *clerkUser) (string, error) {
	q := tx.Unscoped(who)
	told := time.UnixMilli(user.UpdatedAt)
	known, err := clerkIdentity(ctx, q, user.ID)
	switch {
	case err != nil:
		return "", err
	case known == nil:
		return clerkBegin(ctx, q, user, told)
	case known.EndedAt != nil || known.ToldAt != nil && !told.After(*known.ToldAt):
		return hookOutdated, nil
	}
	account, err := q.AccountLock(ctx, *known.AccountID)
	if err != nil {
		return "", err
	}
	next := db.AccountTellParams{AccountID: account.ID, Email: account.Email, Name: user.name()}
	// What is proven is not given up for what is not.
	if email, verified, ok := user.email(); ok && (verified || account.EmailVerifiedAt == nil) {
		next.Email, next.EmailVerified = email, verified
	}
	if err := clerkFree(ctx, q, next.Email, &account.ID); err != nil {
		return "", err
	}
	switch _, err := q.AccountTell(ctx, next); {
	case rest.Breaks(err, "accounts_email_key"):
		return "", errHookEmail // in the same moment
	case errors.Is(err, pgx.ErrNoRows):
		return hookIgnored, nil // it is not active, and Clerk does not make it so
	case err != nil:
		return "", err
	}
	return hookApplied, clerkLink(ctx, q, user.ID, account.ID, told)
}

// clerkBegin links a user of whom nobody has heard: to the account of his e-mail, where both have confirmed it, or else to a new one.
func clerkBegin(ctx context.Context, q *db.Queries, user *clerkUser, told time.Time) (string, error) {
	email, verified, ok := user.email()
	if !ok {
		return hookIgnored, nil // an account has an e-mail; he may yet get one
	}
	account, err := q.AccountByLogin(ctx, email)
	switch {
	case err == nil:
		account, err = q.AccountLock(ctx, account.ID)
		if err == nil && (!verified || account.Email != email || account.EmailVerifiedAt == nil || !account.IsActive) {
			err = errHookEmail
		}
	case errors.Is(err, pgx.ErrNoRows):
		account, err = createAccount(ctx, q, user.account(email, verified))
		if rest.Breaks(err, "accounts_email_key") {
			err = errHookEmail
		}
	}
	if err != nil {
		return "", err
	}
	err = clerkLink(ctx, q, user.ID, account.ID, told)
	if rest.Breaks(err, "identities_account_id_key") {
		err = errHookEmail
	}
	return hookApplied, err
}

// account is the account that is made for a user. His username at Clerk is taken where it can be.
func (u *clerkUser) account(email string, verified bool) db.AccountCreateParams {
	username, ok := auth.NormalizeUsername(u.Username)
	if !ok {
		username = auth.UsernameFrom(email)
	}
	made := db.AccountCreateParams{Username: username, Spare: spare(username), Email: email, Name: u.name()}
	if verified {
		made.EmailVerifiedAt = new(time.Now())
	}
	return made
}

// clerkFree fails where another account has an e-mail.
func clerkFree(ctx context.Context, q *db.Queries, email string, except *ids.AccountID) error {
	other, err := q.AccountByLogin(ctx, email)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err == nil && other.ID != *except:
		return errHookEmail
	}
	return err
}

func clerkLink(ctx context.Context, q *db.Queries, id string, account ids.AccountID, told time.Time) error {
	return q.IdentityTell(ctx, db.IdentityTellParams{Issuer: Clerk, Subject: id, AccountID: &account, ToldAt: &told})
}

// clerkDeleted shuts the account of a user who is no more, for good: its sessions, its API keys, what was mailed for it and what it has
// invited others to. Its users stay in their tenants, which are not Clerk's; nobody can act as them. That he was deleted is kept, since what
// Clerk told of him before may yet come.
func (app *App) clerkDeleted(ctx context.Context, tx *tenancy.Tx, who rest.Caller, user *clerkUser) (string, error) {
	known, err := clerkIdentity(ctx, tx.Unscoped(who), user.ID)
	if err != nil {
		return "", err
	}
	if known != nil && known.EndedAt != nil {
		return hookOutdated, nil
	}
	if known != nil {
		if err := Shut(ctx, tx, who, *known.AccountID); err != nil {
			return "", err
		}
	}
	return hookApplied, tx.Unscoped(who).IdentityEnd(ctx, db.IdentityEndParams{Issuer: Clerk, Subject: user.ID})
}

// Shut deactivates an account: its sessions end, and its API keys, and the invitations to it and by it.
func Shut(ctx context.Context, tx *tenancy.Tx, who rest.Caller, account ids.AccountID) error {
	if _, err := tx.Unscoped(who).AccountLock(ctx, account); err != nil {
		return err
	}
	tenants, err := tx.Assume(account, who).AccountUserTenants(ctx, account)
	if err != nil {
		return err
	}
	for _, tenant := range tenants {
		q := tx.Provision(tenant, who)
		if err := q.ApiKeyRevokeOfAccount(ctx, db.ApiKeyRevokeOfAccountParams{TenantID: tenant, AccountID: account}); err != nil {
			return err
		}
		if err := q.InvitationDeleteOfAccount(ctx, db.InvitationDeleteOfAccountParams{TenantID: tenant, AccountID: account}); err != nil {
			return err
		}
	}
	return tx.Unscoped(who).AccountDeactivate(ctx, account)
}
