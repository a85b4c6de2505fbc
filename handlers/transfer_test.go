package handlers

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"rowhouse/rest"
	"rowhouse/testdb"
)

func (w *world) importAs(p person, h house, media, body string) request {
	r := w.as(p, call("POST", "/items/import").with("Content-Type", media), h)
	r.body = body
	return r
}

// A bad line refuses the whole file, and is named with what is wrong with it; up to a hundred are told.
func TestImportRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	before := testdb.Value[int](w.db, `SELECT count(*) FROM items`)
	good := `{"name":"x","price_cents":1}` + "\n"
	for _, c := range []struct {
		media, body string
		want        []string
	}{
		{rest.NDJSON, good + "\n" + `{"name":"","x":1}`, []string{"lines.3.name:min_length", "lines.3.price_cents:required", "lines.3.x:unknown_field"}},
		{rest.NDJSON, good + "nonsense\n" + good, []string{"lines.2:malformed_json"}},
		{rest.NDJSON, good + `{"name":"x","name":"y","price_cents":1}`, []string{"lines.2:malformed_json"}},
		{rest.NDJSON, good + "{\"name\":\"\xff\",\"price_cents\":1}", []string{"lines.2.name:encoding"}},
		{rest.NDJSON, good + `{"name":"` + strings.Repeat("x", 64<<10) + `"}`, []string{"lines.2:max_length"}},
		{rest.CSV, "", []string{"lines.1:header"}},
		{rest.CSV, "name\nx\n", []string{"lines.1:required"}},
		{rest.CSV, "name,price_cents,x\n", []string{"lines.1:unknown_field"}},
		{rest.CSV, "name,name,price_cents\n", []string{"lines.1:unknown_field"}},
		{rest.CSV, "name,price_cents\nx,1\ny,free\n,3\n", []string{"lines.3.price_cents:type", "lines.4.name:min_length"}},
		{rest.CSV, "name,price_cents\nx,1,2\n", []string{"lines.2:malformed_csv"}},
		{rest.CSV, "name,price_cents\n\"x,1\n", []string{"lines.2:malformed_csv"}},
		{rest.CSV, strings.Repeat("x", 2*(64<<10)), []string{"lines.1:max_length"}},
		{rest.CSV, "name,price_cents\nx,1\n\"" + strings.Repeat("x\n", 64<<10), []string{"lines.3:max_length"}},
	} {
		got := w.want(w.importAs(admin, w.A, c.media, c.body), 422).fields()
		if !slices.Equal(got, c.want) {
			t.Errorf("%.60q: got %v, want %v", c.body, got, c.want)
		}
	}
	if got := w.want(w.importAs(admin, w.A, rest.NDJSON, strings.Repeat("{}\n", 1000)), 422).fields(); len(got) != 100 {
		t.Errorf("got %d errors, want %d", len(got), 100)
	}
	w.want(w.importAs(admin, w.A, "application/json", good), 415)
	w.want(w.importAs(w.A.people["member"], w.A, rest.NDJSON, good), 403, "permission_denied")
	w.want(w.importAs(w.A.people["member"], w.A, rest.NDJSON, ""), 403, "permission_denied")
	w.want(w.importAs(admin, w.A, rest.NDJSON, ""), 200)
	if after := testdb.Value[int](w.db, `SELECT count(*) FROM items`); after != before {
		t.Errorf("got %d items, want %d", after, before)
	}
	small := newWorldAs(t, "rowhouse_server", func(c *Config) { c.ImportLimit = 10 })
	small.want(small.importAs(small.A.people["admin"], small.A, rest.NDJSON, good), 413)
}

// What was imported is what was in the file, and what is exported is what is there; no cell runs as a formula.
func TestImportExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`DELETE FROM items`)
	cells := []string{`'=1+1`, `'+a`, `'-a`, `'@a`, `''=1`, `'''+a`, `'tis`, `a,"b"`, `plain`, `äöü😀`, `'＝1`, `'＋1`, `'－1`, `'＠a`, `''＝1`, `a＝`}
	names := []string{`=1+1`, `+a`, `-a`, `@a`, `'=1`, `''+a`, `'tis`, `a,"b"`, `plain`, `äöü😀`, `＝1`, `＋1`, `－1`, `＠a`, `'＝1`, `a＝`}
	var file bytes.Buffer
	out := csv.NewWriter(&file)
	file.WriteString("\uFEFF")
	_ = out.Write([]string{"price_cents", "name", "description"})
	for i, cell := range cells {
		_ = out.Write([]string{fmt.Sprint(i + 1), cell, map[bool]string{true: "two\nlines", false: ""}[i%2 == 0]})
	}
	out.Flush()
	got := content[struct{ Imported int }](t, w.want(w.importAs(w.A.people["admin"], w.A, rest.CSV+"; charset=utf-8", file.String()), 200))
	if got.Imported != len(names) {
		t.Errorf("got %d, want %d", got.Imported, len(names))
	}
	stored := testdb.Value[[]string](w.db, `SELECT array_agg(name ORDER BY price_cents) FROM items`)
	if !slices.Equal(stored, names) {
		t.Errorf("got %q, want %q", stored, names)
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM items WHERE description IS NULL`); n != len(names)/2 {
		t.Errorf("got %d without description, want %d", n, len(names)/2)
	}
	export := w.want(w.as(w.A.people["member"], call("GET", "/items/export?sort=price_cents").with("Accept", rest.CSV), w.A), 200)
	if got := export.header.Get("Content-Disposition"); got != `attachment; filename="items.csv"` {
		t.Errorf("got %s", got)
	}
	rows, err := csv.NewReader(strings.NewReader(export.body)).ReadAll()
	if err != nil || len(rows) != len(names)+1 {
		t.Fatalf("got %d rows, %v", len(rows), err)
	}
	for i, row := range rows[1:] {
		if row[2] != cells[i] {
			t.Errorf("got %q, want %q", row[2], cells[i])
		}
	}
	lines := w.want(w.as(w.A.people["member"], call("GET", "/items/export?format=ndjson"), w.A), 200)
	if n := strings.Count(lines.body, "\n"); n != len(names) || !strings.HasPrefix(lines.header.Get("Content-Type"), rest.NDJSON) {
		t.Errorf("got %d lines: %v", n, lines.header)
	}
	w.want(w.as(w.A.people["member"], call("GET", "/items/export?format=xml"), w.A), 422)
}

// A hundred thousand rows go in and out while the server's memory stays small.
func TestHundredThousand(t *testing.T) {
	w := newWorld(t) // not parallel: it looks at the memory of the process
	const rows = 100_000
	admin := w.A.people["admin"]
	reader, writer := io.Pipe()
	go func() {
		for i := range rows {
			_, _ = fmt.Fprintf(writer, "{\"name\":\"item %d\",\"description\":\"a hundred thousand of these in one file\",\"price_cents\":%d}\n", i, i+1)
		}
		_ = writer.Close()
	}()
	var peak uint64
	sample := func() {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
	}
	sample()
	before := peak
	made, err := http.NewRequest(http.MethodPost, w.URL+"/api/v1/items/import", reader)
	if err != nil {
		t.Fatal(err)
	}
	made.Header = w.importAs(admin, w.A, rest.NDJSON, "").header
	got, err := client.Do(made)
	if err != nil {
		t.Fatal(err)
	}
	_ = got.Body.Close()
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM items WHERE name LIKE 'item %'`); got.StatusCode != http.StatusOK || n != rows {
		t.Fatalf("got %d, %d rows", got.StatusCode, n)
	}
	sample()
	export := w.as(admin, call("GET", "/items/export"), w.A)
	made, err = http.NewRequest(http.MethodGet, w.URL+"/api/v1/items/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	made.Header = export.header
	got, err = client.Do(made)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	lines, buffer := 0, make([]byte, 1<<20)
	for {
		n, err := got.Body.Read(buffer)
		already := lines
		lines += bytes.Count(buffer[:n], []byte("\n"))
		if already/20_000 != lines/20_000 {
			sample()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if lines != rows+2 {
		t.Errorf("got %d lines, want %d", lines, rows+2)
	}
	if grown := peak - before; grown > 16<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// Whoever loses the right to read loses it in the middle of an export: the stream breaks off.
func TestExportRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`INSERT INTO items (tenant_id, name, description, price_cents) SELECT $1, repeat('x', 100), repeat('y', 500), 1 FROM generate_series(1, 30000)`, w.A.id)
	made, err := http.NewRequest(http.MethodGet, w.URL+"/api/v1/items/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	made.Header = w.as(w.A.people["member"], call("GET", "/items/export"), w.A).header
	got, err := client.Do(made)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	w.db.Exec(`UPDATE users SET is_active = false WHERE account_id = $1`, w.A.people["member"].account)
	if n, err := io.Copy(io.Discard, got.Body); err == nil {
		t.Errorf("got the whole export, %d bytes", n)
	}
}
