//go:build !worker

package main

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rowhouse/auth"
	"rowhouse/ids"
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
	quotas := func(want string, args ...string) {
		t.Helper()
		lines := strings.Split(run(t, env, append([]string{"tenant", "quota", id}, args...)...), "\n")
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.Join(strings.Fields(line), " ") == want }) {
			t.Errorf("quota %v: no %q in\n%s", args, want, strings.Join(lines, "\n"))
		}
	}
	quotas("users 1 - -")
	quotas("users 1 50 -", "users=50", "requests_per_day=1000")
	quotas("requests_per_day 0 1000 -")
	quotas("users 1 - -", "users=none")
	refused("there is no such subject", "tenant", "quota", id, "usres=1")
	refused("write SUBJECT=MAXIMUM", "tenant", "quota", id, "users=-1")
	refused("write SUBJECT=MAXIMUM", "tenant", "quota", id, "users")
	refused("there is no such tenant", "tenant", "quota", ids.New[ids.TenantID]().String(), "users=1")
	refused("there is no such tenant", "tenant", "quota", ids.New[ids.TenantID]().String())
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

// What is under way has a name of its own, which nobody else writes; what a killed export has left there keeps nobody from the next, and a link leads nowhere.
func TestArchivePart(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "engines.tar.zst")
	part := name + ".part"
	if err := os.WriteFile(part, []byte("of an export that was killed"), 0o644); err != nil {
		t.Fatal(err)
	}
	to, keep, err := create(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := create(name, nil); err == nil || !strings.Contains(err.Error(), "another export writes it") {
		t.Errorf("a second one beside it: %v", err)
	}
	if _, err := io.WriteString(to, "all of it"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there before it is whole: %v", err)
	}
	if err := keep(nil); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(name); string(text) != "all of it" {
		t.Errorf("got %q, %v", text, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info, err)
	}

	if _, keep, err = create(name, nil); err != nil {
		t.Fatal(err)
	}
	if err := keep(errors.New("cut off")); err == nil || err.Error() != "cut off" {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(part); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what failed is left: %v", err)
	}
	if text, err := os.ReadFile(name); string(text) != "all of it" {
		t.Errorf("an export that failed has changed the one before: %q, %v", text, err)
	}

	if err := os.Symlink(name, part); err != nil {
		t.Fatal(err)
	}
	if _, _, err := create(name, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("through a link: %v", err)
	}
}
