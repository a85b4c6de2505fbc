package handlers

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/mail"
	"rowhouse/tenancy"
)

// A one-time token proves that its bearer reads the mail of an address. It does not prove that he is who made the account: of an
// account that somebody else may have prepared, password, sessions and keys go when its address is proven.

const (
	tokenPrefix = "rht_"
	// tokenTime is how long a mailed token is good; welcomeTime, of the one that lets a new user choose a password.
	tokenTime   = time.Hour
	welcomeTime = 7 * 24 * time.Hour
)

// The purposes of a one-time token, as the table has them.
const (
	forPassword = "password"
	forEmail    = "email"
)

// newToken stores a token of the account that is mailed to an address.
func (s *Server) newToken(ctx context.Context, who Caller, account ids.AccountID, purpose, email string, good time.Duration) (string, error) {
	token, hash := auth.NewSecret(tokenPrefix)
	err := s.doors.Unscoped(who).TokenCreate(ctx, db.TokenCreateParams{
		Hash: hash, AccountID: account, Purpose: purpose, Email: email, ExpiresAt: time.Now().Add(good),
	})
	return token, err
}

// proof writes a mail with a token that confirms an address of the account.
func (s *Server) proof(who Caller, account ids.AccountID, email string) func(context.Context) (*mail.Message, error) {
	return func(ctx context.Context) (*mail.Message, error) {
		token, err := s.newToken(ctx, who, account, forEmail, email, tokenTime)
		if err != nil {
			return nil, err
		}
		return s.write(letter{to: email, kind: proofLetter, token: token}), nil
	}
}

// mails are the attempts that a mail to an address is counted under.
func (s *Server) mails(who Caller, email string) []attempt {
	return []attempt{{"mail to", email, s.config.Limits.Mail}, {"mail from", who.Address, s.config.Limits.MailAddress}}
}

type passwordForgotInput struct {
	Email string `json:"email" validate:"max=254" doc:"The login e-mail." example:"ada@example.com"`
}

func (in *passwordForgotInput) problems() []FieldError { return emailProblems(in.Email) }

// passwordForgot mails a token that sets a new password. Everything that depends on whether there is such an account is done
// after the answer.
func passwordForgot(ctx context.Context, s *Server, who Caller, in passwordForgotInput) (done, error) {
	email, _ := auth.NormalizeEmail(in.Email)
	if err := s.take(ctx, who, s.mails(who, email)...); err != nil {
		return done{}, err
	}
	return s.send(func(ctx context.Context) (*mail.Message, error) {
		account, err := s.doors.Unscoped(who).AccountByLogin(ctx, email)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && !account.IsActive {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		token, err := s.newToken(ctx, who, account.ID, forPassword, email, tokenTime)
		if err != nil {
			return nil, err
		}
		return s.write(letter{to: email, kind: passwordLetter, token: token}), nil
	})
}

// bearer is the account of a live token, and the address that the token proves.
func (s *Server) bearer(ctx context.Context, who Caller, token, purpose string) (row db.TokenGetRow, hash []byte, err error) {
	if !auth.SecretShape(token, tokenPrefix) {
		return row, nil, s.guess(ctx, who, errOneTimeToken)
	}
	hash = auth.HashSecret(token)
	row, err = s.doors.Unscoped(who).TokenGet(ctx, db.TokenGetParams{Hash: hash, Purpose: purpose})
	if errors.Is(err, pgx.ErrNoRows) {
		err = s.guess(ctx, who, errOneTimeToken)
	}
	return row, hash, err
}

// prove makes an address the account's proven e-mail. Wipe: password and sessions go, and hash is of the new password, if there is
// one; where that address was not proven before, the account may change hands, and API keys go too.
func (s *Server) prove(ctx context.Context, tx *tenancy.Tx, who Caller, account db.Account, email string, hash *string, wipe bool) (db.Account, error) {
	if wipe && (account.EmailVerifiedAt == nil || account.Email != email) {
		tenants, err := tx.Assume(account.ID, who).AccountUserTenants(ctx, account.ID)
		if err != nil {
			return account, err
		}
		for _, tenant := range tenants {
			if err := tx.Provision(tenant, who).ApiKeyRevokeOfAccount(ctx, db.ApiKeyRevokeOfAccountParams{TenantID: tenant, AccountID: account.ID}); err != nil {
				return account, err
			}
		}
	}
	return tx.Assume(account.ID, who).AccountProve(ctx, db.AccountProveParams{AccountID: account.ID, Email: email, PasswordHash: hash, Wipe: wipe})
}

// spend takes a token away and proves its address; errOneTimeToken for all but the first of those who come with it.
func (s *Server) spend(ctx context.Context, who Caller, row db.TokenGetRow, token []byte, hash *string, wipe bool) (account db.Account, err error) {
	err = s.atomic(ctx, func(tx *tenancy.Tx) error {
		if _, err := tx.Unscoped(who).TokenSpend(ctx, token); errors.Is(err, pgx.ErrNoRows) {
			return errOneTimeToken
		} else if err != nil {
			return err
		}
		account, err = s.prove(ctx, tx, who, row.Account, row.Proven, hash, wipe)
		if errors.Is(err, pgx.ErrNoRows) {
			return errOneTimeToken // closed since
		}
		return err
	})
	return account, err
}

type passwordResetInput struct {
	Token    string `json:"token" validate:"min=1,max=255" doc:"From the mail." example:"rht_4zgq5j7uxk2v6ycm3o3wtd6fba"`
	Password string `json:"password" validate:"max=255" text:"raw" doc:"The new one: 8 to 255 characters, not a common password, without the username or the e-mail's local part." example:"correct horse battery"`
}

// problems has the rules that hold for every account; the others are for whoever knows its names.
func (in *passwordResetInput) problems() []FieldError {
	if problem := passwordProblem("password", in.Password, "", ""); problem != nil {
		return []FieldError{*problem}
	}
	return nil
}

// passwordReset sets a new password for whoever reads the account's mail, which it proves, and ends every session.
func passwordReset(ctx context.Context, s *Server, who Caller, in passwordResetInput) (done, error) {
	row, token, err := s.bearer(ctx, who, in.Token, forPassword)
	if err != nil {
		return done{}, err
	}
	if problem := passwordProblem("password", in.Password, row.Account.Username, row.Account.Email); problem != nil {
		return done{}, invalid(*problem)
	}
	hash, err := s.passwords.Hash(ctx, in.Password)
	if err != nil {
		return done{}, err
	}
	_, err = s.spend(ctx, who, row, token, &hash, true)
	return done{}, err
}

type emailVerifyInput struct {
	Token    string  `json:"token" validate:"min=1,max=255" doc:"From the mail." example:"rht_4zgq5j7uxk2v6ycm3o3wtd6fba"`
	Password *string `json:"password" validate:"min=1,max=255" text:"raw" doc:"The account's, to show that it is yours; an access token of the account does as well. Without either, password, sessions and API keys go; of an account that somebody else made they always go when its e-mail is confirmed for the first time, and password/forgot sets a new password." example:"correct horse battery"`
}

// emailVerify confirms an address, which becomes the account's if it is a new one. Who shows that the account is his, by its token
// or its password, keeps all else; from anybody else it may be that somebody prepared it for him, and it is wiped: the next step is
// then a new password, by mail. One that a tenant's admin made is wiped whoever comes.
func emailVerify(ctx context.Context, s *Server, who Caller, in emailVerifyInput) (Account, error) {
	row, token, err := s.bearer(ctx, who, in.Token, forEmail)
	if err != nil {
		return Account{}, err
	}
	owner := false
	switch {
	case who.AccountID == row.Account.ID:
		if _, err := s.doors.Account(who).AccountGet(ctx, who.AccountID); err != nil {
			return Account{}, err
		}
		owner = true
	case in.Password != nil:
		if owner, err = s.proves(ctx, who, row.Account, *in.Password); err != nil {
			return Account{}, err
		}
		if !owner {
			return Account{}, invalid(FieldError{"password", "incorrect", "This is not the account's password."})
		}
	}
	proven := row.Account.EmailVerifiedAt != nil && row.Account.Email == row.Proven
	if row.Account.MadeIn != nil && row.Account.EmailVerifiedAt == nil {
		owner = false // it was made by somebody who may know its password, and have a session of it
	}
	account, err := s.spend(ctx, who, row, token, nil, !owner && !proven)
	return newAccount(account), err
}

// emailVerifyRequest mails a token that confirms the account's e-mail.
func emailVerifyRequest(ctx context.Context, s *Server, who Caller, _ struct{}) (done, error) {
	account, err := s.doors.Account(who).AccountGet(ctx, who.AccountID)
	if err != nil {
		return done{}, err
	}
	if err := s.take(ctx, who, s.mails(who, account.Email)...); err != nil {
		return done{}, err
	}
	return s.send(s.proof(who, account.ID, account.Email))
}

type emailChangeInput struct {
	Email    string `json:"email" validate:"max=254" doc:"The new login e-mail; it counts once it is confirmed." example:"ada@example.org"`
	Password string `json:"password" validate:"min=1,max=255" text:"raw" doc:"The account's." example:"harbour-lights"`
}

func (in *emailChangeInput) problems() []FieldError { return emailProblems(in.Email) }

// emailChange mails a token to a new address, which becomes the account's when the token comes back, and a note to the old one.
// The answer does not tell whether another account has the address.
func emailChange(ctx context.Context, s *Server, who Caller, in emailChangeInput) (done, error) {
	email, _ := auth.NormalizeEmail(in.Email)
	account, err := s.doors.Account(who).AccountGet(ctx, who.AccountID)
	if err != nil {
		return done{}, err
	}
	proven, err := s.proves(ctx, who, account, in.Password)
	if err != nil {
		return done{}, err
	}
	if !proven {
		return done{}, invalid(FieldError{"password", "incorrect", "This is not the account's password."})
	}
	if err := s.take(ctx, who, s.mails(who, email)...); err != nil {
		return done{}, err
	}
	out, err := s.send(s.proof(who, account.ID, email))
	if err != nil || account.EmailVerifiedAt == nil {
		return out, err
	}
	proof := out.Then
	return done{func() {
		s.post(who, account.Email, func(context.Context) (*mail.Message, error) {
			return s.write(letter{to: account.Email, kind: changeLetter}), nil
		})
		proof()
	}}, nil
}
