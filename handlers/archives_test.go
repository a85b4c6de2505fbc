package handlers

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/klauspost/compress/zstd"

	"rowhouse/archive"
	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	schema "rowhouse/sql"
	"rowhouse/tenancy"
	"rowhouse/testdb"
)

// vault is a world of rows, and what exports, imports and erases its tenants.
type vault struct {
	*world
	*archive.Archivist
	doors *tenancy.Database
}

func newVault(t *testing.T, w *world) *vault {
	t.Helper()
	doors, err := tenancy.Open(t.Context(), w.db.Server())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(doors.Close)
	return &vault{w, archive.New(auth.NewTokens(testKeys(), "rowhouse", "rowhouse-api")), doors}
}

func silent(string, int64) {}

func (v *vault) export(h house) []byte {
	v.t.Helper()
	var b bytes.Buffer
	if _, err := v.Export(v.t.Context(), v.doors, h.id, &b, silent); err != nil {
		v.t.Fatal(err)
	}
	return b.Bytes()
}

func (v *vault) importing(text []byte, o archive.Options) (archive.Imported, error) {
	o.Progress = silent
	return v.Import(v.t.Context(), v.doors, bytes.NewReader(text), o)
}

func (v *vault) erase(h house) archive.Certificate {
	v.t.Helper()
	q := v.doors.System(h.id, "tenant.erase")
	if _, err := q.TenantEraseNow(v.t.Context(), db.TenantEraseNowParams{TenantID: h.id, Confirm: h.canary}); err != nil {
		v.t.Fatal(err)
	}
	_, c, err := v.Erase(v.t.Context(), v.doors, h.id, "tenant.erase", silent)
	if err != nil {
		v.t.Fatal(err)
	}
	return c
}

// unpacked are the files of an archive, by their names.
func unpacked(t *testing.T, text []byte) map[string]string {
	t.Helper()
	plain, err := zstd.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	files := map[string]string{}
	for r := tar.NewReader(plain); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(content)
	}
}

// packed is an archive of files, in the order of those that it is made of.
func packed(t *testing.T, of []byte, change func(name, text string) (string, bool)) []byte {
	t.Helper()
	plain, err := zstd.NewReader(bytes.NewReader(of))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	var b bytes.Buffer
	compressed, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(compressed)
	for r := tar.NewReader(plain); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		content, readErr := io.ReadAll(r)
		if err := errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		text, keep := change(header.Name, string(content))
		if !keep {
			continue
		}
		header.Size = int64(len(text))
		headerErr := w.WriteHeader(header)
		_, err = io.WriteString(w, text)
		if err := errors.Join(headerErr, err); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// everywhere is how many rows of which tables hold a text, of whatever schema.
func (w *world) everywhere(text string) map[string]int {
	w.t.Helper()
	found := map[string]int{}
	for _, table := range testdb.Value[[]string](w.db, `
		SELECT array_agg(c.oid::regclass::text)
		  FROM pg_class c
		 WHERE c.relkind IN ('r', 'p')
		   AND NOT c.relispartition
		   AND c.relnamespace::regnamespace::text IN ('public', 'river')`) {
		if n := testdb.Value[int](w.db, `SELECT count(*) FROM `+table+` t WHERE strpos(t::text, $1) > 0`, text); n > 0 {
			found[table] = n
		}
	}
	return found
}

// rowsOf is all that the tables of a tenant hold, to the byte.
func (w *world) rowsOf(h house) map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, table := range schema.Tables() {
		if slices.ContainsFunc(schema.Columns(table), func(c schema.Column) bool { return c.Name == "tenant_id" }) {
			all[table] = testdb.Value[string](w.db, `SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM `+table+` t WHERE tenant_id = $1`, h.id)
		}
	}
	return all
}

// What was exported, erased and imported again is what it was, to the byte; nothing of it was left in between; and another tenant's rows are not touched.
func TestArchive(t *testing.T) {
	t.Parallel()
	v := newVault(t, newRows(t))
	was, others := v.export(v.A), v.rowsOf(v.B)
	files := unpacked(t, was)
	for _, table := range schema.Tables() {
		owned := slices.ContainsFunc(schema.Columns(table), func(c schema.Column) bool { return c.Name == "tenant_id" })
		if _, ok := files["tables/"+table+"/000001.ndjson"]; owned && !ok && table != "audit_events" {
			t.Errorf("%s is not in the archive, or the tenant has no row of it", table)
		}
	}
	for name, text := range files {
		if strings.Contains(text, v.B.canary) || strings.Contains(text, v.B.id.UUID()) {
			t.Errorf("%s has what is another tenant's", name)
		}
		if strings.Contains(text, "$argon2id$") {
			t.Errorf("%s has the hash of a password", name)
		}
	}

	certificate := v.erase(v.A)
	for _, text := range []string{v.A.id.UUID(), v.A.canary} {
		left := v.everywhere(text)
		delete(left, "accounts") // which are people's own; their addresses here have the tenant's name
		delete(left, "letters")
		delete(left, "account_events")
		if text == v.A.id.UUID() {
			left = v.everywhere(text)
		}
		if len(left) > 0 {
			t.Errorf("%q is left in %v", text, left)
		}
	}
	if certificate.Rows["items"] != 2 || certificate.Rows["tenants"] != 1 {
		t.Errorf("the certificate says %v", certificate.Rows)
	}

	made, err := v.importing(was, archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if made.TenantID != v.A.id || len(made.Made) != 0 {
		t.Errorf("made %v", made)
	}
	again := unpacked(t, v.export(v.A))
	for _, name := range []string{"manifest.json", "manifest.sig"} {
		delete(files, name)
		delete(again, name)
	}
	if diff := cmp.Diff(files, again); diff != "" {
		t.Errorf("(-exported +exported again):\n%s", diff)
	}
	if diff := cmp.Diff(others, v.rowsOf(v.B)); diff != "" {
		t.Errorf("of another tenant (-before +after):\n%s", diff)
	}
}

// Under another id it is another tenant, beside the first: with the same rows, of the same accounts, and no word of the id that it had.
func TestArchiveAsAnother(t *testing.T) {
	t.Parallel()
	v := newVault(t, newRows(t))
	was := v.export(v.A)
	before := v.rowsOf(v.A)
	other := v.A
	other.id = ids.New[ids.TenantID]()
	if _, err := v.importing(was, archive.Options{As: other.id}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, v.rowsOf(v.A)); diff != "" {
		t.Errorf("of the first (-before +after):\n%s", diff)
	}
	files, again := unpacked(t, was), unpacked(t, v.export(other))
	for name, text := range files {
		if strings.HasPrefix(name, "manifest") || strings.HasPrefix(name, "tables/tenants/") { // its name in public addresses is another
			continue
		}
		if got := strings.ReplaceAll(again[name], other.id.UUID(), v.A.id.UUID()); got != text {
			t.Errorf("%s (-exported +exported again):\n%s", name, cmp.Diff(text, got))
		}
	}
	for table, text := range v.rowsOf(other) {
		if strings.Contains(text, v.A.id.UUID()) {
			t.Errorf("%s names the first", table)
		}
	}
	if _, err := v.importing(was, archive.Options{}); err == nil {
		t.Error("a tenant that there is was made again")
	}
}

// An archive that was changed, cut off, signed by somebody else or made by a newer release writes nothing.
func TestArchiveRefused(t *testing.T) {
	t.Parallel()
	v := newVault(t, newRows(t))
	was := v.export(v.A)
	v.erase(v.A)
	whole := func(_, text string) (string, bool) { return text, true }
	if !maps.Equal(unpacked(t, packed(t, was, whole)), unpacked(t, was)) {
		t.Fatal("the test packs otherwise")
	}
	stranger := archive.New(auth.NewTokens(mustKeys(t), "rowhouse", "rowhouse-api"))
	var foreign bytes.Buffer
	m, err := stranger.Export(t.Context(), v.doors, v.B.id, &foreign, silent)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(change func(*archive.Manifest)) []byte {
		return packed(t, was, func(name, text string) (string, bool) {
			if name == "manifest.json" {
				var m archive.Manifest
				if err := json.Unmarshal([]byte(text), &m); err != nil {
					t.Fatal(err)
				}
				change(&m)
				changed, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				return string(changed), true
			}
			return text, true
		})
	}
	for what, text := range map[string][]byte{
		"a price is another": packed(t, was, func(name, text string) (string, bool) {
			return strings.Replace(text, `"price_cents": `, `"price_cents": 9`, 1), true
		}),
		"a file is missing": packed(t, was, func(name, text string) (string, bool) {
			return text, !strings.HasPrefix(name, "tables/items/")
		}),
		"its signature is missing":   packed(t, was, func(name, text string) (string, bool) { return text, name != "manifest.sig" }),
		"its manifest was changed":   signed(func(m *archive.Manifest) { m.Schema-- }),
		"it is from a newer one":     signed(func(m *archive.Manifest) { m.Schema = 1 << 40 }),
		"it is cut off":              was[:len(was)/2],
		"it is none":                 []byte("no archive"),
		"it is signed by a stranger": foreign.Bytes(),
	} {
		if _, err := v.importing(text, archive.Options{}); err == nil || !strings.Contains(err.Error(), "the archive is refused") {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if left := v.everywhere(v.A.id.UUID()); len(left) > 0 {
		t.Errorf("it was written to %v", left)
	}
	v.db.Exec(`UPDATE accounts SET email_verified_at = now()`) // or nobody would know whose they are
	if _, err := v.importing(foreign.Bytes(), archive.Options{As: ids.New[ids.TenantID](), Trusted: []string{m.Key}}); err != nil {
		t.Errorf("one whose key is trusted: %v", err)
	}
}

func mustKeys(t *testing.T) []auth.SigningKey {
	t.Helper()
	keys, err := auth.ParseKeys(auth.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// An archive has what one moment had, although the tenant goes on while it is written.
func TestArchiveOfOneMoment(t *testing.T) {
	t.Parallel()
	v := newVault(t, newRows(t))
	was := unpacked(t, v.export(v.A))
	var b bytes.Buffer
	changed := false
	_, err := v.Export(t.Context(), v.doors, v.A.id, &b, func(string, int64) {
		if !changed {
			v.db.Exec(`UPDATE items SET name = 'changed' WHERE tenant_id = $1`, v.A.id)
			v.db.Exec(`DELETE FROM settings WHERE tenant_id = $1`, v.A.id)
		}
		changed = true
	})
	if err != nil || !changed {
		t.Fatal(err, changed)
	}
	now := unpacked(t, b.Bytes())
	for _, files := range []map[string]string{was, now} {
		delete(files, "manifest.json")
		delete(files, "manifest.sig")
	}
	if diff := cmp.Diff(was, now); diff != "" {
		t.Errorf("(-before +while it changes):\n%s", diff)
	}
}

// swapped is a file that is another from the second reading on.
type swapped struct {
	*bytes.Reader
	then []byte
}

func (s *swapped) Seek(offset int64, whence int) (int64, error) {
	s.Reader = bytes.NewReader(s.then)
	return s.Reader.Seek(offset, whence)
}

// What was verified is what is imported: a file that changes in between is refused, and nothing is written.
func TestArchiveSwapped(t *testing.T) {
	t.Parallel()
	v := newVault(t, newRows(t))
	was := v.export(v.A)
	v.erase(v.A)
	then := packed(t, was, func(name, text string) (string, bool) {
		return strings.Replace(text, `"price_cents": `, `"price_cents": 9`, 1), true
	})
	_, err := v.Import(t.Context(), v.doors, &swapped{bytes.NewReader(was), then}, archive.Options{Progress: silent})
	if err == nil || !strings.Contains(err.Error(), "changed while it was imported") {
		t.Errorf("got %v", err)
	}
	if left := v.everywhere(v.A.id.UUID()); len(left) > 0 {
		t.Errorf("it was written to %v", left)
	}
}

// Two who erase the same tenant at once erase it between them: no row stands in both certificates, and all that there was stands in one of them.
func TestEraseTogether(t *testing.T) {
	t.Parallel()
	v := newVault(t, newRows(t))
	q := v.doors.System(v.A.id, "tenant.erase")
	if _, err := q.TenantEraseNow(t.Context(), db.TenantEraseNowParams{TenantID: v.A.id, Confirm: v.A.canary}); err != nil {
		t.Fatal(err)
	}
	items := testdb.Value[int64](v.db, `SELECT count(*) FROM items WHERE tenant_id = $1`, v.A.id)
	var theirs archive.Certificate
	_, ours, err := v.Erase(t.Context(), v.doors, v.A.id, "tenant.erase", func(table string, _ int64) {
		if table != "items" {
			return
		}
		var err error
		if _, theirs, err = v.Erase(t.Context(), v.doors, v.A.id, "tenant.erase", silent); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if ours.Rows["items"] != items || theirs.Rows["items"] != 0 || ours.Rows["tenants"] != 0 || theirs.Rows["tenants"] != 1 {
		t.Errorf("of %d items and a tenant, one says %v, and the other %v", items, ours.Rows, theirs.Rows)
	}
	if _, _, err := v.Erase(t.Context(), v.doors, v.A.id, "tenant.erase", silent); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("one that is gone: got %v", err)
	}
}

// No event outlives its tenant, though nothing in the database ties the two together: whoever writes one has locked what the erasure takes, which waits
// for him and then takes his event too.
func TestEventsGoWithTheirTenant(t *testing.T) {
	t.Parallel()
	by := tenancy.Caller{Operation: "test"}
	for name, write := range map[string]func(v *vault, q *db.Queries) error{
		"a visit": func(v *vault, q *db.Queries) error {
			_, err := q.AuditEventVisit(t.Context(), db.AuditEventVisitParams{TenantID: v.A.id, Reason: "test"})
			return err
		},
		"a row is changed": func(v *vault, q *db.Queries) error {
			_, err := q.ItemUpdate(t.Context(), db.ItemUpdateParams{TenantID: v.A.id, ID: v.A.own, Name: new("Elm table")})
			return err
		},
		"a row is written as it was": func(v *vault, q *db.Queries) error { // of which no event tells
			_, err := q.ItemUpdate(t.Context(), db.ItemUpdateParams{TenantID: v.A.id, ID: v.A.own})
			return err
		},
		"a row is removed": func(v *vault, q *db.Queries) error {
			_, err := q.ItemDelete(t.Context(), db.ItemDeleteParams{TenantID: v.A.id, ID: v.A.own})
			return err
		},
		"a row is made": func(v *vault, q *db.Queries) error {
			_, err := q.ItemCreate(t.Context(), db.ItemCreateParams{TenantID: v.A.id, Name: "Elm table", PriceCents: 1})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t, newRows(t))
			v.db.Exec(`DO $$ -- its one item is all that is left to erase, so that the erasure that has waited for it goes on to its end
				DECLARE
				    name text;
				BEGIN
				    PERFORM set_config('session_replication_role', 'replica', true);
				    FOR name IN SELECT tenant_tables() LOOP
				        EXECUTE format('DELETE FROM %I WHERE tenant_id = ''` + v.A.id.UUID() + `'' AND %L NOT IN (''items'', ''tenants'')', name, name);
				    END LOOP;
				    DELETE FROM items WHERE tenant_id = '` + v.A.id.UUID() + `' AND id <> '` + v.A.own.UUID() + `';
				END $$`)
			var erased sync.WaitGroup
			if err := v.doors.Atomic(t.Context(), func(tx *tenancy.Tx) error {
				if err := write(v, tx.Provision(v.A.id, by)); err != nil {
					return err
				}
				v.db.Exec(`WITH untold AS MATERIALIZED (SELECT set_config('session_replication_role', 'replica', true))
					UPDATE tenants SET status = 'deleting', erase_at = now() FROM untold WHERE id = $1`, v.A.id)
				erased.Go(func() {
					if _, _, err := v.Erase(t.Context(), v.doors, v.A.id, "tenant.erase", silent); err != nil {
						t.Error(err)
					}
				})
				v.until(`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
				             OR NOT EXISTS (SELECT FROM tenants WHERE id = $1)`, v.A.id)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			erased.Wait()
			if n := testdb.Value[int](v.db, `SELECT count(*) FROM audit_events e WHERE NOT EXISTS (SELECT FROM tenants t WHERE t.id = e.tenant_id)`); n > 0 {
				t.Errorf("%d events have outlived their tenant", n)
			}
			if n := testdb.Value[int](v.db, `SELECT count(*) FROM tenants WHERE id = $1`, v.A.id); n > 0 {
				t.Error("the tenant is still there")
			}
		})
	}
}

// A row that refers to nothing, and one with a column that the table does not have, are not put back, although no trigger runs; what a row does not have
// gets its default.
func TestArchiveRows(t *testing.T) {
	t.Parallel()
	v := newVault(t, newRows(t))
	for what, c := range map[string]struct{ table, more, code, constraint string }{
		"an item":                        {"items", `"name": "I", "price_cents": 5`, "", ""},
		"a client without an artist":     {"clients", `"name": "C", "preferred_artist_id": null`, "", ""},
		"a client whose artist is gone":  {"clients", `"name": "C", "preferred_artist_id": "` + v.A.own.UUID() + `"`, "23503", "clients_preferred_artist_id_fkey"},
		"a user whose account is gone":   {"users", `"account_id": "` + ids.New[ids.AccountID]().UUID() + `", "username": "u", "email": "u@example.com", "role": "admin"`, "23503", "users_account_id_fkey"},
		"an item with a column too many": {"items", `"name": "I", "price_cents": 5, "colour": "red"`, "RHARC", ""},
		"an item that breaks a rule":     {"items", `"name": "I", "price_cents": 0`, "23514", "items_price_cents_check"},
	} {
		tenant, operator := ids.New[ids.TenantID](), tenancy.Caller{Operation: "test"}
		err := v.doors.Atomic(t.Context(), func(tx *tenancy.Tx) error {
			q := tx.Provision(tenant, operator)
			for _, row := range []db.ArchivePutParams{
				{TenantID: tenant, TableName: "tenants", Lines: []string{`{"id": "` + tenant.UUID() + `", "name": "T", "slug": "t-` + tenant.UUID() + `"}`}},
				{TenantID: tenant, TableName: c.table, Lines: []string{`{"tenant_id": "` + tenant.UUID() + `", "id": "` + ids.New[ids.ItemID]().UUID() + `", ` + c.more + `}`}},
			} {
				if _, err := q.ArchivePut(t.Context(), row); err != nil {
					return err
				}
			}
			return q.ArchiveRestored(t.Context(), tenant)
		})
		var said *pgconn.PgError
		switch {
		case c.code == "" && err != nil:
			t.Errorf("%s: %v", what, err)
		case c.code != "" && (!errors.As(err, &said) || said.Code != c.code || said.ConstraintName != c.constraint):
			t.Errorf("%s: got %v, want %s of %q", what, err, c.code, c.constraint)
		}
	}
}

// Rows are put back into a tenant that the same transaction makes, and into no other; and erased are those of one that is given up and whose time has come.
func TestArchiveWalls(t *testing.T) {
	t.Parallel()
	v := newVault(t, newRows(t))
	ctx, operator := t.Context(), tenancy.Caller{Operation: "test"}
	lines, err := v.doors.System(v.A.id, "test").ArchiveRead(ctx, db.ArchiveReadParams{TenantID: v.A.id, TableName: "items", Most: 1})
	if err != nil || len(lines) != 1 {
		t.Fatal(lines, err)
	}
	line := string(lines[0])
	restore := func(q *db.Queries, tenant ids.TenantID, table, line string) error {
		_, err := q.ArchivePut(ctx, db.ArchivePutParams{TenantID: tenant, TableName: table, Lines: []string{line}})
		return err
	}
	refusals := map[string]struct {
		code string
		do   func(tx *tenancy.Tx) error
	}{
		"a tenant that was there before": {"RHARC", func(tx *tenancy.Tx) error {
			return restore(tx.Provision(v.A.id, operator), v.A.id, "items", line)
		}},
		"a row of another tenant": {"RHARC", func(tx *tenancy.Tx) error {
			made := ids.New[ids.TenantID]()
			q := tx.Provision(made, operator)
			if _, err := q.TenantCreate(ctx, db.TenantCreateParams{TenantID: made, Name: "made", Slug: "made-here"}); err != nil {
				return err
			}
			return restore(q, made, "items", line)
		}},
		"a table of accounts": {"RHARC", func(tx *tenancy.Tx) error {
			return restore(tx.Provision(v.A.id, operator), v.A.id, "accounts", `{}`)
		}},
		"a table of accounts, to be read": {"RHARC", func(tx *tenancy.Tx) error {
			_, err := tx.Provision(v.A.id, operator).ArchiveRead(ctx, db.ArchiveReadParams{TenantID: v.A.id, TableName: "accounts", Most: 1})
			return err
		}},
	}
	for what, r := range refusals {
		err := v.doors.Atomic(ctx, r.do)
		var said *pgconn.PgError
		if !errors.As(err, &said) || said.Code != r.code {
			t.Errorf("%s: got %v, want %s", what, err, r.code)
		}
	}
	for what, statement := range map[string]string{
		"active":             `UPDATE tenants SET status = 'active', erase_at = NULL WHERE id = $1`,
		"suspended":          `UPDATE tenants SET status = 'suspended', erase_at = NULL WHERE id = $1`,
		"given up yesterday": `UPDATE tenants SET status = 'deleting', erase_at = now() + interval '29 days' WHERE id = $1`,
	} {
		v.db.Exec(statement, v.A.id)
		if _, _, err := v.Erase(ctx, v.doors, v.A.id, "test", silent); !errors.Is(err, pgx.ErrNoRows) {
			t.Errorf("one that is %s: got %v", what, err)
		}
	}
	if n := testdb.Value[int](v.db, `SELECT count(*) FROM items WHERE tenant_id = $1`, v.A.id); n != 2 {
		t.Errorf("%d items are left, want 2", n)
	}
	// No query has the condition to lean on: the function itself.
	conn := v.db.Connect(v.db.Server())
	for _, sql := range []string{`BEGIN`, `SELECT set_config('app.tenant_id', '` + v.A.id.UUID() + `', true)`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	var erased *string
	if err := conn.QueryRow(ctx, `SELECT erase_rows(10)`).Scan(&erased); err != nil || erased != nil {
		t.Errorf("the function itself: got %v, %v", erased, err)
	}
	_ = conn.Close(context.Background())
}

// A tenant that was deleted can be taken back until its grace is over; then a worker erases it, and what the queue knows of it, but not in the minutes that an
// operator who does it has for it alone.
func TestTenantGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.as(w.A.people["admin"], call("DELETE", "/tenant?confirm="+w.A.canary), w.A), 200)
	w.want(w.as(w.A.people["admin"], call("GET", "/items"), w.A), 403)
	if days := testdb.Value[int](w.db, `SELECT round(extract(epoch FROM erase_at - now()) / 86400)::int FROM tenants WHERE id = $1`, w.A.id); days != 30 {
		t.Errorf("it is erased in %d days, want 30", days)
	}
	if _, err := w.server.doors.System(w.A.id, "tenant.resume").TenantResume(t.Context(), w.A.id); err != nil {
		t.Fatal(err)
	}
	w.want(w.as(w.A.people["admin"], call("GET", "/items"), w.A), 200)

	w.want(w.as(w.A.people["admin"], call("DELETE", "/tenant?confirm="+w.A.canary), w.A), 200)
	w.db.Exec(`UPDATE tenants SET erase_at = now() WHERE id = $1`, w.A.id)
	w.work()
	w.until(`SELECT EXISTS (SELECT FROM river.river_job WHERE kind = 'tenant.erase' AND scheduled_at > now() + interval '9 minutes' AND metadata ? 'snoozes')`)
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM items WHERE tenant_id = $1`, w.A.id); n == 0 {
		t.Error("a worker began at once, beside whoever has the command erase")
	}
	w.db.Exec(`UPDATE tenants SET erase_at = now() - interval '10 minutes' WHERE id = $1`, w.A.id)
	w.until(`SELECT NOT EXISTS (SELECT FROM tenants WHERE id = $1)`, w.A.id)
	w.until(`SELECT bool_and(state <> 'running') FROM river.river_job WHERE kind = 'tenant.erase'`)
	if left := w.everywhere(w.A.id.UUID()); len(left) > 0 {
		t.Errorf("its id is left in %v", left)
	}
	w.want(w.as(w.B.people["admin"], call("GET", "/items"), w.B), 200)
}
