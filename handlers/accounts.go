package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

// Account is a login identity. It is global and owns nothing in a tenant.
type Account struct {
	ID            ids.AccountID `json:"id"`
	Username      string        `json:"username" doc:"Chosen once; unique among all accounts." example:"ada"`
	Email         string        `json:"email" doc:"The login e-mail; unique among all accounts." example:"ada@example.com"`
	Name          *string       `json:"name" doc:"Goes into users that are made of the account." example:"Ada Lovelace"`
	EmailVerified bool          `json:"email_verified" doc:"Whether somebody has confirmed the e-mail with a token that was mailed there."`
	IsStaff       bool          `json:"is_staff" doc:"One of the operator's people." example:"false"`
	IsSuperuser   bool          `json:"is_superuser" doc:"One of the operator's people." example:"false"`
	CreatedAt     time.Time     `json:"created_at"`
	UpdatedAt     time.Time     `json:"updated_at"`

	version int64
}

func (a *Account) Resource() (name, path string, version int64) { return "account", "/me", a.version }

func newAccount(row db.Account) Account {
	return Account{row.ID, row.Username, row.Email, row.Name, row.EmailVerifiedAt != nil, row.IsStaff, row.IsSuperuser,
		row.CreatedAt, row.UpdatedAt, row.Version}
}

var (
	errRegistration  = rest.Forbidden("registration_closed", "Registration is closed; ask for an invitation.")
	errAccountExists = rest.Broken("accounts_email_key")
	errUsernameTaken = rest.Broken("accounts_username_key")
	errAccountClosed = rest.Conflict("account_closed", "The account of this user was closed: nobody can log in as it.")
	errPasswordRace  = rest.Conflict("conflict", "Another request changed the password, or logged out everywhere; log in again.")
)

type accountRegisterInput struct {
	Username   *string `json:"username" validate:"min=1" limit:"username" doc:"3 to 64 of a–z, 0–9, dot, underscore and hyphen; made from the e-mail when left out, and then fixed." example:"ada"`
	Email      string  `json:"email" limit:"accounts.email" example:"ada@example.com"`
	Password   string  `json:"password" limit:"password" text:"raw" doc:"8 to 255 characters, not a common password, without the username or the e-mail's local part." example:"correct horse battery"`
	Name       *string `json:"name" limit:"accounts.name" example:"Ada Lovelace"`
	TenantName *string `json:"tenant_name" limit:"tenants.name" doc:"Also makes a tenant of this name, with the account's user as its admin." example:"Analytical Engines"`
}

func (in *accountRegisterInput) Problems() []rest.FieldError {
	return accountProblems(in.Email, in.Username, &in.Password)
}

// accountRegister makes an account, and with a tenant name also a tenant that it administers.
func accountRegister(ctx context.Context, app *App, who rest.Caller, in accountRegisterInput) (Account, error) {
	if app.config.RegistrationClosed {
		return Account{}, errRegistration
	}
	email, username, _ := names(in.Email, in.Username)
	if err := app.Take(ctx, who, rest.From("register", who, app.config.Limits.Register)); err != nil {
		return Account{}, err
	}
	hash, err := app.passwords.Hash(ctx, in.Password)
	if err != nil {
		return Account{}, err
	}
	account := db.AccountCreateParams{Username: username, Email: email, Name: in.Name, PasswordHash: &hash, Proof: true}
	if in.Username == nil {
		account.Spare = spare(username)
	}
	var made db.Account
	err = app.atomic(ctx, func(tx *tenancy.Tx) (err error) {
		made, err = createAccount(ctx, tx.Unscoped(who), account)
		if err != nil || in.TenantName == nil {
			return err
		}
		founder := who
		founder.AccountID = made.ID
		_, _, err = Found(ctx, tx, founder, made, *in.TenantName, auth.Slug(*in.TenantName))
		return err
	})
	if err != nil {
		return Account{}, err
	}
	return newAccount(made), nil
}

var badUsername = rest.Broken("accounts_username_check").Fields[0]

var badEmail = rest.FieldError{Field: "email", Code: "format", Detail: "Must be an e-mail address such as ada@example.com."}

// emailProblems is what is wrong with the field email.
func emailProblems(email string) []rest.FieldError {
	if _, ok := auth.NormalizeEmail(email); !ok {
		return []rest.FieldError{badEmail}
	}
	return nil
}

// accountProblems is what is wrong with the names and the password of a new account.
func accountProblems(givenEmail string, givenUsername, password *string) []rest.FieldError {
	email, username, wrong := names(givenEmail, givenUsername)
	if password != nil {
		if problem := passwordProblem("password", *password, username, email); problem != nil {
			wrong = append(wrong, *problem)
		}
	}
	return wrong
}

// names are the canonical e-mail and username of a new account, and what is wrong with them.
func names(givenEmail string, givenUsername *string) (email, username string, wrong []rest.FieldError) {
	email, ok := auth.NormalizeEmail(givenEmail)
	if !ok {
		wrong = append(wrong, badEmail)
	}
	if givenUsername == nil {
		return email, auth.UsernameFrom(email), wrong
	}
	if username, ok = auth.NormalizeUsername(*givenUsername); !ok {
		wrong = append(wrong, badUsername)
	}
	return email, username, wrong
}

// createAccount makes an account. A username that was made for it and was taken in the very moment is made anew.
func createAccount(ctx context.Context, q *db.Queries, account db.AccountCreateParams) (db.Account, error) {
	account.ID = ids.New[ids.AccountID]()
	made, err := q.AccountCreate(ctx, account)
	if err != nil && account.Spare != nil && rest.Breaks(err, "accounts_username_key") {
		err = tenancy.Again(err)
	}
	return made, err
}

// spare is what an account is called when the username that was made for it is taken.
func spare(username string) *string { return new(auth.SpareUsername(username)) }

// Found makes a tenant whose first admin is the account's user.
func Found(ctx context.Context, tx *tenancy.Tx, who rest.Caller, account db.Account, name, slug string) (db.Tenant, ids.UserID, error) {
	id := ids.New[ids.TenantID]()
	q := tx.Provision(id, who)
	tenant, err := q.TenantCreate(ctx, db.TenantCreateParams{TenantID: id, Name: name, Slug: slug, CreatedBy: &account.ID})
	if err != nil {
		return db.Tenant{}, ids.UserID{}, err
	}
	admin, err := q.UserCreate(ctx, db.UserCreateParams{
		TenantID: id, ID: ids.New[ids.UserID](), AccountID: account.ID, Username: account.Username, Email: &account.Email, Name: account.Name, Role: "admin",
	})
	return tenant, admin.User.ID, err
}

// passwordProblem is what is wrong with a new password, or nil.
func passwordProblem(field, password, username, email string) *rest.FieldError {
	var problem *auth.PasswordProblem
	if errors.As(auth.CheckPassword(password, username, email), &problem) {
		return &rest.FieldError{Field: field, Code: problem.Code, Detail: problem.Detail}
	}
	return nil
}

// proves says whether a password is the account's; wrong ones are counted as at a login, and apart from those.
func (app *App) proves(ctx context.Context, who rest.Caller, account db.Account, password string) (bool, error) {
	hash := ""
	if account.PasswordHash != nil {
		hash = *account.PasswordHash
	}
	attempts := app.logins(who, "password of", account.ID.String())
	ok, _, err := app.passwords.Verify(ctx, password, hash, func() error { return app.Take(ctx, who, attempts...) })
	if err != nil || !ok {
		return false, err
	}
	return true, app.Give(ctx, who, attempts...)
}

// accountGet reads the account that asks, with a token or an API key.
func accountGet(ctx context.Context, app *App, who rest.Caller, _ struct{}) (out Account, err error) {
	err = tenancy.Retry(ctx, true, func() error {
		if !who.ByKey() {
			out, err = accountRead(ctx, app.doors.Account(who), who, struct{}{})
			return err
		}
		row, err := app.doors.Unscoped(who).AccountByKey(ctx, db.AccountByKeyParams{
			Tenant: who.Key.Tenant.UUID(), KeyPrefix: who.Key.Prefix, Hash: who.Key.Hash,
		})
		out = newAccount(row)
		return err
	})
	return out, err
}

// accountRead reads the account that asks.
func accountRead(ctx context.Context, q *db.Queries, who rest.Caller, _ struct{}) (Account, error) {
	row, err := q.AccountGet(ctx, who.AccountID)
	return newAccount(row), err
}

type accountUpdateInput struct {
	rest.Conditional
	Name rest.Nullable[string] `json:"name" limit:"accounts.name" example:"Ada King"`
}

// accountUpdate changes the account's own fields.
func accountUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in accountUpdateInput) (Account, error) {
	row, err := q.AccountUpdate(ctx, db.AccountUpdateParams{
		AccountID: who.AccountID, IfMatch: in.IfMatch, NameSet: in.Name.Set, Name: in.Name.Value,
	})
	return newAccount(row), err
}

// accountClose ends the account's sessions, clears what is personal, and leaves its users inactive; last_admin where a
// tenant would be left without one.
func accountClose(ctx context.Context, tx *tenancy.Tx, who rest.Caller, _ struct{}) (rest.Deleted[ids.AccountID], error) {
	none := rest.Deleted[ids.AccountID]{}
	held, err := tx.Account(who).AccountHold(ctx, who.AccountID)
	if err != nil {
		return none, err
	}
	tenants, err := tx.Account(who).AccountUserTenants(ctx, who.AccountID)
	if err != nil {
		return none, err
	}
	name := "closed-" + strings.ToLower(rand.Text()) // drawn, so that nobody can have taken it
	for _, tenant := range tenants {
		if _, err := tx.Provision(tenant, who).UserDeactivateOwn(ctx, db.UserDeactivateOwnParams{
			TenantID: tenant, AccountID: who.AccountID, Username: name,
		}); err != nil {
			return none, err
		}
	}
	err = tx.Account(who).AccountClose(ctx, db.AccountCloseParams{
		AccountID: who.AccountID, Username: name, Email: name + "@closed.invalid",
	})
	return rest.Deleted[ids.AccountID]{ID: held}, err
}

type accountPasswordChangeInput struct {
	CurrentPassword string `json:"current_password" validate:"min=1" limit:"password" text:"raw" example:"harbour-lights"`
	NewPassword     string `json:"new_password" limit:"password" text:"raw" example:"staple the battery horse"`
}

// accountPasswordChange replaces the password and ends the account's other sessions, and what was mailed for it. The session of an outside
// identity ends too: whoever else has a token of that identity shares it, and the next token begins another.
func accountPasswordChange(ctx context.Context, app *App, who rest.Caller, in accountPasswordChangeInput) (rest.Done, error) {
	account, err := app.doors.Account(who).AccountGet(ctx, who.AccountID)
	if err != nil {
		return rest.Done{}, err
	}
	proven, err := app.proves(ctx, who, account, in.CurrentPassword)
	if err != nil {
		return rest.Done{}, err
	}
	var wrong []rest.FieldError
	if !proven {
		wrong = append(wrong, rest.FieldError{Field: "current_password", Code: "incorrect", Detail: "This is not the account's password."})
	}
	if problem := passwordProblem("new_password", in.NewPassword, account.Username, account.Email); problem != nil {
		wrong = append(wrong, *problem)
	}
	if wrong != nil {
		return rest.Done{}, rest.Invalid(wrong...)
	}
	hash, err := app.passwords.Hash(ctx, in.NewPassword)
	if err != nil {
		return rest.Done{}, err
	}
	kept := who.SessionID
	if who.Outside {
		kept = ids.SessionID{}
	}
	changed, err := app.doors.Account(who).AccountPasswordSet(ctx, db.AccountPasswordSetParams{
		AccountID: who.AccountID, PasswordHash: &hash, Proofs: account.Proofs, KeptSessionID: kept,
	})
	if err == nil && changed == 0 {
		return rest.Done{}, errPasswordRace
	}
	return rest.Done{}, err
}
