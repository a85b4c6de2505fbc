//go:build goosecli

package schema

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The plain goose CLI, of the version that go.mod names, makes of the same files the same schema: up, down to nothing, up.
func TestGooseCLI(t *testing.T) {
	t.Parallel()
	embedded := emptyDatabase(t, shared, "goose_embedded")
	if err := Up(t.Context(), embedded); err != nil {
		t.Fatal(err)
	}
	version, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", "github.com/pressly/goose/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	url := emptyDatabase(t, shared, "goose_cli")
	for _, command := range []string{"up", "reset", "up", "status"} {
		cmd := exec.CommandContext(t.Context(), "go", "run",
			"-tags=no_clickhouse no_libsql no_mssql no_mysql no_sqlite3 no_vertica no_ydb",
			"github.com/pressly/goose/v3/cmd/goose@"+strings.TrimSpace(string(version)), "-dir", "migrations", command)
		cmd.Env = append(os.Environ(), "GOOSE_DRIVER=postgres", "GOOSE_DBSTRING="+url)
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("goose %s: %v\n%s", command, err, output)
		}
	}
	if diff := cmp.Diff(lines(describe(t, connect(t, embedded))), lines(describe(t, connect(t, url)))); diff != "" {
		t.Errorf("(-embedded +CLI):\n%s", diff)
	}
}
