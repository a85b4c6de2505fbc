//go:build !worker

package main

import (
	"strings"
	"testing"

	"rowhouse/testdb"
)

// An account is looked at, logged out, shut and opened again by commands, each of which says what it did.
func TestAccountCommands(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	env := operator(d)
	id := created(t, env, password+"\n", "account", "create", "--email", "ada@example.com")["id"]
	tenant := created(t, env, "", "tenant", "create", "--name", "Analytical Engines", "--admin", "ada@example.com")["id"]
	d.Exec(`INSERT INTO sessions (id, account_id, expires_at) SELECT gen_random_uuid(), $1, now() + interval '1 hour' FROM generate_series(1, 2)`, strings.TrimPrefix(id, "account-"))

	shown := created(t, env, "", "account", "show", "ada")
	if shown["id"] != id || shown["email"] != "ada@example.com" || shown["proven"] != "true" || shown["active"] != "true" || shown["tenant"] != tenant {
		t.Errorf("show: %v", shown)
	}
	if got := created(t, env, "", "account", "revoke-sessions", "ada@example.com"); got["ended"] != "2" {
		t.Errorf("revoke-sessions: %v", got)
	}
	if got := created(t, env, "", "account", "revoke-sessions", "ada@example.com"); got["ended"] != "0" {
		t.Errorf("revoke-sessions again: %v", got)
	}
	if said := refuses(t, env, "account", "reactivate", "ada"); !strings.Contains(said, "not shut") {
		t.Errorf("reactivate: %s", said)
	}
	for _, step := range []struct{ command, active string }{{"deactivate", "false"}, {"reactivate", "true"}} {
		created(t, env, "", "account", step.command, "ada")
		if got := created(t, env, "", "account", "show", "ada"); got["active"] != step.active {
			t.Errorf("%s: %v", step.command, got)
		}
	}
	if said := refuses(t, env, "account", "show", "nobody"); !strings.Contains(said, "there is no account nobody") {
		t.Errorf("show: %s", said)
	}
}
