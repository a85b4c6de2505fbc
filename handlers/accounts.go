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
}

func (a *Account) resource() (name, path string, version int64) { return "account", "/me", a.version }

func newAccount(row db.Account) Account {
	return Account{row.ID, row.Username, row.Email, row.Name, row.EmailVerifiedAt != nil, row.IsStaff, row.IsSuperuser,
		row.CreatedAt, row.UpdatedAt, row.Version}
}

type accountRegisterInput struct {
	Username   *string `json:"username" validate:"min=1,max=64" doc:"3 to 64 of a–z, 0–9, dot, underscore and hyphen; made from the e-mail when left out, and then fixed." example:"ada"`
	Email      string  `json:"email" validate:"max=254" example:"ada@example.com"`
	Password   string  `json:"password" validate:"max=255" text:"raw" doc:"8 to 255 characters, not a common password, without the username or the e-mail's local part." example:"correct horse battery"`
	Name       *string `json:"name" validate:"min=1,max=120" example:"Ada Lovelace"`
	TenantName *string `json:"tenant_name" validate:"min=1,max=100" doc:"Also makes a tenant of this name, with the account's user as its admin." example:"Analytical Engines"`
}

// accountRegister makes an account, and with a tenant name also a tenant that it administers.
func accountRegister(ctx context.Context, s *Server, who Caller, in accountRegisterInput) (Account, error) {
	if s.config.RegistrationClosed {
		return Account{}, errRegistration
	}
	var wrong []FieldError
	email, ok := auth.NormalizeEmail(in.Email)
	if !ok {
		wrong = append(wrong, FieldError{"email", "format", "Must be an e-mail address such as ada@example.com."})
	}
	username := usernameFrom(email)
	if in.Username != nil {
		if username, ok = auth.NormalizeUsername(*in.Username); !ok {
			wrong = append(wrong, FieldError{"username", "format", "3 to 64 of a–z, 0–9, dot, underscore and hyphen."})
		}
	}
	if problem := passwordProblem("password", in.Password, username, email); problem != nil {
		wrong = append(wrong, *problem)
	}
	if wrong != nil {
		return Account{}, invalid(wrong...)
	}
	hash, err := s.passwords.Hash(ctx, in.Password)
	if err != nil {
		return Account{}, err
	}
	for attempt := 1; ; attempt++ {
		var made db.Account
		err := s.atomic(ctx, func(tx *tenancy.Tx) (err error) {
			made, err = tx.Unscoped(who).AccountCreate(ctx, db.AccountCreateParams{
				Username: username, Email: email, Name: in.Name, PasswordHash: &hash,
			})
			if err != nil || in.TenantName == nil {
				return err
			}
			founder := who
			founder.AccountID = made.ID
			_, err = found(ctx, tx, founder, made, *in.TenantName)
			return err
		})
		if in.Username == nil && attempt < 5 && isCode(err, "username_taken") {
			username = usernameFrom(email) + "-" + randomSuffix(4)
			continue
		}
		return newAccount(made), err
	}
}

// found makes a tenant whose first admin is the account's user.
func found(ctx context.Context, tx *tenancy.Tx, who Caller, account db.Account, name string) (db.Tenant, error) {
	id := ids.New[ids.TenantID]()
	q := tx.Provision(id, who)
	tenant, err := q.TenantCreate(ctx, db.TenantCreateParams{TenantID: id, Name: name, Slug: slug(name)})
	if err != nil {
		return db.Tenant{}, err
	}
	_, err = q.UserCreate(ctx, db.UserCreateParams{
		TenantID: id, AccountID: account.ID, Username: account.Username, Email: &account.Email, Name: account.Name, Role: "admin",
	})
	return tenant, err
}

// passwordProblem is what is wrong with a new password, or nil.
func passwordProblem(field, password, username, email string) *FieldError {
	var problem *auth.PasswordProblem
	if errors.As(auth.CheckPassword(password, username, email), &problem) {
		return &FieldError{field, problem.Code, problem.Detail}
	}
	return nil
}

// isCode says that an error would be told to the client under the code.
func isCode(err error, code string) bool { return err != nil && classify(err, false).Code == code }

// usernameFrom makes a username of an e-mail's local part.
func usernameFrom(email string) string {
	local, _, _ := strings.Cut(email, "@")
	kept := strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.ContainsRune("._-", c) {
			return c
		}
		return -1
	}, local)
	if len(kept) < 3 {
		kept = "user-" + randomSuffix(6)
	}
	return kept[:min(len(kept), 50)]
}

// slug makes the public name of a tenant: of its name, and of random characters, so that it tells nothing of others.
func slug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return !('a' <= c && c <= 'z' || '0' <= c && c <= '9') })
	text := strings.Join(words, "-")
	text = strings.Trim(text[:min(len(text), 48)], "-")
	if text == "" {
		text = "tenant"
	}
	return text + "-" + randomSuffix(8)
}

func randomSuffix(length int) string { return strings.ToLower(rand.Text()[:length]) }

// accountGet reads the account that asks.
func accountGet(ctx context.Context, q *db.Queries, who Caller, _ struct{}) (Account, error) {
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
	tenants, err := tx.Account(who).AccountUserTenants(ctx, who.AccountID)
	if err != nil {
		return none, err
	}
	name := "closed-" + strings.ReplaceAll(who.AccountID.UUID(), "-", "")
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
	return deleted[ids.AccountID]{who.AccountID}, err
}

type accountPasswordChangeInput struct {
	CurrentPassword string `json:"current_password" validate:"min=1,max=255" text:"raw" example:"correct horse battery"`
	NewPassword     string `json:"new_password" validate:"max=255" text:"raw" example:"staple the battery horse"`
}

// accountPasswordChange replaces the password and ends the account's other sessions.
func accountPasswordChange(ctx context.Context, s *Server, who Caller, in accountPasswordChangeInput) (done, error) {
	account, err := s.doors.Account(who).AccountGet(ctx, who.AccountID)
	if err != nil {
		return done{}, err
	}
	current := ""
	if account.PasswordHash != nil {
		current = *account.PasswordHash
	}
	proven, _, err := s.passwords.Verify(ctx, in.CurrentPassword, current)
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
		AccountID: who.AccountID, PasswordHash: &hash, CheckedHash: &current, KeptSessionID: who.SessionID,
	})
	if err == nil && changed == 0 {
		return done{}, errPasswordRace
	}
	return done{}, err
}
