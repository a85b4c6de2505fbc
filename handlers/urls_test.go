package handlers

import (
	"encoding/json"
	"net/url"
	"rowhouse/rest"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every URL that the server makes begins with PUBLIC_URL, its path included, and without it with a slash; so does that of an answer which
// was kept when PUBLIC_URL was another.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	const public = "https://host.example/backend"
	w := newWorld(t)
	_, behind := w.serve(w.db.Server(), worldConfig(func(c *Config) { c.PublicURL = public }))
	admin := w.A.people["admin"]
	for to, prefix := range map[string]string{w.URL: "/api/v1/", behind: public + "/api/v1/"} {
		for _, r := range []request{
			w.as(admin, call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A),
			w.as(admin, call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A).with("Idempotency-Key", "k"), // of the other the second time
			w.as(admin, call("POST", "/api-keys").json(`{"name":"x"}`), w.A),
			w.as(admin, call("POST", "/invitations").json(`{"email":"cleo-`+url.QueryEscape(to[len(to)-5:])+`@example.com","role":"member"}`), w.A),
			w.as(admin, call("POST", "/tenants").json(`{"name":"x"}`)),
		} {
			got, err := w.try(r, to)
			if at := got.header.Get("Location"); err != nil || got.status != 201 || !strings.HasPrefix(at, prefix) || strings.Contains(at[len(prefix):], "//") {
				t.Errorf("%s at %s: got %v and Location %q, want one under %s", r.path, to, got, at, prefix)
			}
		}
		list := w.as(admin, call("GET", "/items?page_size=1&sort=name"), w.A)
		got, err := w.try(list, to)
		if link := got.header.Get("Link"); err != nil || !strings.HasPrefix(link, "<"+prefix+"items?") || !strings.HasSuffix(link, `>; rel="next"`) {
			t.Errorf("got Link %q, want one under %s", link, prefix)
		}
	}
}

// The address of a proxy that is trusted gives way to the one that it names, in X-Forwarded-For and no other header.
func TestForwardedAddress(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, "rowhouse_server", func(c *Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	address := func(header, value string) string {
		w.want(loginAs("admin-a", password).with(header, value), 200)
		sessions := w.want(w.as(w.A.people["admin"], call("GET", "/auth/sessions")), 200)
		return *page[struct{ Content []Session }](t, sessions).Content[0].Address
	}
	for _, header := range []string{"X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip"} {
		if got := address(header, "203.0.113.1"); got != "127.0.0.1" {
			t.Errorf("%s is believed: got %s", header, got)
		}
	}
	if got := address("X-Forwarded-For", "2001:db8:1:2:3::4"); got != "2001:db8:1:2:3::4" {
		t.Errorf("got %s, want the whole address", got)
	}
}

// Whoever has a /64 of IPv6 addresses is counted once, whatever is counted.
func TestLimitsOfSubscribers(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, "rowhouse_server", func(c *Config) {
		c.TrustedProxies = []string{"127.0.0.1"}
		one := rest.Limit{Times: 1, Window: time.Hour}
		c.Requests, c.Guess = rest.Limit{Times: 3, Window: time.Hour}, one
		c.Limits = Limits{LoginAddress: one, Register: one, MailAddress: one}
	})
	for what, r := range map[string]request{
		"login":    loginAs("unknown", "wrong harbour"),
		"register": call("POST", "/auth/register").json(`{"email":"bo@example.com","password":"` + password + `","username":"bo-long"}`),
		"guess":    call("POST", "/auth/email/verify").json(`{"token":"rht_x"}`),
		"mail":     call("POST", "/auth/password/forgot").json(`{"email":"nobody-there@example.com"}`),
	} {
		net := "2001:db8:1:" + what[:1] + "::"
		net = strings.NewReplacer("l", "1", "r", "2", "g", "3", "m", "4").Replace(net)
		if got := w.send(r.with("X-Forwarded-For", net+"1")); got.status == 429 {
			t.Errorf("%s: the first: got %v", what, got)
		}
		w.want(r.with("X-Forwarded-For", net+"ffff:2"), 429, "rate_limited")
		if got := w.send(r.with("X-Forwarded-For", net[:len(net)-2]+"9::1")); got.status == 429 {
			t.Errorf("%s: from another net: got %v", what, got)
		}
	}
	refresh := call("POST", "/auth/refresh").json(`{"refresh_token":"x"}`)
	for _, host := range []string{"1", "2", "3"} {
		w.want(refresh.with("X-Forwarded-For", "2001:db8:7:7::"+host), 401)
		w.want(refresh.with("X-Forwarded-For", "2001:db8:8:8::"+host), 401)
	}
	w.want(refresh.with("X-Forwarded-For", "2001:db8:7:7::4"), 429)
}

// The line of a request says who it came from and why it was refused. Of an address that leads nowhere it has what is ours of it, never
// what the client wrote; a probe that is answered is of interest to nobody.
func TestLogLine(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, "rowhouse_server", func(c *Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	line := func(r request) (entry map[string]any) {
		t.Helper()
		w.send(r.with("X-Forwarded-For", "203.0.113.7").with("X-Request-Id", "here"))
		lines := slices.Collect(strings.Lines(w.logs.tail()))
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &entry); err != nil {
			t.Fatal(err)
		}
		return entry
	}
	for _, c := range []struct {
		r           request
		route, path any
		code        any
	}{
		{w.as(w.A.people["admin"], call("GET", "/items"), w.A), "GET /items", nil, nil},
		{loginAs("admin-a", "wrong harbour"), "POST /auth/login", nil, "invalid_login"},
		{call("GET", "/items"), "GET /items", nil, "unauthorized"},
		{call("PUT", "/items/x"), nil, "/api/v1/items/*", "method_not_allowed"},
		{call("GET", "/itemz?token=rht_secret"), nil, "/api/v1/*", "route_not_found"},
		{call("GET", "//"), nil, "/", "route_not_found"},
		{call("GET", "//wp-login.php"), nil, "/*", "route_not_found"},
		{call("GET", "//items/rht_secret/x%2Fy%0Az/"), nil, "/items/*/*/*/", "route_not_found"},
		{call("GET", "/a/b/c/d/e/f/g/h/i/j"), nil, "/api/v1/*/*/*/*/*/*/…", "route_not_found"},
	} {
		got := line(c.r)
		if got["msg"] != "request" || got["address"] != "203.0.113.7" || got["route"] != c.route || got["path"] != c.path || got["code"] != c.code || got["level"] != "INFO" {
			t.Errorf("%s %s: got %v", c.r.method, c.r.path, got)
		}
	}
	line(call("GET", "//healthz"))
	line(call("HEAD", "//readyz"))
	w.server.Drain()
	if got := line(call("GET", "//readyz")); got["route"] != "GET /readyz" || got["level"] != "ERROR" && got["level"] != "INFO" || got["code"] != "draining" {
		t.Errorf("not ready: got %v", got)
	}
	if log := w.logs.tail(); strings.Count(log, "readyz") != 1 || strings.Contains(log, "healthz") || strings.Contains(log, "secret") {
		t.Errorf("got %s", log)
	}
}

// A page of an origin that is not listed is told which setting would, and so is the operator, once in a while.
func TestUnlistedOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, unset := w.serve(w.db.Server(), worldConfig(func(c *Config) { c.CORSOrigins = nil }))
	preflight := call("OPTIONS", "/items").with("Access-Control-Request-Method", "POST")
	for _, to := range []string{w.URL, unset} {
		for _, origin := range []string{"https://evil.example.com", "null", strings.Repeat("x", 4000)} {
			got, err := w.try(preflight.with("Origin", origin), to)
			if err != nil || got.status != 403 || got.code() != "origin_not_allowed" || !strings.Contains(got.body, "CORS_ORIGINS") || got.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%.30s: got %v %v, %v", origin, got, got.header, err)
			}
		}
	}
	if n := strings.Count(w.logs.tail(), "CORS_ORIGINS"); n != 2 || strings.Count(w.logs.tail(), "evil.example.com") != 2 {
		t.Errorf("the log names it %d times, want once for each server", n)
	}
	_, fresh := w.serve(w.db.Server(), worldConfig(nil)) // which has told of nobody yet
	if _, err := w.try(preflight.with("Origin", strings.Repeat("y", 4000)), fresh); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.logs.tail(), strings.Repeat("y", 101)) {
		t.Error("the log has the whole of a long origin")
	}
	w.want(call("OPTIONS", "/items").with("Origin", "https://evil.example.com"), 405) // no preflight
	w.want(preflight, 405)                                                            // of no page
}
