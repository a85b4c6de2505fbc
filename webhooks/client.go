package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// How long an attempt may take, and its parts.
	attemptTimeout = 15 * time.Second
	connectTimeout = 5 * time.Second
	tlsTimeout     = 5 * time.Second
	headersTimeout = 10 * time.Second
	// maxHeader and maxBody are how many bytes of an answer are read. Nothing of them is kept: an endpoint that a tenant names may be one that
	// only this server reaches, and what it answers is nobody's to see. A body is read for the connection to be used again.
	maxHeader = 16 << 10
	maxBody   = 4 << 10
	// Of connections that are kept for the next message.
	maxIdle        = 64
	maxIdleOfHost  = 2
	idleTimeout    = 30 * time.Second
	maxConnections = 8 // of one host, at once
	// maxURL is in characters.
	maxURL = 500
)

// Ports are those that messages go to, on public addresses: those of HTTPS. Whatever else listens somewhere is not to be knocked at.
var Ports = []string{"443", "8443"}

// Client posts messages to the endpoints of tenants. It follows no redirects, heeds no proxy of the environment, and dials public addresses alone:
// what is looked at is the address that is connected to, however its name was resolved.
type Client struct {
	loopback bool
	ports    []string
	own      func(netip.Addr) bool
	http     *http.Client
}

// Options of a client.
type Options struct {
	Loopback bool          // for development: the loopback addresses may be sent to, in plain HTTP too, at any port
	Resolver *net.Resolver // nil: the system's
	Roots    *tls.Config   // nil: the system's certificates
}

// NewClient makes a client.
func NewClient(o Options) *Client {
	c := &Client{loopback: o.Loopback, ports: Ports, own: own}
	dialer := &net.Dialer{Timeout: connectTimeout, Resolver: o.Resolver, ControlContext: c.control}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	c.http = &http.Client{
		Timeout:       attemptTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        o.Roots,
			Protocols:              &protocols,
			TLSHandshakeTimeout:    tlsTimeout,
			ResponseHeaderTimeout:  headersTimeout,
			MaxResponseHeaderBytes: maxHeader,
			DisableCompression:     true,
			MaxIdleConns:           maxIdle,
			MaxIdleConnsPerHost:    maxIdleOfHost,
			MaxConnsPerHost:        maxConnections,
			IdleConnTimeout:        idleTimeout,
		},
	}
	return c
}

// control is asked of each connection, with the address that it will have.
func (c *Client) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") || !c.reaches(at) {
		return errAddress
	}
	return nil
}

// reaches says that a message may go there.
func (c *Client) reaches(at netip.AddrPort) bool {
	if c.loopback && at.Addr().Unmap().IsLoopback() {
		return true
	}
	return slices.Contains(c.ports, strconv.Itoa(int(at.Port()))) && public(at.Addr()) && !c.own(at.Addr())
}

// CheckURL says what is wrong with the URL of an endpoint, as a sentence; nothing when it is one. Where its name leads is looked at when it is sent to.
func CheckURL(text string, loopback bool) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || len(text) > maxURL || strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }):
		return "Must be a URL such as https://example.com/hooks, in ASCII."
	case u.User != nil:
		return "Must not hold a name or a password: the signature is what shows who sends."
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return "Must not have a fragment: it would not be sent."
	}
	ip, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	switch {
	case loopback && (u.Hostname() == "localhost" || literal && ip.Unmap().IsLoopback()) && (u.Scheme == "http" || u.Scheme == "https"):
		return ""
	case u.Scheme != "https":
		return "Must begin with https://."
	case u.Port() != "" && !slices.Contains(Ports, u.Port()):
		return "Must be of one of the ports " + strings.Join(Ports, " and ") + "."
	case literal && !public(ip), u.Hostname() == "localhost", strings.HasSuffix(u.Hostname(), ".localhost"):
		return "Must be of a public address."
	}
	return ""
}

// An Outcome is what became of an attempt.
type Outcome struct {
	Status     int           // of the answer; 0: there was none
	Error      string        // what went wrong, in words of our own; empty: the message was taken
	RetryAfter time.Duration // which the answer asked for
	Duration   time.Duration
}

// Delivered says that the receiver has taken the message.
func (o *Outcome) Delivered() bool { return o.Error == "" }

// Gone says that the receiver wants no further message.
func (o *Outcome) Gone() bool { return o.Status == http.StatusGone }

// Post sends a message, once.
func (c *Client) Post(ctx context.Context, to string, header http.Header, body []byte) (o Outcome) {
	began := time.Now()
	defer func() { o.Duration = time.Since(began) }()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil || request.URL.Scheme != "https" && !c.loopback {
		return Outcome{Error: errAddress.Error()}
	}
	request.Header = header.Clone()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "rowhouse-webhooks")
	request.GetBody = nil // a message is not sent twice in one attempt, which its log would not show
	answer, err := c.http.Do(request)
	if err != nil {
		return Outcome{Error: words(err)}
	}
	_, _ = io.CopyN(io.Discard, answer.Body, maxBody)
	_ = answer.Body.Close()
	o = Outcome{Status: answer.StatusCode}
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		o.Error = "redirects are not followed"
	default:
		o.Error = "the status is no success"
		o.RetryAfter = retryAfter(answer.Header, time.Now())
	}
	return o
}

// words are what is told of an error: nothing that a resolver, a router or the receiver has said.
func words(err error) string {
	var unverified *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	var unresolved *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, errAddress), errors.As(err, &unresolved):
		return errAddress.Error()
	case errors.As(err, &unverified):
		return "the certificate is not valid for this name"
	case errors.As(err, &noTLS):
		return "there is no TLS at this port"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "the connection was refused"
	}
	return "the connection broke, or the answer was no HTTP"
}
