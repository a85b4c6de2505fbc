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
	"rowhouse/tenancy"
)

// Account is a login identity. It is global and owns nothing in a tenant.
type Account struct {
	ID            ids.AccountID `json:"id"`
	Username      string        `json:"username" example:"ada"`
	Email         string        `json:"email" doc:"The login e-mail." example:"ada@example.com"`
	Name          *string       `json:"name" example:"Ada Lovelace"`
	EmailVerified bool          `json:"email_verified"`
	IsStaff       bool          `json:"is_staff" example:"false"`
	IsSuperuser   bool          `json:"is_superuser" example:"false"`
	CreatedAt     time.Time     `json:"created_at"`
	UpdatedAt     time.Time     `json:"updated_at"`

	version int64
	then    func()
}

func (a *Account) resource() (name, path string, version int64) { return "account", "/me", a.version }

func newAccount(row db.Account) Account {
	return Account{row.ID, row.Username, row.Email, row.Name, row.EmailVerifiedAt != nil, row.IsStaff, row.IsSuperuser,
		row.CreatedAt, row.UpdatedAt, row.Version, nil}
}

type accountRegisterInput struct {
	Username   *string `json:"username" validate:"min=1,max=64" doc:"3 to 64 of a–z, 0–9, dot, underscore and hyphen; made from the e-mail when left out, and then fixed." example:"ada"`
	Email      string  `json:"email" validate:"max=254" example:"ada@example.com"`
	Password   string  `json:"password" validate:"max=255" text:"raw" doc:"8 to 255 characters, not a common password, without the username or the e-mail's local part." example:"correct horse battery"`
	Name       *string `json:"name" validate:"min=1,max=120" example:"Ada Lovelace"`
	TenantName *string `json:"tenant_name" validate:"min=1,max=100" doc:"Also makes a tenant of this name, with the account's user as its admin." example:"Analytical Engines"`
}

func (in *accountRegisterInput) problems() []FieldError {
	return accountProblems(in.Email, in.Username, &in.Password)
}

// accountRegister makes an account, and with a tenant name also a tenant that it administers.
func accountRegister(ctx context.Context, s *Server, who Caller, in accountRegisterInput) (Account, error) {
	if s.config.RegistrationClosed {
		return Account{}, errRegistration
	}
	email, username, _ := names(in.Email, in.Username)
	if err := s.take(ctx, who, from("register", who, s.config.Limits.Register)); err != nil {
		return Account{}, err
	}
	hash, err := s.passwords.Hash(ctx, in.Password)
	if err != nil {
		return Account{}, err
	}
	account := db.AccountCreateParams{Username: username, Email: email, Name: in.Name, PasswordHash: &hash}
	if in.Username == nil {
		account.Spare = spare(username)
	}
	var made db.Account
	err = s.atomic(ctx, func(tx *tenancy.Tx) (err error) {
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
	out := newAccount(made)
	out.then = func() { s.post(who, made.Email, s.proof(who, made, made.Email)) }
	return out, nil
}

// after mails a proof to the e-mail of a new account.
func (a *Account) after(*Server, Caller) func() { return a.then }

var badEmail = FieldError{"email", "format", "Must be an e-mail address such as ada@example.com."}

// emailProblems is what is wrong with the field email.
func emailProblems(email string) []FieldError {
	if _, ok := auth.NormalizeEmail(email); !ok {
		return []FieldError{badEmail}
	}
	return nil
}

// accountProblems is what is wrong with the names and the password of a new account.
func accountProblems(givenEmail string, givenUsername, password *string) []FieldError {
	email, username, wrong := names(givenEmail, givenUsername)
	if password != nil {
		if problem := passwordProblem("password", *password, username, email); problem != nil {
			wrong = append(wrong, *problem)
		}
	}
	return wrong
}

// names are the canonical e-mail and username of a new account, and what is wrong with them.
func names(givenEmail string, givenUsername *string) (email, username string, wrong []FieldError) {
	email, ok := auth.NormalizeEmail(givenEmail)
	if !ok {
		wrong = append(wrong, badEmail)
	}
	if givenUsername == nil {
		return email, auth.UsernameFrom(email), wrong
	}
	if username, ok = auth.NormalizeUsername(*givenUsername); !ok {
		wrong = append(wrong, FieldError{"username", "format", "3 to 64 of a–z, 0–9, dot, underscore and hyphen."})
	}
	return email, username, wrong
}

// createAccount makes an account. A username that was made for it and was taken in the very moment is made anew.
func createAccount(ctx context.Context, q *db.Queries, account db.AccountCreateParams) (db.Account, error) {
	made, err := q.AccountCreate(ctx, account)
	if err != nil && account.Spare != nil && classify(err, false) == broken["accounts_username_key"] {
		err = tenancy.Again(err)
	}
	return made, err
}

// spare is what an account is called when the username that was made for it is taken.
func spare(username string) *string { return new(auth.SpareUsername(username)) }

// Found makes a tenant whose first admin is the account's user.
func Found(ctx context.Context, tx *tenancy.Tx, who Caller, account db.Account, name, slug string) (db.Tenant, ids.UserID, error) {
	id := ids.New[ids.TenantID]()
	q := tx.Provision(id, who)
	tenant, err := q.TenantCreate(ctx, db.TenantCreateParams{TenantID: id, Name: name, Slug: slug, CreatedBy: &account.ID})
	if err != nil {
		return db.Tenant{}, ids.UserID{}, err
	}
	admin, err := q.UserCreate(ctx, db.UserCreateParams{
		TenantID: id, AccountID: account.ID, Username: account.Username, Email: &account.Email, Name: account.Name, Role: "admin",
	})
	return tenant, admin.User.ID, err
}

// passwordProblem is what is wrong with a new password, or nil.
func passwordProblem(field, password, username, email string) *FieldError {
	var problem *auth.PasswordProblem
	if errors.As(auth.CheckPassword(password, username, email), &problem) {
		return &FieldError{field, problem.Code, problem.Detail}
	}
	return nil
}

// proves says whether a password is the account's; wrong ones are counted as at a login, and apart from those.
func (s *Server) proves(ctx context.Context, who Caller, account db.Account, password string) (bool, error) {
	hash := ""
	if account.PasswordHash != nil {
		hash = *account.PasswordHash
	}
	attempts := s.logins(who, "password of", account.ID.String())
	ok, _, err := s.passwords.Verify(ctx, password, hash, func() error { return s.take(ctx, who, attempts...) })
	if err != nil || !ok {
		return false, err
	}
	return true, s.give(ctx, who, attempts...)
}

// accountGet reads the account that asks, with a token or an API key.
func accountGet(ctx context.Context, s *Server, who Caller, _ struct{}) (out Account, err error) {
	err = tenancy.Retry(ctx, true, func() error {
		if !who.ByKey() {
			out, err = accountRead(ctx, s.doors.Account(who), who, struct{}{})
			return err
		}
		row, err := s.doors.Unscoped(who).AccountByKey(ctx, db.AccountByKeyParams{
			Tenant: who.Key.Tenant.UUID(), KeyPrefix: who.Key.Prefix, Hash: who.Key.Hash,
		})
		out = newAccount(row)
		return err
	})
	return out, err
}

// accountRead reads the account that asks.
func accountRead(ctx context.Context, q *db.Queries, who Caller, _ struct{}) (Account, error) {
	row, err := q.AccountGet(ctx, who.AccountID)
	return newAccount(row), err
}

type accountUpdateInput struct {
	Conditional
	Name Nullable[string] `json:"name" validate:"min=1,max=120" example:"Ada King"`
}

// accountUpdate changes the account's own fields.
func accountUpdate(ctx context.Context, q *db.Queries, who Caller, in accountUpdateInput) (Account, error) {
	row, err := q.AccountUpdate(ctx, db.AccountUpdateParams{
		AccountID: who.AccountID, IfMatch: in.IfMatch, NameSet: in.Name.Set, Name: in.Name.Value,
	})
	return newAccount(row), err
}

// accountClose ends the account's sessions, clears what is personal, and leaves its users inactive; last_admin where a
// tenant would be left without one.
func accountClose(ctx context.Context, tx *tenancy.Tx, who Caller, _ struct{}) (deleted[ids.AccountID], error) {
	none := deleted[ids.AccountID]{}
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
	return deleted[ids.AccountID]{held}, err
}

type accountPasswordChangeInput struct {
	CurrentPassword string `json:"current_password" validate:"min=1,max=255" text:"raw" example:"harbour-lights"`
	NewPassword     string `json:"new_password" validate:"max=255" text:"raw" example:"staple the battery horse"`
}

// accountPasswordChange replaces the password and ends the account's other sessions, and what was mailed for it.
func accountPasswordChange(ctx context.Context, s *Server, who Caller, in accountPasswordChangeInput) (done, error) {
	account, err := s.doors.Account(who).AccountGet(ctx, who.AccountID)
	if err != nil {
		return done{}, err
	}
	proven, err := s.proves(ctx, who, account, in.CurrentPassword)
	if err != nil {
		return done{}, err
	}
	var wrong []FieldError
	if !proven {
		wrong = append(wrong, FieldError{"current_password", "incorrect", "This is not the account's password."})
	}
	if problem := passwordProblem("new_password", in.NewPassword, account.Username, account.Email); problem != nil {
		wrong = append(wrong, *problem)
	}
	if wrong != nil {
		return done{}, invalid(wrong...)
	}
	hash, err := s.passwords.Hash(ctx, in.NewPassword)
	if err != nil {
		return done{}, err
	}
	changed, err := s.doors.Account(who).AccountPasswordSet(ctx, db.AccountPasswordSetParams{
		AccountID: who.AccountID, PasswordHash: &hash, Proofs: account.Proofs, KeptSessionID: who.SessionID,
	})
	if err == nil && changed == 0 {
		return done{}, errPasswordRace
	}
	return done{}, err
}
