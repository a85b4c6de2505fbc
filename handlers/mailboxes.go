package handlers

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

// A one-time token proves that its bearer reads the mail of an address. It does not prove that he is who made the account: of an
// account that somebody else may have prepared, password, sessions and keys go when its address is proven.

// mails are the attempts that a mail to an address is counted under.
func (app *App) mails(who rest.Caller, email string) []rest.Attempt {
	return []rest.Attempt{rest.MailTo(email, app.config.Limits.Mail), rest.From("mail", who, app.config.Limits.MailAddress)}
}

var errOneTimeToken = rest.Invalid(rest.FieldError{Field: "token", Code: "invalid", Detail: "Not a token that is good: it was used, it has expired, a newer one was sent, or the password was changed or all sessions were ended since."})

type passwordForgotInput struct {
	Email string `json:"email" limit:"accounts.email" doc:"The login e-mail." example:"ada@example.com"`
}

func (in *passwordForgotInput) Problems() []rest.FieldError { return emailProblems(in.Email) }

// passwordForgot promises a mail with a token that sets a new password. Whether there is such an account is looked at when it is sent; whoever asks has
// proven nothing, so that it does not matter whether he asked before proofs were voided or after.
func passwordForgot(ctx context.Context, app *App, who rest.Caller, in passwordForgotInput) (rest.Done, error) {
	email, _ := auth.NormalizeEmail(in.Email)
	if err := app.Take(ctx, who, app.mails(who, email)...); err != nil {
		return rest.Done{}, err
	}
	return rest.Done{}, app.doors.Unscoped(who).LetterCreate(ctx, db.LetterCreateParams{Kinds: []string{"password"}, Emails: []string{email}})
}

// promise has letters of these kinds sent to these addresses, for the account as it was seen.
func (app *App) promise(ctx context.Context, who rest.Caller, account db.Account, kinds, emails []string) error {
	return app.doors.Unscoped(who).LetterCreate(ctx, db.LetterCreateParams{Kinds: kinds, Emails: emails, AccountID: &account.ID, Proofs: &account.Proofs})
}

// bearer is the account of a live token, and the address that the token proves.
func (app *App) bearer(ctx context.Context, who rest.Caller, token, purpose string) (row db.TokenGetRow, hash []byte, err error) {
	if !auth.SecretShape(token, auth.OneTimePrefix) {
		return row, nil, app.Guess(ctx, who, errOneTimeToken)
	}
	hash = auth.HashSecret(token)
	row, err = app.doors.Unscoped(who).TokenGet(ctx, db.TokenGetParams{Hash: hash, Purpose: purpose})
	if errors.Is(err, pgx.ErrNoRows) {
		err = app.Guess(ctx, who, errOneTimeToken)
	}
	return row, hash, err
}

// prove makes an address the account's proven e-mail. The token that was mailed there is spent: whoever comes with it a second time gets
// errOneTimeToken. Without a token (nil) the caller has another proof. Wipe takes the password and the sessions away, and hash, unless it is
// nil, is that of the new password; where the address was not proven before, somebody else may get the account, and its API keys go too.
func (app *App) prove(ctx context.Context, tx *tenancy.Tx, who rest.Caller, account db.Account, email string, token []byte, hash *string, wipe bool) (db.Account, error) {
	owner := tx.Assume(account.ID, who)
	if _, err := owner.AccountHold(ctx, account.ID); err != nil { // whoever voids the token has done so, or waits
		return account, err
	}
	if token != nil {
		if _, err := owner.TokenSpend(ctx, db.TokenSpendParams{AccountID: account.ID, Hash: token}); errors.Is(err, pgx.ErrNoRows) {
			return account, errOneTimeToken
		} else if err != nil {
			return account, err
		}
	}
	if wipe && (account.EmailVerifiedAt == nil || account.Email != email) {
		tenants, err := owner.AccountUserTenants(ctx, account.ID)
		if err != nil {
			return account, err
		}
		for _, tenant := range tenants {
			q := tx.Provision(tenant, who)
			if err := q.ApiKeyRevokeOfAccount(ctx, db.ApiKeyRevokeOfAccountParams{TenantID: tenant, AccountID: account.ID}); err != nil {
				return account, err
			}
			if err := q.WebhookEndOfAccount(ctx, db.WebhookEndOfAccountParams{TenantID: tenant, AccountID: account.ID}); err != nil {
				return account, err
			}
		}
	}
	return owner.AccountProve(ctx, db.AccountProveParams{AccountID: account.ID, Email: email, PasswordHash: hash, Wipe: wipe})
}

// spend takes a token away and proves its address, as in prove.
func (app *App) spend(ctx context.Context, who rest.Caller, row db.TokenGetRow, token []byte, hash *string, wipe bool) (account db.Account, err error) {
	err = app.atomic(ctx, func(tx *tenancy.Tx) (err error) {
		account, err = app.prove(ctx, tx, who, row.Account, row.Proven, token, hash, wipe)
		if errors.Is(err, pgx.ErrNoRows) {
			return errOneTimeToken // closed since
		}
		return err
	})
	return account, err
}

type passwordResetInput struct {
	Token    string `json:"token" validate:"min=1" limit:"token" doc:"From the mail." example:"rht_4zgq5j7uxk2v6ycm3o3wtd6fba"`
	Password string `json:"password" limit:"password" text:"raw" doc:"The new one: 8 to 255 characters, not a common password, without the username or the e-mail's local part." example:"correct horse battery"`
}

// Problems has the rules for passwords of any account; those that compare it with the account's names come when the account is known.
func (in *passwordResetInput) Problems() []rest.FieldError {
	if problem := passwordProblem("password", in.Password, "", ""); problem != nil {
		return []rest.FieldError{*problem}
	}
	return nil
}

// passwordReset sets a new password for whoever reads the account's mail, which it proves, and ends every session.
func passwordReset(ctx context.Context, app *App, who rest.Caller, in passwordResetInput) (rest.Done, error) {
	row, token, err := app.bearer(ctx, who, in.Token, auth.ForPassword)
	if err != nil {
		return rest.Done{}, err
	}
	if problem := passwordProblem("password", in.Password, row.Account.Username, row.Account.Email); problem != nil {
		return rest.Done{}, rest.Invalid(*problem)
	}
	hash, err := app.passwords.Hash(ctx, in.Password)
	if err != nil {
		return rest.Done{}, err
	}
	_, err = app.spend(ctx, who, row, token, &hash, true)
	return rest.Done{}, err
}

type emailVerifyInput struct {
	Token    string  `json:"token" validate:"min=1" limit:"token" doc:"From the mail." example:"rht_4zgq5j7uxk2v6ycm3o3wtd6fba"`
	Password *string `json:"password" validate:"min=1" limit:"password" text:"raw" doc:"The account's, to show that it is yours; an access token of the account does as well. Without either, password, sessions and API keys go; of an account that somebody else made they always go when its e-mail is confirmed for the first time, and password/forgot sets a new password." example:"correct horse battery"`
}

// emailVerify confirms an address, which becomes the account's if it is a new one. Who shows that the account is his, by its token
// or its password, keeps all else; from anybody else it may be that somebody prepared it for him, and it is wiped: the next step is
// then a new password, by mail. One that a tenant's admin made is wiped whoever comes.
func emailVerify(ctx context.Context, app *App, who rest.Caller, in emailVerifyInput) (Account, error) {
	row, token, err := app.bearer(ctx, who, in.Token, auth.ForEmail)
	if err != nil {
		return Account{}, err
	}
	owner := false
	switch {
	case who.AccountID == row.Account.ID:
		owner = true
	case in.Password != nil:
		if owner, err = app.proves(ctx, who, row.Account, *in.Password); err != nil {
			return Account{}, err
		}
		if !owner {
			return Account{}, rest.Invalid(rest.FieldError{Field: "password", Code: "incorrect", Detail: "This is not the account's password."})
		}
	}
	proven := row.Account.EmailVerifiedAt != nil && row.Account.Email == row.Proven
	if row.Account.MadeIn != nil && row.Account.EmailVerifiedAt == nil {
		owner = false // it was made by somebody who may know its password, and have a session of it
	}
	account, err := app.spend(ctx, who, row, token, nil, !owner && !proven)
	return newAccount(account), err
}

// emailVerifyRequest mails a token that confirms the account's e-mail.
func emailVerifyRequest(ctx context.Context, app *App, who rest.Caller, _ struct{}) (rest.Done, error) {
	account, err := app.doors.Account(who).AccountGet(ctx, who.AccountID)
	if err != nil {
		return rest.Done{}, err
	}
	if err := app.Take(ctx, who, app.mails(who, account.Email)...); err != nil {
		return rest.Done{}, err
	}
	return rest.Done{}, app.promise(ctx, who, account, []string{"proof"}, []string{account.Email})
}

type emailChangeInput struct {
	Email    string `json:"email" limit:"accounts.email" doc:"The new login e-mail; it counts once it is confirmed." example:"ada@example.org"`
	Password string `json:"password" validate:"min=1" limit:"password" text:"raw" doc:"The account's." example:"harbour-lights"`
}

func (in *emailChangeInput) Problems() []rest.FieldError { return emailProblems(in.Email) }

// emailChange mails a token to a new address, which becomes the account's when the token comes back, and a note to the old one.
// The answer does not tell whether another account has the address.
func emailChange(ctx context.Context, app *App, who rest.Caller, in emailChangeInput) (rest.Done, error) {
	email, _ := auth.NormalizeEmail(in.Email)
	account, err := app.doors.Account(who).AccountGet(ctx, who.AccountID)
	if err != nil {
		return rest.Done{}, err
	}
	proven, err := app.proves(ctx, who, account, in.Password)
	if err != nil {
		return rest.Done{}, err
	}
	if !proven {
		return rest.Done{}, rest.Invalid(rest.FieldError{Field: "password", Code: "incorrect", Detail: "This is not the account's password."})
	}
	if err := app.Take(ctx, who, app.mails(who, email)...); err != nil {
		return rest.Done{}, err
	}
	kinds, emails := []string{"proof"}, []string{email}
	if account.EmailVerifiedAt != nil {
		kinds, emails = append(kinds, "change"), append(emails, account.Email)
	}
	return rest.Done{}, app.promise(ctx, who, account, kinds, emails)
}
