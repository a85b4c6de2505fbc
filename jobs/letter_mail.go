package jobs

import (
	"context"

	"github.com/riverqueue/river"

	"rowhouse/auth"
	"rowhouse/ids"
)

const letterMailKind = "letter.mail"

// letterMail sends a letter to the owner of an account. A letter that is a day old is void: whoever waited for it has asked again.
type letterMail struct {
	LetterID ids.LetterID `json:"letter_id"`
}

// Kind is its name in the queue.
func (letterMail) Kind() string { return letterMailKind }

type letterMailer struct{ mailer[letterMail] }

func addLetterMail(kinds *river.Workers, w *Worker) {
	river.AddWorker(kinds, &letterMailer{mailer[letterMail]{Worker: w}})
}

// Work sends the letter and takes its row away.
func (m *letterMailer) Work(ctx context.Context, job *river.Job[letterMail]) error {
	q := m.doors.Unscoped(as(letterMailKind))
	row, err := q.LetterGet(ctx, job.Args.LetterID)
	if err != nil {
		return found(err, "it was sent, or is void")
	}
	l := letter{to: row.Letter.Email}
	switch row.Letter.Kind {
	case "password":
		l.kind = passwordLetter
		err = m.sendToken(ctx, letterMailKind, row.Account, auth.ForPassword, TokenTime, l)
	case "proof":
		l.kind = proofLetter
		err = m.sendToken(ctx, letterMailKind, row.Account, auth.ForEmail, TokenTime, l)
	case "change":
		l.kind = changeLetter
		err = m.send(ctx, m.write(l))
	}
	if err != nil {
		return err
	}
	return q.LetterDelete(ctx, row.Letter.ID)
}
