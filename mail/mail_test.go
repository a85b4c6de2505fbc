package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gomail "github.com/wneessen/go-mail"

	"rowhouse/mail/mailtest"
)

const ann = "ann@example.com"

// A message arrives as it was written, from whom the address of the mail server says, and as one that no machine answers.
func TestSend(t *testing.T) {
	t.Parallel()
	server := mailtest.New(t)
	s := sender(t, strings.ReplaceAll(server.URL(), "rowhouse@example.com", "Caf%C3%A9+%3Crow%2Bhouse@example.com%3E"))
	for _, c := range []struct{ subject, text, want string }{
		{"Reset your password", "Hello,\n\nhttps://example.com/?token=a=b\n", "Hello,\n\nhttps://example.com/?token=a=b\n"},
		{"Grüße  an 日本 😀", "Grüße an 日本 😀\n", "Grüße an 日本 😀\n"},
		{strings.Repeat("long ", 60) + "end", strings.Repeat("long ", 600) + "end\n", strings.Repeat("long ", 600) + "end\n"},
		{strings.Repeat("lang ü ", 60) + "end", ".\n..\n.a\nFrom b\n \n", ".\n..\n.a\nFrom b\n \n"},
		{"", "", ""},
		{"no last line end", "a\r\nb", "a\nb\n"},
	} {
		if err := s.Send(t.Context(), Message{To: ann, Subject: c.subject, Text: c.text}); err != nil {
			t.Fatal(err)
		}
		got := server.WaitMail(ann)
		if got.Text != c.want || got.Header.Get("Subject") != c.subject {
			t.Errorf("got %q, %q, want %q, %q", got.Header.Get("Subject"), got.Text, c.subject, c.want)
		}
		for name, want := range map[string]string{
			"From": "=?utf-8?q?Caf=C3=A9?= <row+house@example.com>", "To": "<ann@example.com>", "Auto-Submitted": "auto-generated", "User-Agent": "",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: got %q, want %q", name, got.Header.Get(name), want)
			}
		}
		if id := got.Header.Get("Message-Id"); !strings.HasSuffix(id, "@example.com>") {
			t.Errorf("Message-ID: got %q, want one of the sender's domain", id)
		}
	}
}

// A subject is shown as it was written, also one that looks like what it would be encoded as, whole or in a part, at any length.
func TestLiteralSubject(t *testing.T) {
	t.Parallel()
	server := mailtest.New(t)
	s := sender(t, server.URL())
	for _, subject := range []string{
		"=?utf-8?q?Your_bank?=", "Welcome to =?utf-8?b?WW91ciBiYW5r?=", "=?UTF-8?Q?a?= =?UTF-8?Q?b?=", "a =? b", "=?", strings.Repeat("=?utf-8?q?long?= ", 30) + "end",
		"Grüße =?utf-8?q?Your_bank?=", "a?=b=c",
	} {
		if err := s.Send(t.Context(), Message{To: ann, Subject: subject, Text: "x\n"}); err != nil {
			t.Fatal(err)
		}
		if got := server.WaitMail(ann).Header.Get("Subject"); got != subject {
			t.Errorf("got %q, want %q", got, subject)
		}
	}
}

// No message has more headers, or more recipients, than it should.
func TestInjection(t *testing.T) {
	t.Parallel()
	server := mailtest.New(t)
	s := sender(t, server.URL())
	for _, m := range []Message{
		{To: ann, Subject: "Hello\r\nBcc: bob@example.com"},
		{To: ann, Subject: "Hello\nX: y"},
		{To: ann, Subject: "Hello\rX: y"},
		{To: ann, Subject: "Grüße\r\nX: y"},
		{To: ann, Subject: "Hello\x00"},
		{To: ann + "\r\nBcc: bob@example.com"},
		{To: ann + "\r\nRCPT TO:<bob@example.com>"},
		{To: "\"a\r\nb\"@example.com"},
		{To: ann + "\n"},
		{To: ann + ", bob@example.com"},
		{To: ann + " (bob@example.com)"},
		{To: "Ann <" + ann + ">"},
		{To: "<" + ann + "> SIZE=1"},
		{To: "friends: " + ann + ";"},
		{To: "ann"},
		{To: "ann@b\xffd.example"},
		{To: "ann@ü_ü.example"},
		{To: ""},
	} {
		err := s.Send(t.Context(), m)
		if err == nil || errors.Is(err, ErrTemporary) {
			t.Errorf("%q, %q: got error %v, want one for ever", m.To, m.Subject, err)
		} else if m.To != "" && strings.Contains(err.Error(), m.To) {
			t.Errorf("the error names the address: %v", err)
		}
	}
	if err := s.Send(t.Context(), Message{To: ann, Subject: "=?utf-8?q?=0D=0AX:_y?=", Text: "Bcc: bob@example.com\n\nX: y\n.\nQUIT\n"}); err != nil {
		t.Fatal(err)
	}
	got := server.WaitMail(ann)
	if len(got.Header) != 9 || got.Header.Get("X") != "" || got.Header.Get("Bcc") != "" || server.Count() != 1 {
		t.Errorf("got %d mails, the last with headers %v", server.Count(), got.Header)
	}
}

// A domain in any script is sent as DNS has it; what is before the @ is sent where the server takes it, and only then is
// the message one that needs such servers.
func TestInternationalAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		to, at   string
		supports bool
		want     bool
	}{
		{"ann@bücher.example", "ann@xn--bcher-kva.example", false, false},
		{"ann@BÜCHER.example", "ann@xn--bcher-kva.example", true, false},
		{"änn@bücher.example", "änn@xn--bcher-kva.example", true, true},
		{"änn@bücher.example", "", false, false},
		{ann, ann, true, false},
		{"ann+x@example.com", "ann+x@example.com", false, false},
	} {
		server := mailtest.Start(t, mailtest.Setup{SMTPUTF8: c.supports})
		err := sender(t, server.URL()).Send(t.Context(), Message{To: c.to, Subject: "Grüße", Text: "Grüße\n"})
		if c.at == "" {
			if err == nil || errors.Is(err, ErrTemporary) || strings.Contains(err.Error(), c.to) {
				t.Errorf("%s: got error %v, want one for ever without the address", c.to, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.to, err)
		}
		if got := server.WaitMail(c.at); got.SMTPUTF8 != c.want || got.Header.Get("Subject") != "Grüße" {
			t.Errorf("%s: got SMTPUTF8 %v and subject %q, want %v", c.to, got.SMTPUTF8, got.Header.Get("Subject"), c.want)
		}
	}
}

// A password crosses a network only under TLS with a certificate that is good; without a password TLS is used where it is
// offered, and checked too; on a loopback host nothing is demanded.
func TestTLS(t *testing.T) {
	t.Parallel()
	const there, here = "mail.example.com", "127.0.0.1"
	config, roots := certificate(t, there)
	offered, implicit := mailtest.Setup{TLS: config}, mailtest.Setup{TLS: config, Implicit: true}
	for _, c := range []struct {
		name     string
		setup    mailtest.Setup
		password bool
		host     string
		roots    *x509.CertPool
		refused  string // what is in the error; it arrives where this is empty
		over     bool   // TLS
	}{
		{"offered", offered, false, there, roots, "", true},
		{"offered, unknown", offered, false, there, x509.NewCertPool(), "certificate", false},
		{"offered, another's", offered, false, "post.example.com", roots, "certificate", false},
		{"offered, here", offered, false, here, x509.NewCertPool(), "", true},
		{"offered, password", offered, true, there, roots, "", true},
		{"offered, unknown, password", offered, true, there, x509.NewCertPool(), "certificate", false},
		{"not offered", mailtest.Setup{}, false, there, roots, "", false},
		{"not offered, password", mailtest.Setup{}, true, there, roots, "STARTTLS", false},
		{"not offered, password, here", mailtest.Setup{}, true, here, roots, "", false},
		{"implicit", implicit, false, there, roots, "", true},
		{"implicit, password", implicit, true, there, roots, "", true},
		{"implicit, unknown", implicit, false, there, x509.NewCertPool(), "certificate", false},
		{"implicit, here", implicit, true, here, x509.NewCertPool(), "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.password {
				c.setup.User, c.setup.Password = "row house", "pass:w/r@d%"
			}
			server := mailtest.Start(t, c.setup)
			s := sender(t, strings.ReplaceAll(server.URL(), here, c.host))
			s.tls.RootCAs = c.roots
			s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, strings.ReplaceAll(address, c.host, here))
			}
			err := s.Send(t.Context(), Message{To: ann})
			if c.refused != "" {
				if err == nil || errors.Is(err, ErrTemporary) || !strings.Contains(err.Error(), c.refused) || server.Count() != 0 {
					t.Errorf("got error %v and %d mails, want %s, for ever, and none", err, server.Count(), c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := server.WaitMail(ann); got.Encrypted != c.over {
				t.Errorf("over TLS: got %v, want %v", got.Encrypted, c.over)
			}
		})
	}
}

// What a server answers decides whether there is a point in asking again; and of what it answers, only numbers are
// repeated, for the rest may be the address or the password.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const accepts, secret = "250 fine", "s3cr3t-ann@example.com"
	for _, c := range []struct {
		name      string
		answers   map[string]string // to a first word, or to the connection; without one the server hangs up
		temporary bool
		want      string // in the error; no error where this is empty
	}{
		{"greeting, temporarily", map[string]string{"": "421 4.3.2 " + secret}, true, "421 4.3.2"},
		{"greeting, permanently", map[string]string{"": "554 5.3.2 " + secret}, false, "554 5.3.2"},
		{"no greeting", map[string]string{}, true, "EOF"},
		{"not SMTP", map[string]string{"": "HTTP/1.1 400 " + secret}, false, "not SMTP"},
		{"no password wanted", map[string]string{"EHLO": "250-hello\r\n250 SIZE"}, false, "does not support SMTP AUTH"},
		{"no known mechanism", map[string]string{"EHLO": "250-hello\r\n250 AUTH " + "X"}, false, "supported"},
		{"password, temporarily", map[string]string{"AUTH": "454 4.7.0 " + secret}, true, "454 4.7.0"},
		{"password, permanently", map[string]string{"AUTH": "535 5.7.8 " + secret}, false, "535 5.7.8"},
		{"password, nonsense", map[string]string{"AUTH": secret}, false, "not SMTP"},
		{"password, question", map[string]string{
			"EHLO": "250-hello\r\n250 AUTH LOGIN", "AUTH": "334 VXNlcg==", "cm93aG91c2U=": "334 UGFzcw==", "czNjcjN0": "334 czNjcjN0",
		}, false, "not SMTP"},
		{"password, dropped", map[string]string{"AUTH": "hang up"}, true, "EOF"},
		{"sender, temporarily", map[string]string{"MAIL": "451 4.3.0 " + secret}, true, "MAIL FROM command fails for now: the mail server answered 451 4.3.0"},
		{"sender, permanently", map[string]string{"MAIL": "550 5.7.1 " + secret}, false, "550 5.7.1"},
		{"recipient, temporarily", map[string]string{"RCPT": "450 4.2.1 " + secret}, true, "450 4.2.1"},
		{"recipient, permanently", map[string]string{"RCPT": "550 5.1.1 " + secret}, false, "550 5.1.1"},
		{"recipient, many lines", map[string]string{"RCPT": "550-5.1.1 " + secret + "\r\n550 5.1.1 " + secret}, false, "550 5.1.1"},
		{"recipient, nonsense", map[string]string{"RCPT": secret}, true, "broke"},
		{"recipient, dropped", map[string]string{"RCPT": "hang up"}, true, "broke"},
		{"data, temporarily", map[string]string{"DATA": "451 4.3.0 " + secret}, true, "451 4.3.0"},
		{"data, permanently", map[string]string{"DATA": "554 5.5.1 " + secret}, false, "554 5.5.1"},
		{"text, temporarily", map[string]string{".": "452 4.3.1 " + secret}, true, "452 4.3.1"},
		{"text, permanently", map[string]string{".": "554 5.6.0 " + secret}, false, "554 5.6.0"},
		{"text, dropped", map[string]string{".": "hang up"}, true, "broke"},
		{"taken, and then an error", map[string]string{"QUIT": "500 what", "RSET": "500 what"}, false, ""},
		{"taken, and then hung up", map[string]string{"QUIT": "hang up", "RSET": "hang up"}, false, ""},
		{"taken", map[string]string{}, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			answers := map[string]string{
				"": "220 hello", "EHLO": "250-hello\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN", "HELO": "250 hello", "AUTH": "235 welcome", "*": "501 well",
				"MAIL": accepts, "RCPT": accepts, "DATA": "354 go on", ".": accepts, "RSET": accepts, "QUIT": "221 bye",
			}
			if c.name == "no greeting" {
				answers[""] = "hang up"
			}
			for word, answer := range c.answers {
				answers[word] = answer
			}
			s := sender(t, "smtp://rowhouse:s3cr3t@"+scripted(t, answers)+"?from=rowhouse@example.com")
			err := s.Send(t.Context(), Message{To: ann})
			if c.want == "" {
				if err != nil {
					t.Errorf("got %v for a mail that was taken: it would be sent twice", err)
				}
				return
			}
			if err == nil || errors.Is(err, ErrTemporary) != c.temporary || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q, temporary: %v", err, c.want, c.temporary)
			}
			for _, kept := range []string{"s3cr3t", ann, "AHJvd2hvdXNlAHMzY3IzdA"} {
				if strings.Contains(err.Error(), kept) {
					t.Errorf("the error repeats %s: %v", kept, err)
				}
			}
		})
	}
}

// A wrong password is refused for ever, by an error that does not repeat it.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Setup{User: "rowhouse", Password: "s3cr3t"})
	err := sender(t, strings.ReplaceAll(server.URL(), "s3cr3t", "gu3ss")).Send(t.Context(), Message{To: ann})
	if err == nil || errors.Is(err, ErrTemporary) || !strings.Contains(err.Error(), "535 5.7.8") || strings.Contains(err.Error(), "gu3ss") {
		t.Errorf("got %v, want 535", err)
	}
}

// A server that is down may be up later, and so may one that hangs, wherever it does; none is waited for longer than the
// timeout or than the caller has patience.
func TestDownAndHanging(t *testing.T) {
	t.Parallel()
	hang := func(word string) string {
		answers := map[string]string{"": "220 hello", "EHLO": "250 hello", "MAIL": "250 fine", "RCPT": "250 fine", "DATA": "354 go on", ".": "250 fine"}
		answers[word] = "hang"
		return scripted(t, answers)
	}
	for name, address := range map[string]string{
		"down": "127.0.0.1:1", "connected": hang(""), "greeting": hang("EHLO"), "recipient": hang("RCPT"), "data": hang("DATA"), "text": hang("."),
	} {
		for _, patient := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s, ctx := sender(t, "smtp://"+address+"?from=rowhouse@example.com"), t.Context()
				if patient {
					s.timeout = 20 * time.Millisecond
				} else {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
					defer cancel()
				}
				start := time.Now()
				if err := s.Send(ctx, Message{To: ann}); !errors.Is(err, ErrTemporary) || strings.Contains(err.Error(), ann) {
					t.Errorf("got %v, want ErrTemporary", err)
				}
				if took := time.Since(start); took > timeout/2 {
					t.Errorf("it took %v", took)
				}
			})
		}
	}
	if s := sender(t, "smtp://127.0.0.1?from=rowhouse@example.com"); s.timeout != timeout {
		t.Errorf("got %v, want %v", s.timeout, timeout)
	}
}

// Every connection is closed when its message was sent or was not, and after it was sent not without a word; it began with a name
// that is no machine's.
func TestConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	for _, demand := range []gomail.TLSPolicy{gomail.NoTLS, gomail.TLSMandatory} {
		t.Run(demand.String(), func(t *testing.T) {
			t.Parallel()
			s := sender(t, mailtest.New(t).URL())
			s.starttls = demand
			conn := new(recorded)
			s.dial = func(ctx context.Context, network, address string) (_ net.Conn, err error) {
				conn.Conn, err = new(net.Dialer).DialContext(ctx, network, address)
				return conn, err
			}
			if err := s.Send(t.Context(), Message{To: ann}); (err == nil) != (demand == gomail.NoTLS) {
				t.Fatalf("got %v", err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(timeout)) // fails if it is closed
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v, want it closed", err)
			}
			said := conn.written.String()
			if !strings.HasPrefix(said, "EHLO example.com\r\n") || strings.HasSuffix(said, "\r\nQUIT\r\n") != (demand == gomail.NoTLS) {
				t.Errorf("got %q, want the sender's domain first, and QUIT in the end of what was sent", said)
			}
		})
	}
}

type recorded struct {
	net.Conn
	written strings.Builder
}

func (r *recorded) Write(p []byte) (int, error) {
	r.written.Write(p)
	return r.Conn.Write(p)
}

// An address of a mail server is whole or refused, and its error repeats nothing of a password, wherever a special
// character in it led the parser.
func TestAddress(t *testing.T) {
	t.Parallel()
	const from = "?from=rowhouse@example.com"
	type server struct {
		Host, User, Password, From string
		Port                       int
		Implicit                   bool
	}
	for address, want := range map[string]server{
		"smtp://mail.example.com" + from:                                     {"mail.example.com", "", "", "rowhouse@example.com", 587, false},
		"smtps://mail.example.com/" + from:                                   {"mail.example.com", "", "", "rowhouse@example.com", 465, true},
		"smtps://mail.example.com:25" + from:                                 {"mail.example.com", "", "", "rowhouse@example.com", 25, true},
		"SMTP://ann:p%40ss%2Fw%3F%23rd@[::1]:2525" + from:                    {"::1", "ann", "p@ss/w?#rd", "rowhouse@example.com", 2525, false},
		"smtp://localhost?from=Row+House+%3Crowhouse@b%C3%BCcher.example%3E": {"localhost", "", "", "rowhouse@xn--bcher-kva.example", 587, false},
	} {
		s := sender(t, address)
		if diff := cmp.Diff(want, server{s.host, s.user, s.password, s.from.Address, s.port, s.implicit}); diff != "" {
			t.Errorf("%s: want, got: %s", address, diff)
		}
	}
	for _, address := range []string{
		"", "mail.example.com", "mail.example.com:587", "https://ann:s3cr3t@mail.example.com" + from, "smtp://" + from, "smtp:mail.example.com" + from,
		"smtp://ann:s3cr3t@mail.example.com", "smtp://ann:s3cr3t@mail.example.com?from=", "smtp://ann:s3cr3t@mail.example.com?from=rowhouse",
		"smtp://ann:s3cr3t@mail.example.com" + from + "&from=s3cr3t@example.com", "smtp://ann:s3cr3t@mail.example.com" + from + "&form=x",
		"smtp://ann:s3cr3t@mail.example.com?from=row+house@example.com", "smtp://ann:s3cr3t@mail.example.com?from=Row+house@example.com", "smtp://ann:s3cr3t@mail.example.com?from=r%C3%B6w@example.com",
		"smtp://ann:s3cr3t@mail.example.com?from=a%0D%0Ab@example.com", "smtp://ann:s3cr3t@mail.example.com?from=%zz",
		"smtp://ann@mail.example.com" + from, "smtp://ann:@mail.example.com" + from, "smtp://:s3cr3t@mail.example.com" + from,
		"smtp://ann:s3cr3t@mail.example.com:0" + from, "smtp://ann:s3cr3t@mail.example.com:65536" + from, "smtp://ann:s3cr3t@mail.example.com:x" + from,
		"smtp://ann:s3cr3t/x@mail.example.com" + from, "smtp://ann:s3cr3t?x@mail.example.com" + from, "smtp://ann:s3cr3t#x@mail.example.com" + from,
		"smtp://ann:s3cr3t%@mail.example.com" + from, "smtp://ann:12/s3cr3t@mail.example.com" + from, "smtp://ann:s3cr3t@mail.example.com/s3cr3t" + from,
		"smtp://ann:s3cr3t@mail.example.com" + from + "#s3cr3t", "smtp://ann:s3cr3t\n@mail.example.com" + from,
	} {
		if s, err := SMTP(address); err == nil {
			t.Errorf("%q is taken: %+v", address, s)
		} else if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: the error repeats the password: %v", address, err)
		}
	}
}

// In development the log has the whole message, and without a mail server it says only that there was one.
func TestLogAndNowhere(t *testing.T) {
	t.Parallel()
	m := Message{To: ann, Subject: "the subject", Text: "the text"}
	for _, c := range []struct {
		name     string
		make     func(*slog.Logger) Sender
		contains bool
	}{{"Log", Log, true}, {"Nowhere", Nowhere, false}} {
		var out bytes.Buffer
		if err := c.make(slog.New(slog.NewTextHandler(&out, nil))).Send(t.Context(), m); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if out.Len() == 0 {
			t.Errorf("%s logs nothing", c.name)
		}
		for _, part := range []string{m.To, m.Subject, m.Text} {
			if strings.Contains(out.String(), part) != c.contains {
				t.Errorf("%s: got %s", c.name, out.String())
			}
		}
	}
}

func sender(t *testing.T, address string) *smtpSender {
	t.Helper()
	s, err := SMTP(address)
	if err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	return s.(*smtpSender)
}

// certificate makes one for the host, and the roots that know it.
func certificate(t *testing.T, host string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	known, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(known)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

// scripted is the address of a server that answers each first word as told: what no real server could be brought to say.
// "hang" is no answer, "hang up" ends the connection, and so does a word without an answer.
func scripted(t *testing.T, answers map[string]string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				lines := bufio.NewScanner(conn)
				for word, text := "", false; ; {
					switch answer, ok := answers[word]; {
					case text && word != ".":
					case answer == "hang up", !ok:
						return
					case answer != "hang":
						text = strings.HasPrefix(answer, "354")
						if _, err := io.WriteString(conn, answer+"\r\n"); err != nil {
							return
						}
					}
					if !lines.Scan() {
						return
					}
					word, _, _ = strings.Cut(lines.Text(), " ")
				}
			}()
		}
	}()
	return listener.Addr().String()
}
