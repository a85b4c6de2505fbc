package handlers

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowhouse/rest"
	"rowhouse/testdb"
)

// limited is a world with the given limits and a second server over the same database: another process, as it were.
func limited(t *testing.T, configure func(*Config)) (w *world, other string) {
	t.Helper()
	w = newWorldAs(t, "rowhouse_server", configure)
	_, other = w.serve(w.db.Server(), w.server.config)
	return w, other
}

// A refusal by a limit says how many were allowed and when the next one is.
func (w *world) tooMany(got response, times int) {
	w.t.Helper()
	seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
	if got.status != 429 || got.code() != "rate_limited" || err != nil || seconds < 1 || seconds > 3600 ||
		got.header.Get("RateLimit-Limit") != strconv.Itoa(times) || got.header.Get("RateLimit-Remaining") != "0" || got.header.Get("RateLimit-Reset") != got.header.Get("Retry-After") {
		w.t.Errorf("got %v %v, want a limit of %d", got, got.header, times)
	}
}

// Wrong passwords for one name are counted for all processes, however many come at once, and as much for a name that is nobody's; right
// ones are not, and of other names nothing is.
func TestLoginLimit(t *testing.T) {
	t.Parallel()
	w, other := limited(t, func(c *Config) { c.Limits = Limits{Login: rest.Limit{Times: 5, Window: time.Hour}} })
	for range 20 {
		w.want(loginAs("admin-a", password), 200)
		w.want(call("POST", "/auth/login").json(`{"login":"admin-a","password":"`+password+`","tenant_id":"`+w.B.id.String()+`"}`), 403, "tenant_forbidden")
	}
	for _, spellings := range [][2]string{{"admin-a", "ADMIN-A"}, {"unknown-one", "Unknown-One"}} {
		login := spellings[0]
		refused := w.race(30, func(n int) request { return loginAs(spellings[n%2], "wrong harbour") })
		if refused["401 invalid_login"] != 5 || refused["429 rate_limited"] != 25 {
			t.Errorf("%s: got %v, want 5 answers and 25 refusals", login, refused)
		}
		for _, url := range []string{w.URL, other} {
			got, err := w.try(loginAs(login, password), url)
			if err != nil {
				t.Fatal(err)
			}
			w.tooMany(got, 5)
		}
	}
	w.want(loginAs("admin-b", password), 200)
	// What cannot be a name is counted as given: somebody's typing error keeps nobody else out.
	for range 5 {
		w.want(loginAs("not a name", password), 401)
	}
	w.tooMany(w.send(loginAs("not a name", password)), 5)
	w.want(loginAs("not a name either", password), 401)
	// A change of the password is counted by itself: who is logged in is kept from it by his own mistakes alone.
	change := func(current string) request {
		return w.as(w.A.people["admin"], call("POST", "/auth/password").json(`{"current_password":"`+current+`","new_password":"a new harbour"}`))
	}
	for range 5 {
		w.want(change("wrong harbour"), 422)
	}
	w.tooMany(w.send(change(password)), 5)
	// When the window has passed it begins anew.
	w.db.Exec(`UPDATE rate_limits SET resets_at = now()`)
	w.want(loginAs("admin-a", password), 200)
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM rate_limits WHERE encode(key, 'escape') LIKE '%admin%'`); n != 0 {
		t.Error("a count names whose it is")
	}
}

// What a login is refused tells nothing of its name: after the same attempts at the same two names the answers are the same, whether
// the names are both of one account, of two, of none, or one of them is somebody's.
func TestLoginLimitTellsNothing(t *testing.T) {
	t.Parallel()
	w, _ := limited(t, func(c *Config) { c.Limits = Limits{Login: rest.Limit{Times: 1, Window: 24 * time.Hour}} })
	pairs := [][2]string{
		{"unknown", "unknown@example.com"},
		{"admin-a", "admin-a@example.com"},
		{"admin-a", "admin-b@example.com"},
		{"admin-a", "unknown@example.com"},
		{"unknown", "admin-a@example.com"},
	}
	const attempts = 4
	for interleaving := range 1 << attempts {
		var want []string
		for _, pair := range pairs {
			w.db.Exec(`DELETE FROM rate_limits`)
			var got []string
			for n := range attempts {
				answer := w.send(loginAs(pair[interleaving>>n&1], "wrong harbour"))
				var header []string
				for _, name := range []string{"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "WWW-Authenticate"} {
					value := answer.header.Get(name)
					if seconds, err := strconv.Atoi(value); err == nil && seconds > 1 {
						value = fmt.Sprintf("%.0f hours", float64(seconds)/3600) // what the machine takes does not count
					}
					header = append(header, value)
				}
				got = append(got, fmt.Sprint(answer.status, " ", answer.code(), " ", header))
			}
			if want == nil {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("interleaving %04b: %v is not answered as %v: %s", interleaving, pair, pairs[0], diff)
			}
		}
	}
}

// Wrong passwords from one address are counted over all accounts; the address is the real client's, whatever it says of itself.
func TestLoginAddressLimit(t *testing.T) {
	t.Parallel()
	w, _ := limited(t, func(c *Config) { c.Limits = Limits{LoginAddress: rest.Limit{Times: 3, Window: time.Hour}} })
	for n := range 3 {
		w.want(loginAs(fmt.Sprintf("unknown-%d", n), "wrong harbour").with("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n)), 401)
	}
	w.tooMany(w.send(loginAs("admin-a", password).with("X-Forwarded-For", "203.0.113.9")), 3)
	// Behind a proxy that is trusted, it is the client's.
	w = newWorldAs(t, "rowhouse_server", func(c *Config) {
		c.Limits = Limits{LoginAddress: rest.Limit{Times: 1, Window: time.Hour}}
		c.TrustedProxies = []string{"127.0.0.1"}
	})
	for n := range 3 {
		w.want(loginAs("unknown", "wrong harbour").with("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n)), 401)
	}
	w.tooMany(w.send(loginAs("admin-a", password).with("X-Forwarded-For", "203.0.113.1")), 1)
}

// New accounts, taken names, tokens that are no good, and mails have limits of their own.
func TestOtherLimits(t *testing.T) {
	t.Parallel()
	register := func(n int, more string) request {
		return call("POST", "/auth/register").json(fmt.Sprintf(`{"email":"new-%d@example.com","password":%q%s}`, n, password, more))
	}
	t.Run("register", func(t *testing.T) {
		t.Parallel()
		w, other := limited(t, func(c *Config) { c.Limits = Limits{Register: rest.Limit{Times: 2, Window: time.Hour}} })
		w.want(register(1, ""), 201)
		w.want(register(2, ""), 201)
		for _, url := range []string{w.URL, other} {
			got, err := w.try(register(3, ""), url)
			if err != nil {
				t.Fatal(err)
			}
			w.tooMany(got, 2)
		}
	})
	t.Run("names", func(t *testing.T) {
		t.Parallel()
		w, _ := limited(t, func(c *Config) { c.Guess = rest.Limit{Times: 2, Window: time.Hour} })
		w.want(register(1, `,"username":"admin-a"`), 409)
		w.want(w.as(w.A.people["admin"], call("POST", "/users").json(`{"email":"admin-b@example.com","name":"x"}`), w.A), 409)
		w.tooMany(w.send(register(1, `,"username":"admin-a"`)), 2) // taken, but it does not say so
		w.want(register(1, ""), 201)
	})
	t.Run("tokens", func(t *testing.T) {
		t.Parallel()
		w, _ := limited(t, func(c *Config) { c.Guess = rest.Limit{Times: 2, Window: time.Hour} })
		reset := call("POST", "/auth/password/reset").json(`{"token":"rht_x","password":"` + password + `"}`)
		w.want(reset, 422)
		w.want(accept(`{"token":"rhi_x","password":"`+password+`"}`), 422)
		w.tooMany(w.send(call("POST", "/auth/email/verify").json(`{"token":"rht_x"}`)), 2)
		w.tooMany(w.send(reset), 2)
		refresh := call("POST", "/auth/refresh").json(`{"refresh_token":"rhr_` + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" + `"}`)
		w.tooMany(w.send(refresh), 2)
	})
	t.Run("mail", func(t *testing.T) {
		t.Parallel()
		w, _ := limited(t, func(c *Config) {
			c.Limits = Limits{Mail: rest.Limit{Times: 2, Window: time.Hour}, MailAddress: rest.Limit{Times: 5, Window: time.Hour}}
		})
		forgot := func(email string) request {
			return call("POST", "/auth/password/forgot").json(`{"email":"` + email + `"}`)
		}
		for _, email := range []string{"admin-a@example.com", "never@example.com"} { // alike, whether or not there is an account
			w.want(forgot(email), 200)
			w.want(forgot(email), 200)
			w.tooMany(w.send(forgot(email)), 2)
		}
		w.tooMany(w.send(w.as(w.A.people["admin"], call("POST", "/auth/email/verify/request"))), 2)
		// Mails that nobody asked for are not sent beyond it, and the answer tells nothing.
		for range 4 {
			w.want(w.as(w.A.people["admin"], call("POST", "/invitations").json(`{"email":"flooded@example.com","role":"member"}`), w.A), 201)
		}
		w.mailed("flooded@example.com")
		w.mailed("flooded@example.com")
		w.want(forgot("another@example.com"), 200)
		w.tooMany(w.send(forgot("one.more@example.com")), 5)
	})
	t.Run("mail of a tenant", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.jobs.MailTenant = rest.Limit{Times: 2, Window: time.Hour}
		invite := func(h house, email string) {
			w.want(w.as(h.people["admin"], call("POST", "/invitations").json(`{"email":"`+email+`","role":"member"}`), h), 201)
		}
		for n := range 4 {
			invite(w.A, fmt.Sprintf("stranger-%d@example.com", n))
		}
		w.want(w.as(w.A.people["admin"], call("POST", "/users").json(`{"email":"new@example.com","name":"New"}`), w.A), 201)
		invite(w.B, "guest@example.com")
		w.mailed("guest@example.com")
		w.until(`SELECT bool_and(finished_at IS NOT NULL) FROM jobs WHERE kind IN ('invitation.mail', 'user.welcome') AND due_at < '2099-01-01'`)
		if n := w.post.Count(); n != 3 {
			t.Errorf("%d mails, want two of A's and B's", n)
		}
	})
}

// Each credential has requests of its own in each process; what is not verified counts for nobody's but its address.
func TestRequestLimit(t *testing.T) {
	t.Parallel()
	w, _ := limited(t, func(c *Config) { c.Requests = rest.Limit{Times: 10, Window: time.Hour} })
	admin := w.A.people["admin"]
	key := w.key(w.A, w.A.people["member"], "").Key
	for range 10 {
		w.want(w.as(admin, call("GET", "/items"), w.A), 200)
	}
	w.tooMany(w.send(w.as(admin, call("GET", "/items"), w.A)), 10)
	w.tooMany(w.send(w.as(admin, call("GET", "/me"))), 10)
	w.want(w.as(admin, call("GET", "/items")), 400, "missing_tenant") // which comes first
	w.want(w.as(admin, call("GET", "/nowhere"), w.A), 404)
	w.tooMany(w.send(w.as(admin, call("POST", "/items").json(`{`), w.A)), 10) // before the body is read
	w.want(w.as(w.A.people["assistant"], call("GET", "/items"), w.A), 200)
	for range 10 {
		w.want(byKey(key, call("GET", "/items")), 200)
	}
	w.tooMany(w.send(byKey(key, call("GET", "/items"))), 10)
	for range 20 {
		w.want(bearer("nonsense", call("GET", "/items")), 401)
	}
	for n := range 11 {
		got := w.send(loginAs("admin-a", password))
		if n < 10 && got.status != 200 || n == 10 && got.status != 429 {
			t.Errorf("login %d: got %v", n, got)
		}
	}
}

// Counts that count no more are taken away as others are made, a few at a time.
func TestLimitsForget(t *testing.T) {
	t.Parallel()
	w, _ := limited(t, func(c *Config) { c.Limits = Limits{Login: rest.Limit{Times: 5, Window: time.Hour}} })
	w.db.Exec(`INSERT INTO rate_limits (key, taken, resets_at) SELECT int4send(n), 1, now() - interval '1 hour' FROM generate_series(1, 6) n`)
	for range 2 {
		w.want(loginAs("unknown", "wrong harbour"), 401)
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM rate_limits`); n != 1 {
		t.Errorf("got %d counts, want the one of now", n)
	}
}
