package webhooks

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/net/dns/dnsmessage"
)

// A message carries a signature of each secret that is live, and whoever has one of them verifies it with the reference library; nobody else does.
func TestSignatures(t *testing.T) {
	t.Parallel()
	fresh, before, other := NewSecret(), NewSecret(), NewSecret()
	body := []byte(`{"type":"item.update"}`)
	header, err := Sign("delivery-1", time.Now(), body, fresh, before)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(secret string, body []byte, header http.Header) error {
		key, err := standard.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		return key.Verify(body, header)
	}
	for _, secret := range []string{fresh, before} {
		if err := verify(secret, body, header); err != nil {
			t.Errorf("a live secret: %v", err)
		}
	}
	if verify(other, body, header) == nil || verify(fresh, []byte(`{}`), header) == nil {
		t.Error("another secret, or another body, verifies")
	}
	if signatures := strings.Fields(header.Get("webhook-signature")); len(signatures) != 2 {
		t.Errorf("got %q, want two signatures", signatures)
	}
	old, err := Sign("delivery-1", time.Now().Add(-time.Hour), body, fresh)
	if err != nil || verify(fresh, body, old) == nil {
		t.Errorf("a message of an hour ago verifies (%v)", err)
	}
	if _, err := Sign("delivery-1", time.Now(), body, "whsec_!"); err == nil || strings.Contains(err.Error(), "!") {
		t.Errorf("a secret that is none: got %v", err)
	}
	// The vector of the specification.
	header, err = Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if got := header.Get("webhook-signature"); err != nil || got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("the vector: got %s (%v)", got, err)
	}
}

// Only addresses that anybody may reach are sent to, in whichever way they are written.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"93.184.216.34": true, "1.1.1.1": true, "8.8.8.8": true, "172.15.255.255": true, "172.32.0.1": true, "100.63.255.255": true,
		"100.128.0.1": true, "198.17.255.255": true, "198.20.0.1": true, "192.0.1.1": true, "223.255.255.255": true, "169.253.1.1": true,
		"2606:4700::1111": true, "2a00:1450:4001::1": true, "::ffff:1.1.1.1": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "10.255.255.255": false, "100.64.0.1": false, "100.100.100.200": false,
		"100.127.255.255": false, "127.0.0.1": false, "127.255.0.1": false, "169.254.169.254": false, "169.254.170.2": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.0.0.1": false, "192.0.0.192": false, "192.0.2.1": false, "192.88.99.1": false,
		"192.168.1.1": false, "198.18.0.1": false, "198.19.255.255": false, "198.51.100.1": false, "203.0.113.7": false, "224.0.0.1": false,
		"239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false, "168.63.129.16": false,

		"::": false, "::1": false, "::7f00:1": false, "::1.1.1.1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false,
		"::ffff:10.0.0.1": false, "::ffff:0:127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::1.1.1.1": false, "64:ff9b:1::1": false,
		"100::1": false, "2001::1": false, "2001:0:4136:e378:8000:63bf:3fff:fdd2": false, "2001:2::1": false, "2001:10::1": false,
		"2001:20::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "2002:101:101::1": false, "3fff::1": false, "5f00::1": false,
		"fc00::1": false, "fd00:ec2::254": false, "fd20:ce::254": false, "fe80::1": false, "fe80::1%lo": false, "fec0::1": false, "ff02::1": false, "4000::1": false,
		"2606:4700::1111%1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: public: got %v, want %v", text, got, want)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address at all is public")
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil || len(addresses) == 0 {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if ip := netip.MustParsePrefix(address.String()).Addr(); !own(ip) || ip.Is4() && !own(netip.AddrFrom16(ip.As16())) {
			t.Errorf("%s is this machine's own", ip)
		}
	}
	if own(netip.MustParseAddr("1.1.1.1")) {
		t.Error("1.1.1.1 is taken for this machine's own")
	}
	client := NewClient(Options{})
	to := netip.MustParseAddrPort("1.1.1.1:443")
	if !client.reaches(to) {
		t.Errorf("%v is not reached", to)
	}
	client.own = func(ip netip.Addr) bool { return ip == to.Addr() }
	if client.reaches(to) {
		t.Errorf("%v is this machine's own, and is reached", to)
	}
	for _, text := range []string{"1.0.0.1:80", "1.0.0.1:22", "1.0.0.1:5432", "127.0.0.1:443"} {
		if client.reaches(netip.MustParseAddrPort(text)) {
			t.Errorf("%s is reached", text)
		}
	}
}

// What is an endpoint's URL is HTTPS, to a name or a public address, at the ports of HTTPS, and holds no secret of its own kind. For development
// loopback is one too.
func TestURLs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://example.com":                             "both",
		"https://example.com/hooks?key=1":                 "both",
		"https://example.com:8443/":                       "both",
		"https://[2606:4700::1111]/":                      "both",
		"http://localhost:9/":                             "loopback",
		"http://127.0.0.1:9/":                             "loopback",
		"https://[::1]:9/":                                "loopback",
		"http://example.com":                              "",
		"https://example.com:80":                          "",
		"https://example.com:5432":                        "",
		"https://user:secret@example.com":                 "",
		"https://user@example.com":                        "",
		"https://example.com/#top":                        "",
		"https://example.com/#":                           "",
		"https://10.0.0.1/":                               "",
		"https://169.254.169.254/latest":                  "",
		"https://[::ffff:127.0.0.1]:443/":                 "loopback",
		"https://[fd00:ec2::254]/":                        "",
		"https://hooks.localhost/":                        "",
		"https://":                                        "",
		"https:example.com":                               "",
		"//example.com":                                   "",
		"ftp://example.com":                               "",
		"javascript:alert(1)":                             "",
		"https://exa mple.com":                            "",
		"https://exämple.com":                             "",
		"https://example.com/\r\nX: y":                    "",
		"https://example.com/" + strings.Repeat("x", 500): "",
		"": "",
	} {
		got := ""
		switch {
		case CheckURL(text, false) == "" && CheckURL(text, true) == "":
			got = "both"
		case CheckURL(text, true) == "":
			got = "loopback"
		case CheckURL(text, false) == "":
			got = "strict"
		}
		if got != want {
			t.Errorf("%q: good for %q, want %q", text, got, want)
		}
	}
}

// names is a DNS server on loopback that gives each name an address, and counts what it is asked.
func names(t *testing.T, answers func(asked int64) netip.Addr) *net.Resolver {
	t.Helper()
	listening, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listening.Close() })
	var asked atomic.Int64
	go func() {
		packet := make([]byte, 1500)
		for {
			n, from, err := listening.ReadFrom(packet)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(packet[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			question := m.Questions[0]
			m.Response = true
			m.Additionals = nil
			if ip := answers(asked.Load()); ip.Is4() == (question.Type == dnsmessage.TypeA) {
				asked.Add(1)
				header := dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class}
				var body dnsmessage.ResourceBody = &dnsmessage.AAAAResource{AAAA: ip.As16()}
				if ip.Is4() {
					body = &dnsmessage.AResource{A: ip.As4()}
				}
				m.Answers = []dnsmessage.Resource{{Header: header, Body: body}}
			}
			packed, err := m.Pack()
			if err == nil {
				_, _ = listening.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", listening.LocalAddr().String())
	}}
}

// Whatever a name leads to when it is dialled, an address that is not public is not connected to; nor is one to which it led first to something else.
func TestNamesOfPrivateAddresses(t *testing.T) {
	t.Parallel()
	var knocked atomic.Int64
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listening.Close() })
	go func() {
		for {
			conn, err := listening.Accept()
			if err != nil {
				return
			}
			knocked.Add(1)
			_ = conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(listening.Addr().String())
	for _, text := range []string{"127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:7f00:1", "fd00:ec2::254", "64:ff9b::7f00:1"} {
		ip := netip.MustParseAddr(text)
		client := NewClient(Options{Resolver: names(t, func(int64) netip.Addr { return ip })})
		client.ports = []string{port} // of which it is not refused
		if got := client.Post(t.Context(), "https://rebound.example.com:"+port+"/", http.Header{}, nil); got.Error != errAddress.Error() || got.Status != 0 {
			t.Errorf("%s: got %+v", text, got)
		}
	}
	if n := knocked.Load(); n != 0 {
		t.Errorf("%d connections to a private address", n)
	}
	// A name that there is not is answered alike.
	client := NewClient(Options{Resolver: names(t, func(int64) netip.Addr { return netip.Addr{} })})
	if got := client.Post(t.Context(), "https://nowhere.example.com/", http.Header{}, nil); got.Error != errAddress.Error() {
		t.Errorf("no such name: got %+v", got)
	}
}

// receiver answers on loopback, and the client may send to it.
func receiver(t *testing.T, answers http.HandlerFunc) (*Client, string) {
	t.Helper()
	server := httptest.NewServer(answers)
	t.Cleanup(server.Close)
	return NewClient(Options{Loopback: true}), server.URL
}

// What a receiver answers decides what comes next, and nothing else of its answer is kept.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		answers http.HandlerFunc
		want    Outcome
	}{
		{"taken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, Outcome{Status: 204}},
		{"gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }, Outcome{Status: 410, Error: "the status is no success"}},
		{"failed", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, Outcome{Status: 500, Error: "the status is no success"}},
		{"too many", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusTooManyRequests)
		}, Outcome{Status: 429, Error: "the status is no success", RetryAfter: 2 * time.Minute}},
		{"a header that is too large", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Large", strings.Repeat("x", 64<<10))
		}, Outcome{Error: "the connection broke, or the answer was no HTTP"}},
		{"no HTTP", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = conn.Write([]byte("SSH-2.0-secret\r\n"))
				_ = conn.Close()
			}
		}, Outcome{Error: "the connection broke, or the answer was no HTTP"}},
	} {
		client, url := receiver(t, c.answers)
		got := client.Post(t.Context(), url, http.Header{}, []byte("{}"))
		got.Duration = 0
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A redirect is a failure, and nothing is asked of where it leads.
func TestRedirects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var requests atomic.Int64
		client, url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
			w.WriteHeader(status)
		})
		got := client.Post(t.Context(), url, http.Header{}, []byte("{}"))
		if got.Status != status || got.Delivered() || requests.Load() != 1 {
			t.Errorf("%d: got %+v after %d requests", status, got, requests.Load())
		}
	}
}

// A receiver that says nothing, or goes on and on, holds an attempt no longer than it may take, and what it sends is not read to the end.
func TestSlowReceivers(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	client, url := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := client.Post(ctx, url, http.Header{}, nil); got.Error != "no answer in time" {
		t.Errorf("silent: got %+v", got)
	}
	if client.http.Timeout != attemptTimeout {
		t.Error("an attempt has no end of its own")
	}
	var sent atomic.Int64
	ended := make(chan struct{})
	client, url = receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		for range 1 << 16 {
			n, err := w.Write(make([]byte, 4096))
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	if got := client.Post(t.Context(), url, http.Header{}, nil); got.Status != 200 || !got.Delivered() {
		t.Errorf("endless: got %+v", got)
	}
	<-ended
	if sent.Load() == 4096<<16 {
		t.Errorf("%d bytes of an answer were read", sent.Load())
	}
}

// Nothing is sent through the proxy that the environment names, nor in HTTP/2.
func TestPlainTransport(t *testing.T) { //nolint:paralleltest // it changes the environment
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Proto", r.Proto)
		if r.ProtoMajor != 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	client := NewClient(Options{Loopback: true, Roots: &tls.Config{RootCAs: roots}})
	if got := client.Post(t.Context(), server.URL, http.Header{}, nil); !got.Delivered() {
		t.Errorf("got %+v", got)
	}
	if client.http.Transport.(*http.Transport).Proxy != nil {
		t.Error("the client heeds a proxy of the environment")
	}
	if got := NewClient(Options{Loopback: true}).Post(t.Context(), server.URL, http.Header{}, nil); got.Error != "the certificate is not valid for this name" {
		t.Errorf("a certificate of nobody: got %+v", got)
	}
	plain := strings.Replace(server.URL, "https", "http", 1)
	if got := client.Post(t.Context(), plain, http.Header{}, nil); got.Delivered() {
		t.Errorf("HTTP to HTTPS: got %+v", got)
	}
}

// What a receiver asks for in Retry-After is heeded where it makes sense, for a day at most.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "90": 90 * time.Second, "-5": 0, "3600000": 24 * time.Hour, "99999999999999999999": 0, "1.5": 0, "soon": 0,
		"Sat, 31 Jan 2026 09:31:00 GMT": time.Minute, "Sat, 31 Jan 2026 09:29:00 GMT": 0, "Fri, 31 Jan 2036 09:30:00 GMT": 24 * time.Hour,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// A message is tried ten times over three days, each time after a longer pause; what failed at once is not tried again at once.
func TestPauses(t *testing.T) {
	t.Parallel()
	var all time.Duration
	for n := range len(Pauses) {
		seen := map[time.Duration]bool{}
		for range 100 {
			pause, more := Pause(n+1, 0)
			if !more || pause < Pauses[n] || pause > Pauses[n]+Pauses[n]/10 || n > 0 && pause <= Pauses[n-1] {
				t.Errorf("after %d attempts: %v, %v", n+1, pause, more)
			}
			seen[pause] = true
		}
		if len(seen) < 10 {
			t.Errorf("after %d attempts: pauses are alike", n+1)
		}
		all += Pauses[n]
	}
	if all < 72*time.Hour || all > 84*time.Hour {
		t.Errorf("all attempts take %v, which is not about three days", all)
	}
	if _, more := Pause(len(Pauses)+1, 0); more {
		t.Error("there is no end")
	}
	if pause, more := Pause(1, time.Hour); pause != time.Hour || !more {
		t.Errorf("asked to wait an hour: %v, %v", pause, more)
	}
}
