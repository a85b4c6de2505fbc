// Package mail sends plain-text e-mail over SMTP.
package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/net/idna"
)

// Message is one plain-text e-mail to one address. Text is lines that end in \n; one that does not, the last, gets its end.
type Message struct{ To, Subject, Text string }

// Sender hands a message on; nil means that the next hop has taken it. Its errors name neither the address nor the text,
// since they are logged, and they wrap ErrTemporary where another attempt may succeed.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// ErrTemporary says that the same message may be taken later.
var ErrTemporary = errors.New("for now")

type senderFunc func(context.Context, Message) error

func (f senderFunc) Send(ctx context.Context, m Message) error { return f(ctx, m) }

// Log is for development: it writes whole messages, secrets included, to the log.
func Log(log *slog.Logger) Sender {
	return senderFunc(func(ctx context.Context, m Message) error {
		log.InfoContext(ctx, "an e-mail", "to", m.To, "subject", m.Subject, "text", m.Text)
		return nil
	})
}

// Nowhere drops messages, with a warning in the log that names neither address nor text.
func Nowhere(log *slog.Logger) Sender {
	return senderFunc(func(ctx context.Context, _ Message) error {
		log.WarnContext(ctx, "an e-mail was dropped: no mail server is configured")
		return nil
	})
}

// timeout bounds connecting, then greeting and logging in, then sending, each: a mail server that is well answers within
// a second, and some let strangers wait for five.
const timeout = 10 * time.Second

type smtpSender struct {
	host           string
	port           int
	user, password string
	from           *netmail.Address
	implicit       bool // TLS from the first byte
	starttls       gomail.TLSPolicy
	tls            *tls.Config
	timeout        time.Duration
	dial           func(ctx context.Context, network, address string) (net.Conn, error)
}

// SMTP makes a Sender of an address such as smtp://user:password@host:587?from=rowhouse@example.com, in which special
// characters are percent-encoded and from may have a name, as in Rowhouse <rowhouse@example.com>.
//
//   - smtp uses STARTTLS where it is offered, and insists on it when there is a password, except on a loopback host; the
//     port is 587 by default.
//   - smtps uses TLS from the first byte; the port is 465 by default.
//
// Certificates are checked, except on a loopback host, where mail servers have made theirs themselves.
//
// No error, of SMTP or of the Sender, repeats the password.
func SMTP(address string) (Sender, error) {
	u, err := url.Parse(address)
	if err != nil { // err repeats the address
		return nil, errors.New("a mail server's address is smtp://user:password@host:587?from=rowhouse@example.com, special characters percent-encoded")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(query) != 1 || len(query["from"]) != 1 {
		return nil, errors.New("a mail server's address has one parameter, once: from, the address that e-mail comes from")
	}
	from, err := netmail.ParseAddress(query.Get("from"))
	if err != nil {
		return nil, errors.New("from is not an e-mail address (a plus sign is written %2B)")
	}
	if from.Address, err = wire(from.Address); err != nil || !isASCII(from.Address) {
		return nil, errors.New("from is an e-mail address that not every mail server takes")
	}
	s := &smtpSender{host: u.Hostname(), port: 587, from: from, starttls: gomail.TLSOpportunistic, timeout: timeout, dial: new(net.Dialer).DialContext}
	loopback := s.host == "localhost" || s.host == "127.0.0.1" || s.host == "::1"
	s.tls = &tls.Config{ServerName: s.host, InsecureSkipVerify: loopback}
	if u.User != nil {
		s.user = u.User.Username()
		s.password, _ = u.User.Password()
		if s.user == "" || s.password == "" {
			return nil, errors.New("a mail server's address has both a user and a password, or neither")
		}
		if !loopback {
			s.starttls = gomail.TLSMandatory
		}
	}
	switch u.Scheme {
	case "smtp":
	case "smtps":
		s.port, s.implicit = 465, true
	default:
		return nil, errors.New("a mail server's address begins with smtp:// or smtps://")
	}
	if u.Port() != "" {
		if s.port, err = strconv.Atoi(u.Port()); err != nil || s.port < 1 || s.port > 65535 {
			return nil, errors.New("a mail server's port is between 1 and 65535")
		}
	}
	if s.host == "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return nil, errors.New("a mail server's address has a host and no path; special characters in the password are percent-encoded")
	}
	return s, nil
}

// Send connects for each message: they are few, and a connection that was kept may have been closed at the other end.
func (s *smtpSender) Send(ctx context.Context, m Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return err
	}
	// The library neither heeds ctx once it is connected nor closes what it could not log in to, so this does:
	// whoever waits for an answer on a closed connection gets an error.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dial := func(dialing context.Context, network, _ string) (net.Conn, error) {
		conn, err := s.dial(dialing, network, net.JoinHostPort(s.host, strconv.Itoa(s.port)))
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		if !s.implicit {
			return conn, nil
		}
		secure := tls.Client(conn, s.tls)
		return secure, secure.HandshakeContext(dialing)
	}
	options := []gomail.Option{
		gomail.WithDialContextFunc(dial), gomail.WithTimeout(s.timeout), gomail.WithPort(s.port), gomail.WithHELO(domain(s.from.Address)),
		gomail.WithTLSConfig(s.tls), gomail.WithTLSPolicy(s.starttls),
		// RSET after a message was taken could fail, and would have it sent twice; NOOP before it says nothing.
		gomail.WithoutRset(), gomail.WithoutNoop(),
	}
	if s.implicit {
		options = append(options, gomail.WithSSL())
	}
	if s.user != "" {
		options = append(options, gomail.WithUsername(s.user), gomail.WithPassword(s.password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	international := !isASCII(msg.GetTo()[0].Address)
	if !international { // claimed of every message, it would keep the next hop from passing it to a server without it
		options = append(options, gomail.WithoutSMTPUTF8())
	}
	client, err := gomail.NewClient(s.host, options...)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return connectError(err)
	}
	defer func() { _ = client.CloseWithSMTPClient(session) }() // QUIT; the message was taken or not by then
	if ok, _ := session.Extension("SMTPUTF8"); international && !ok {
		return errors.New("the mail server does not take addresses with letters outside ASCII before the @")
	}
	return sendError(client.SendWithSMTPClient(session, msg))
}

func (s *smtpSender) compose(m Message) (*gomail.Msg, error) {
	to, err := netmail.ParseAddress(m.To)
	if err != nil || to.Address != m.To { // such as one with a name, which is not an address but names one
		return nil, errors.New("the message is to what is not an e-mail address")
	}
	if to.Address, err = wire(to.Address); err != nil {
		return nil, errors.New("the message is to what is not an e-mail address")
	}
	if strings.ContainsFunc(m.Subject, unicode.IsControl) {
		return nil, errors.New("the message has control characters in its subject")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	msg.ToMailAddress(to)
	msg.Subject(literal(m.Subject))
	msg.SetDate()
	msg.SetMessageIDWithValue(rand.Text() + "@" + domain(s.from.Address))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // so that absence notes do not answer
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	return msg, nil
}

// maxWord is how many bytes fit into an encoded word of at most 75 characters (RFC 2047 §2), in base64.
const maxWord = 45

// literal is a header's text that its reader sees as it is. The library encodes what is not ASCII, and only that; but a text that looks
// encoded already would be decoded.
func literal(text string) string {
	if !strings.Contains(text, "=?") || !isASCII(text) {
		return text
	}
	var words []string
	for part := range slices.Chunk([]byte(text), maxWord) {
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString(part)+"?=")
	}
	return strings.Join(words, " ")
}

// wire is the address with its domain as DNS has it.
func wire(address string) (string, error) {
	if isASCII(domain(address)) {
		return address, nil
	}
	ascii, err := idna.Lookup.ToASCII(domain(address))
	return strings.TrimSuffix(address, domain(address)) + ascii, err
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

var enhancedCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}`)

func connectError(err error) error {
	var reply *textproto.Error
	var garbage textproto.ProtocolError
	var network net.Error
	switch {
	case errors.As(err, &reply):
		return replyError("connecting", reply.Code, enhancedCode.FindString(reply.Msg))
	case errors.As(err, &garbage), errors.Is(err, smtp.ErrUnexpectedServerResponse): // they repeat what the server said
		return errors.New("connecting: the mail server's answer is not SMTP")
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("connecting fails %w: %w", ErrTemporary, err)
	}
	return fmt.Errorf("connecting: %w", err)
}

func sendError(err error) error {
	var failure *gomail.SendError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &failure):
		return errors.New("sending: the message cannot be sent")
	case failure.ErrorCode() == 0: // of what was no reply the library says no more
		return fmt.Errorf("%s fails %w: the connection broke or timed out", failure.Reason, ErrTemporary)
	}
	return replyError(failure.Reason.String(), failure.ErrorCode(), failure.EnhancedStatusCode())
}

// replyError says what a mail server answered, in numbers only: its words may repeat the address or what it was told.
func replyError(step string, code int, enhanced string) error {
	answer := strings.TrimSpace(fmt.Sprintf("the mail server answered %d %s", code, enhanced))
	if code/100 == 4 {
		return fmt.Errorf("%s fails %w: %s", step, ErrTemporary, answer)
	}
	return fmt.Errorf("%s: %s", step, answer)
}
