package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"rowhouse/db"
	"rowhouse/mail"
	"rowhouse/rest"
)

var errMailFull = rest.Unavailable("busy", "Too much mail is waiting to be sent; nothing was done.")

// letter is a mail to be written.
type letter struct {
	to     string
	kind   letterKind
	token  string
	tenant string
}

type letterKind struct {
	subject string // %s is the tenant
	text    string // %s likewise
	page    string // of the application, where the token is used; empty without a token
}

var (
	proofLetter = letterKind{"Confirm your e-mail address",
		"Please confirm that this address is yours. If you did not ask for this, do nothing.", "verify-email"}
	passwordLetter = letterKind{"Choose a new password",
		"Somebody, most likely you, asked for a new password. If it was not you, do nothing: your password stays as it is.", "reset-password"}
	welcomeLetter = letterKind{"Welcome to %s",
		"You are now a user of %s. Choose a password to log in with.", "reset-password"}
	invitationLetter = letterKind{"Invitation to %s",
		"You are invited to %s. If you do not expect this, do nothing.", "accept-invitation"}
	changeLetter = letterKind{"Your e-mail address is about to change",
		"Somebody who knows your password asked to log in with another e-mail address from now on. If it was not you, choose a new password.", ""}
)

// write puts a letter into words. The token is part of a link where there is an application to lead to, in the fragment, which
// no server's log has.
func (app *App) write(l letter) *mail.Message {
	tenant := strings.Join(strings.Fields(l.tenant), " ")
	say := func(form string) string {
		if strings.Contains(form, "%s") {
			return fmt.Sprintf(form, tenant)
		}
		return form
	}
	text := say(l.kind.text) + "\n"
	switch {
	case l.kind.page == "":
	case app.config.AppURL != "":
		text += "\n" + app.config.AppURL + "/" + l.kind.page + "#token=" + url.QueryEscape(l.token) + "\n"
	default:
		text += "\nYour token:\n\n" + l.token + "\n"
	}
	return &mail.Message{To: l.to, Subject: say(l.kind.subject), Text: text}
}

// send writes a mail that its reader asked for, after the answer; an error when there is no room for it.
func (app *App) send(write func(ctx context.Context) (*mail.Message, error)) (rest.Done, error) {
	post, err := app.mail.Reserve()
	if err != nil {
		return rest.Done{}, errMailFull
	}
	return rest.Done{Then: func() { post(write) }}, nil
}

// post writes a mail that its reader did not ask for, unless there were too many to that address or of that tenant; the log says when it
// was not sent.
func (app *App) post(who rest.Caller, to string, write func(ctx context.Context) (*mail.Message, error)) {
	err := app.mail.Post(func(ctx context.Context) (*mail.Message, error) {
		attempts := app.mails(who, to)[:1]
		if !who.TenantID.IsZero() {
			attempts = append(attempts, rest.Of("mail of", who.TenantID.String(), app.config.Limits.MailTenant))
		}
		if err := app.Take(ctx, who, attempts...); err != nil {
			return nil, errors.New("too many to one address, or of one tenant")
		}
		return write(ctx)
	})
	if err != nil {
		app.log.Error("a mail was not sent", "error", err.Error())
	}
}

// welcome is what a new user is told.
type welcome struct {
	to    string
	write func(context.Context) (*mail.Message, error)
}

// welcome is for the user of a new account: with a token that sets the password, where it has none, or one that confirms the address.
func (app *App) welcome(who rest.Caller, account db.Account, tenant string) *welcome {
	purpose, kind := forEmail, proofLetter
	if account.PasswordHash == nil {
		purpose, kind = ForPassword, welcomeLetter
	}
	return &welcome{account.Email, func(ctx context.Context) (*mail.Message, error) {
		return app.writeToken(ctx, who, account, purpose, welcomeTime, letter{to: account.Email, kind: kind, tenant: tenant})
	}}
}

// After mails the welcome.
func (u *User) After(app any, who rest.Caller) func() {
	if u.welcome == nil {
		return nil
	}
	return func() { app.(*App).post(who, u.welcome.to, u.welcome.write) }
}
