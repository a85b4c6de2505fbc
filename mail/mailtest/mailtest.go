// Package mailtest is a mail server for tests: real SMTP on 127.0.0.1, and mail that the test can read.
package mailtest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// patience is how long a test waits for a mail: one that comes takes milliseconds, so this is for a machine under load.
const patience = 10 * time.Second

// Setup is what a server may have otherwise than New makes it.
type Setup struct {
	TLS            *tls.Config // offers STARTTLS
	Implicit       bool        // with TLS: from the first byte instead
	User, Password string      // AUTH is required, without TLS too
	SMTPUTF8       bool
}

// Mail is one that arrived.
type Mail struct {
	Header    mail.Header // Subject is decoded
	Text      string      // decoded, with lines that end in \n
	Encrypted bool        // over TLS
	SMTPUTF8  bool        // sent as one that needs it
}

// Server takes every mail, and keeps it until the test asks for it.
type Server struct {
	t       testing.TB
	address net.Addr
	setup   Setup

	sync.Mutex
	mails   map[string][]Mail // by address, those not asked for
	count   int
	refuse  []int
	arrived chan struct{} // closed, and made anew, when a mail arrives
}

// New starts a server without TLS and passwords; it ends with the test.
func New(t testing.TB) *Server { return Start(t, Setup{}) }

// Start starts a server; it ends with the test.
func Start(t testing.TB, setup Setup) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, address: listener.Addr(), setup: setup, mails: map[string][]Mail{}, arrived: make(chan struct{})}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c, authenticated: setup.User == ""}, nil
	}))
	server.Domain = "mail.example.com"
	server.ErrorLog = silent{} // clients that hang up are part of tests
	server.AllowInsecureAuth = true
	server.EnableSMTPUTF8 = setup.SMTPUTF8
	server.TLSConfig = setup.TLS
	if setup.Implicit {
		listener = tls.NewListener(listener, setup.TLS)
	}
	ended := make(chan error)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		closed := server.Close()
		_ = listener.Close() // which Close does not do where Serve has yet to begin
		if err := errors.Join(closed, <-ended); err != nil {
			t.Errorf("the mail server: %v", err)
		}
	})
	return s
}

// URL is the address of this server as programs are configured with it.
func (s *Server) URL() string {
	u := url.URL{Scheme: "smtp", Host: s.address.String(), RawQuery: "from=rowhouse@example.com"}
	if s.setup.Implicit {
		u.Scheme = "smtps"
	}
	if s.setup.User != "" {
		u.User = url.UserPassword(s.setup.User, s.setup.Password)
	}
	return u.String()
}

// Wait waits until a mail to the address has arrived and returns its text; each call returns the next mail. It fails the
// test when none comes, and so belongs in the test's own goroutine.
func (s *Server) Wait(to string) string {
	s.t.Helper()
	return s.WaitMail(to).Text
}

// WaitMail is Wait for the whole mail.
func (s *Server) WaitMail(to string) Mail {
	s.t.Helper()
	late := time.After(patience)
	for {
		s.Lock()
		mails, arrived := s.mails[to], s.arrived
		if len(mails) > 0 {
			s.mails[to] = mails[1:]
			s.Unlock()
			return mails[0]
		}
		s.Unlock()
		select {
		case <-arrived:
		case <-late:
			s.t.Fatalf("no mail to %s arrived within %v; %d have arrived in all", to, patience, s.Count())
		}
	}
}

// Count is how many mails have arrived.
func (s *Server) Count() int {
	s.Lock()
	defer s.Unlock()
	return s.count
}

// Refuse has the next recipients refused with these codes, such as 451 and 550, one each, in words that repeat the address.
func (s *Server) Refuse(codes ...int) {
	s.Lock()
	defer s.Unlock()
	s.refuse = append(s.refuse, codes...)
}

func (s *Server) refusal(to string) error {
	s.Lock()
	defer s.Unlock()
	if len(s.refuse) == 0 {
		return nil
	}
	code := s.refuse[0]
	s.refuse = s.refuse[1:]
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: fmt.Sprintf("<%s>: not now or never", to)}
}

func (s *Server) arrive(to []string, m Mail) {
	s.Lock()
	defer s.Unlock()
	for _, address := range to {
		s.mails[address] = append(s.mails[address], m)
	}
	s.count++
	close(s.arrived)
	s.arrived = make(chan struct{})
}

type session struct {
	server        *Server
	conn          *smtp.Conn
	authenticated bool
	to            []string
	utf8          bool
}

func (s *session) AuthMechanisms() []string {
	if s.server.setup.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.authenticated = user == s.server.setup.User && password == s.server.setup.Password
		if !s.authenticated {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *session) Mail(_ string, options *smtp.MailOptions) error {
	if !s.authenticated {
		return smtp.ErrAuthRequired
	}
	s.utf8 = options.UTF8
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.server.refusal(to); err != nil {
		return err
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, header, err := read(r)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
	}
	_, encrypted := s.conn.TLSConnectionState()
	s.server.arrive(s.to, Mail{Header: header, Text: text, Encrypted: encrypted, SMTPUTF8: s.utf8})
	return nil
}

func (s *session) Reset()        { s.to, s.utf8 = nil, false }
func (s *session) Logout() error { return nil }

// read reads a mail of one part, in plain text and quoted-printable.
func read(r io.Reader) (text string, header mail.Header, err error) {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return "", nil, err
	}
	const media, encoding = "text/plain; charset=UTF-8", "quoted-printable"
	if m.Header.Get("Content-Type") != media || m.Header.Get("Content-Transfer-Encoding") != encoding {
		return "", nil, fmt.Errorf("not in %s, %s", media, encoding)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		return "", nil, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return "", nil, err
	}
	m.Header["Subject"] = []string{subject}
	return strings.ReplaceAll(string(body), "\r\n", "\n"), m.Header, nil
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}
