package handlers

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/testdb"
)

// claimant is somebody who has a ticket, and loses access in one of the ways there are: a user of a house of his own, who has logged in
// twice. The first login is that of the ticket; he does the rest with the second.
type claimant struct {
	*world
	house
	clerk           *abroad // an outside issuer
	who             person
	email, password string
	user            string
	ticket, again   loginAnswer
	next            string // the process that the next request goes to
}

// A ticket is what gives access. got gets it, and returns what uses it, later; it is told how access will be lost.
type ticketKind struct {
	name string
	role string // that the claimant needs, assistant when empty
	got  func(c *claimant, lost *loss) (used func() request)
}

// A loss is a way of losing access.
type loss struct {
	name string
	by   func(c *claimant)
	user bool // it is a user of the tenant who loses it
}

func (c *claimant) admin() person { return c.people["admin"] }

// here adds the header that selects the claimant's house.
func (c *claimant) here(r request) request { return r.with("X-Tenant-Id", c.id.String()) }

// work is what takes a permission that members lack.
func (c *claimant) work() request { return call("PATCH", "/items/"+c.own.UUID()).json(`{}`) }

// mailedTo is the next token that is mailed to an address.
func (c *claimant) mailedTo(email string) string {
	for {
		if token := mailedToken.FindString(c.mail(email)); token != "" {
			return token
		}
	}
}

func (c *claimant) resets(token string) func() request {
	return func() request {
		return call("POST", "/auth/password/reset").json(`{"token":"` + token + `","password":"what-comes-next"}`)
	}
}

func (c *claimant) verifies(token string) func() request {
	return func() request { return call("POST", "/auth/email/verify").json(`{"token":"` + token + `"}`) }
}

// moves makes another address the account's.
func (c *claimant) moves(email string) {
	c.want(bearer(c.again.AccessToken, call("POST", "/auth/email/change").json(`{"email":"`+email+`","password":"`+c.password+`"}`)), 200)
	c.want(bearer(c.again.AccessToken, c.verifies(c.mailedTo(email))()), 200)
	c.email = email
}

// accepts an invitation as who he is then, or as nobody yet where his account is gone.
func (c *claimant) accepts(token string) request {
	in, err := c.try(loginAs(c.email, c.password), c.next)
	if err != nil {
		c.t.Error(err)
	}
	if in.status != http.StatusOK {
		return accept(`{"token":"` + token + `","password":"harbour-masters"}`)
	}
	return bearer(content[loginAnswer](c.t, in).AccessToken, accept(`{"token":"`+token+`"}`))
}

var tickets = []ticketKind{
	{"access token, for the account", "", func(c *claimant, _ *loss) func() request {
		return func() request { return bearer(c.ticket.AccessToken, call("GET", "/me")) }
	}},
	{"access token, in the tenant", "", func(c *claimant, _ *loss) func() request {
		return func() request { return c.here(bearer(c.ticket.AccessToken, c.work())) }
	}},
	{"the same, with a pass", "", func(c *claimant, _ *loss) func() request {
		r := c.here(bearer(c.ticket.AccessToken, call("GET", "/items")))
		for range 100 { // nobody makes a pass of what another is looking at
			c.want(r, 200)
			if testdb.Value[int](c.db, `SELECT count(*) FROM passes WHERE active_tenant_id = $1 AND account_id = $2`, c.id, c.who.account) == 1 {
				return func() request { return c.here(bearer(c.ticket.AccessToken, c.work())) }
			}
		}
		c.t.Error("no pass was made")
		return nil
	}},
	{"bound session", "", func(c *claimant, _ *loss) func() request {
		bound := c.want(bearer(c.ticket.AccessToken, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+c.id.String()+`"}`)), 200)
		return func() request { return bearer(content[loginAnswer](c.t, bound).AccessToken, c.work()) }
	}},
	{"refresh token", "", func(c *claimant, _ *loss) func() request {
		return func() request {
			return call("POST", "/auth/refresh").json(`{"refresh_token":"` + c.ticket.RefreshToken + `"}`)
		}
	}},
	{"visit of a superuser", "none", func(c *claimant, lost *loss) func() request {
		c.db.Exec(`UPDATE accounts SET is_superuser = true WHERE id = $1`, c.who.account)
		visit := c.want(bearer(c.ticket.AccessToken, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+c.id.String()+`","reason":"Ticket 4711"}`)), 200)
		if lost.user { // which he became after it began
			c.joins("assistant")
		}
		return func() request { return bearer(content[loginAnswer](c.t, visit).AccessToken, c.work()) }
	}},
	{"access token of an outside issuer", "", func(c *claimant, _ *loss) func() request {
		token := c.clerk.of(c.who)
		c.want(c.here(bearer(token, c.work())), 200)
		return func() request { return c.here(bearer(token, c.work())) }
	}},
	{"the same, issued afterwards", "", func(c *claimant, _ *loss) func() request {
		c.want(c.here(bearer(c.clerk.of(c.who), c.work())), 200)
		return func() request { return c.here(bearer(c.clerk.of(c.who, later()), c.work())) }
	}},
	{"API key", "", func(c *claimant, _ *loss) func() request {
		made := c.want(c.here(bearer(c.again.AccessToken, call("POST", "/api-keys").json(`{"name":"k"}`))), 201)
		return func() request { return byKey(content[keyAnswer](c.t, made).Key, c.work()) }
	}},
	{"one-time token of `password/forgot`", "", func(c *claimant, _ *loss) func() request {
		c.want(call("POST", "/auth/password/forgot").json(`{"email":"`+c.email+`"}`), 200)
		return c.resets(c.mailedTo(c.email))
	}},
	{"one-time token of a welcome", "made", func(c *claimant, _ *loss) func() request {
		return c.resets(c.mailedTo(c.email))
	}},
	{"one-time token of `email/verify/request`", "", func(c *claimant, _ *loss) func() request {
		c.want(bearer(c.again.AccessToken, call("POST", "/auth/email/verify/request")), 200)
		return c.verifies(c.mailedTo(c.email))
	}},
	{"pending change of e-mail", "", func(c *claimant, _ *loss) func() request {
		to := "pending-" + c.email
		c.want(bearer(c.again.AccessToken, call("POST", "/auth/email/change").json(`{"email":"`+to+`","password":"`+c.password+`"}`)), 200)
		return c.verifies(c.mailedTo(to))
	}},
	{"invitation to the person", "none", func(c *claimant, lost *loss) func() request {
		to := c.email
		if lost.user {
			to = "invited-" + c.email
		}
		c.want(c.as(c.admin(), call("POST", "/invitations").json(`{"email":"`+to+`","role":"assistant"}`), c.house), 201)
		token := c.mailedTo(to)
		if lost.user { // he is a user under another address, and moves to the one that was invited
			c.joins("assistant")
			c.moves(to)
		}
		return func() request { return c.accepts(token) }
	}},
	{"invitation by the person, to another", "admin", func(c *claimant, _ *loss) func() request {
		to := "friend-of-" + c.email
		c.want(c.here(bearer(c.again.AccessToken, call("POST", "/invitations").json(`{"email":"`+to+`","role":"assistant"}`))), 201)
		token := c.mailedTo(to)
		return func() request { return accept(`{"token":"` + token + `","password":"harbour-masters"}`) }
	}},
}

var losses = []loss{
	{"nothing", func(*claimant) {}, false},
	{"password change", func(c *claimant) {
		c.want(bearer(c.again.AccessToken, call("POST", "/auth/password").json(`{"current_password":"`+c.password+`","new_password":"another-secret-9"}`)), 200)
		c.password = "another-secret-9"
	}, false},
	{"password reset", func(c *claimant) {
		c.want(call("POST", "/auth/password/forgot").json(`{"email":"`+c.email+`"}`), 200)
		c.password = "what-comes-next"
		c.want(c.resets(c.mailedTo(c.email))(), 200)
	}, false},
	{"logout", func(c *claimant) { c.want(bearer(c.ticket.AccessToken, call("POST", "/auth/logout")), 200) }, false},
	{"logout everywhere", func(c *claimant) { c.want(bearer(c.again.AccessToken, call("POST", "/auth/logout-all")), 200) }, false},
	{"e-mail change", func(c *claimant) { c.moves("new-" + c.email) }, false},
	{"demoted", func(c *claimant) {
		c.db.Exec(`UPDATE accounts SET is_superuser = false WHERE id = $1 AND is_superuser`, c.who.account)
		c.want(c.as(c.admin(), call("PATCH", "/users/"+c.user).json(`{"role":"member"}`), c.house), 200)
	}, true},
	{"deactivated", func(c *claimant) {
		c.want(c.as(c.admin(), call("POST", "/users/"+c.user+"/deactivate"), c.house), 200)
	}, true},
	{"removed", func(c *claimant) { c.want(c.as(c.admin(), call("DELETE", "/users/"+c.user), c.house), 200) }, true},
	{"left", func(c *claimant) { c.want(c.here(bearer(c.again.AccessToken, call("POST", "/users/me/leave"))), 200) }, true},
	{"tenant suspended", func(c *claimant) { c.db.Exec(`UPDATE tenants SET status = 'suspended' WHERE id = $1`, c.id) }, false},
	{"tenant deleted", func(c *claimant) {
		c.want(c.as(c.admin(), call("DELETE", "/tenant?confirm="+c.canary), c.house), 200)
	}, false},
	{"account closed", func(c *claimant) { c.want(bearer(c.again.AccessToken, call("DELETE", "/me")), 200) }, false},
	{"deleted at Clerk", func(c *claimant) {
		c.prove(c.who)
		c.want(news(clerkSays("user.created", c.who.name, 1000, map[string]any{"email": c.email})), 200)
		c.outcome(news(clerkSays("user.deleted", c.who.name, 2000, nil)), hookApplied)
	}, false},
	{keysRotated, func(*claimant) {}, false},
	{keyDropped, func(*claimant) {}, false},
}

const (
	keysRotated = "signing keys rotated"
	keyDropped  = "old signing key dropped"
)

// footnotes say of a cell what is not obvious; an empty loss stands for all of the ticket's.
var footnotes = []struct{ ticket, lost, text string }{
	{"visit of a superuser", "demoted", "Demoted as a superuser, and as the user that he has become meanwhile; otherwise a visit stands on the account's power and on the session that began it, not on a user."},
	{"visit of a superuser", "removed", "As the user that he has become meanwhile, and was not when the visit began: as before that, he is a visitor, until the 15 minutes are over. The same where he left or was deactivated."},
	{"API key", "password change", "A key is no login: its own routes end it. A reset ends it where the account's e-mail was not proven before."},
	{"API key", "deactivated", "For good: reactivated, the user makes new ones."},
	{"access token of an outside issuer", "logout", "By another session, which is not that of the token. With the token itself it is refused; so is any that was issued before, also to another device."},
	{"the same, issued afterwards", "logout everywhere", "Whoever still has a session at the issuer gets a token that begins another here: to keep him out, end that too. Likewise after a new password."},
	{"the same, issued afterwards", "account closed", "To no account is linked whom it names; with an account of the same e-mail, confirmed, it is as at the first time."},
	{"bound session", "deactivated", "For good: reactivated or invited again, the session names its tenant by header like any other. Likewise where the user was removed or left."},
	{"one-time token of a welcome", "removed", "An account that was made for the tenant, and that nobody has proven, loses with its user what was mailed for it; it may log in as before. Other accounts are no business of the tenant's."},
	{"invitation to the person", "e-mail change", "The account's e-mail is no longer the invited one; whoever reads the old address may accept it."},
	{"invitation to the person", "demoted", "He is a user already, under the address that was invited. Once he is shut out it is void."},
	{"invitation to the person", "account closed", "Whoever reads the address accepts it with a new account: the e-mail itself is free."},
	{"invitation by the person, to another", "deactivated", "It counts while whoever sent it could send it. Reactivated, he can."},
	{"access token, for the account", keyDropped, "An access token is good for as long as a process has the key that signed it: drop a key when the tokens that it signed have expired."},
}

// Each ticket that gives access, in each way of losing it, at the very next request in another process: the table of docs/access.md is
// what happened.
func TestAccessGolden(t *testing.T) {
	t.Parallel()
	clerk := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", hooked(clerk))
	fresh, err := auth.ParseKeys(auth.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	_, elsewhere := w.serve(w.db.Server(), w.server.config)
	_, rotated := w.serveWith(w.db.Server(), w.server.config, append(slices.Clone(fresh), testKeys()...))
	_, dropped := w.serveWith(w.db.Server(), w.server.config, fresh)
	cells := make([][]string, len(tickets))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for i := range tickets {
		cells[i] = make([]string, len(losses))
		for j := range losses {
			all.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				next := elsewhere
				switch losses[j].name {
				case keysRotated:
					next = rotated
				case keyDropped:
					next = dropped
				}
				cells[i][j] = w.tryTicket(fmt.Sprintf("c%d-%d", i, j), next, clerk, &tickets[i], &losses[j])
			})
		}
	}
	all.Wait()
	t.Attr("access_cells", strconv.Itoa(len(tickets)*len(losses)))
	golden(t, "../../docs/access.md", accessPage(t, cells))
}

// tryTicket has somebody get a ticket and lose access, and uses the ticket.
func (w *world) tryTicket(name, next string, clerk *abroad, ticket *ticketKind, lost *loss) string {
	c := &claimant{world: w, house: w.makeHouse(name, "house-"+name), clerk: clerk, password: password, next: next}
	w.rows(c.house, c.own)
	c.who.name, c.email = "who-"+name, "who-"+name+"@example.com"
	switch ticket.role {
	case "made":
		made := w.want(w.as(c.admin(), call("POST", "/users").json(`{"email":"`+c.email+`","name":"Who","role":"assistant"}`), c.house), 201)
		c.user = content[userAnswer](w.t, made).User.ID
		w.work()
		w.until(`SELECT state = 'completed' FROM jobs WHERE kind = 'user.welcome' AND 'user-' || subject_id = $1`, c.user) // without a password still
		c.who.account = testdb.Value[ids.AccountID](w.db, `UPDATE accounts SET password_hash = $1 WHERE email = $2 RETURNING id`, weakHash(), c.email)
	default:
		c.who = w.account(c.who.name)
		w.prove(c.who)
		if ticket.role != "none" {
			c.joins(ticket.role)
		}
	}
	c.ticket, c.again = w.login(c.email), w.login(c.email)
	used := ticket.got(c, lost)
	lost.by(c)
	got, err := w.try(used(), next)
	if err != nil {
		w.t.Errorf("%s, %s: %v", ticket.name, lost.name, err)
	}
	switch {
	case got.status < 300:
		return "works"
	case got.status < 500:
		return strconv.Itoa(got.status)
	}
	w.t.Errorf("%s, %s: got %v", ticket.name, lost.name, got)
	return "?"
}

// joins makes the claimant a user of the house.
func (c *claimant) joins(role string) {
	if role == "" {
		role = "assistant"
	}
	c.world.user(c.house, c.who, role)
	c.user = c.userID(c.house, c.who).String()
}

// accessPage is docs/access.md.
func accessPage(t *testing.T, cells [][]string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`# Access that is taken away

Each row is a ticket that gives access, each column a way of losing it. A cell is the very next request with the ticket, in another
process: it works, or is refused with this status. Written by ` + "`TestAccessGolden`" + `, which does all of it over HTTP; ` + "`make golden`" + `
writes it anew.

`)
	b.WriteString("| |")
	for i := range losses {
		b.WriteString(" " + losses[i].name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(losses)) + "\n")
	used := map[int]bool{}
	for i := range tickets {
		b.WriteString("| " + tickets[i].name + " |")
		for j := range losses {
			b.WriteString(" " + cells[i][j])
			for n, note := range footnotes {
				if note.ticket == tickets[i].name && note.lost == losses[j].name {
					fmt.Fprintf(&b, " [%d]", n+1)
					used[n] = true
				}
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for n, note := range footnotes {
		if !used[n] {
			t.Errorf("a footnote of no cell: %s, %s", note.ticket, note.lost)
		}
		fmt.Fprintf(&b, "%d. %s\n", n+1, note.text)
	}
	return b.String()
}
