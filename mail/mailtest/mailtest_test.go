package mailtest

import (
	"fmt"
	"net/smtp"
	"strings"
	"testing"
)

// The mails to an address come in their order, each once, and those to others do not.
func TestWait(t *testing.T) {
	t.Parallel()
	s := New(t)
	for i, to := range []string{"bob@example.com", "ann@example.com", "ann@example.com"} {
		text := fmt.Sprintf("Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nmail=20%d =C3=A9\r\n", i)
		if err := smtp.SendMail(s.address.String(), nil, "rowhouse@example.com", []string{to}, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for i, to := range []string{"bob@example.com", "ann@example.com", "ann@example.com"} {
		if got, want := s.Wait(to), fmt.Sprintf("mail %d é\n", i); got != want {
			t.Errorf("to %s: got %q, want %q", to, got, want)
		}
	}
	if s.Count() != 3 {
		t.Errorf("got %d mails, want 3", s.Count())
	}
}

// A server that nobody wrote to ends too, and one takes no mail that it cannot show as it was sent.
func TestStart(t *testing.T) {
	t.Parallel()
	for range 100 {
		t.Run("unused", func(t *testing.T) {
			t.Parallel()
			New(t)
		})
	}
	s := New(t)
	err := smtp.SendMail(s.address.String(), nil, "rowhouse@example.com", []string{"ann@example.com"}, []byte("Subject: Hello\r\n\r\nhello\r\n"))
	if err == nil || !strings.Contains(err.Error(), "554") || s.Count() != 0 {
		t.Errorf("got %v and %d mails, want 554", err, s.Count())
	}
}
