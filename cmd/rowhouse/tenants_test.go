//go:build !worker

package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rowhouse/auth"
	"rowhouse/testdb"
)

// A tenant is suspended, resumed, exported, erased and imported by commands, each of which says what it did; and nothing is left beside the archive.
func TestTenantCommands(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	env := operator(d)
	maps.Copy(env, vars{"TOKEN_SIGNING_KEYS": auth.GenerateKey()})
	created(t, env, password+"\n", "account", "create", "--email", "ada@example.com")
	id := created(t, env, "", "tenant", "create", "--name", "Analytical Engines", "--admin", "ada@example.com")["id"]
	for _, step := range []struct{ command, status string }{{"show", "active"}, {"suspend", "suspended"}, {"resume", "active"}} {
		if got := created(t, env, "", "tenant", step.command, id); got["status"] != step.status || got["name"] != "Analytical Engines" {
			t.Errorf("%s: %v", step.command, got)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "engines.tar.zst")
	run(t, env, "tenant", "export", id, "-o", file)
	if stats := run(t, env, "tenant", "stats", id); !strings.Contains(stats, "users") {
		t.Errorf("stats: %s", stats)
	}
	refused := func(want string, args ...string) {
		t.Helper()
		p := feed(t, env, "", args...)
		if p.wait().Success() || !strings.Contains(p.said(), want) {
			t.Errorf("rowhouse %s: %s", strings.Join(args, " "), p.said())
		}
	}
	refused("this is not the tenant's name", "tenant", "erase", id, "--confirm", "Analytical")
	refused("it is active", "tenant", "resume", id)
	refused("--as new", "tenant", "import", file)
	refused("TENANT: write its id", "tenant", "show", "engines")
	if certificate := run(t, env, "tenant", "erase", id, "--confirm", "Analytical Engines"); !strings.Contains(certificate, `"tenants":1`) {
		t.Errorf("the certificate: %s", certificate)
	}
	refused("there is no such tenant", "tenant", "show", id)
	refused("there is no such tenant", "tenant", "export", id, "-o", filepath.Join(dir, "none"))
	if got := created(t, env, "", "tenant", "import", file); got["id"] != id || got["accounts_matched"] != "1" {
		t.Errorf("import: %v", got)
	}
	if got := created(t, env, "", "tenant", "import", "--as", "new", file); got["id"] == id || got["id"] == "" {
		t.Errorf("import --as new: %v", got)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("beside the archive there is %v (%v)", entries, err)
	}
}
