package resource

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"rowhouse/prove"
)

// every is an order with a column of every kind.
var every = Order{
	Name: "gift_cards",
	Columns: `code:text(1..20):unique:sort="SPRING" notes:text(..2000)? terms:rich(..10000)? price_cents:cents(1..) uses:int(..100)? share:rate
		active:bool(true) starts_on:date:sort ends_at:time? state:enum(draft,live) team:ref(teams)? seller:ref(users) valid:range(date)
		billboard:json{text:text(1..600) width:int(1..)=80 lit:bool(true) since:date? form:enum(flat,round)?} stamp:json{at:time}?`,
	Own:  "member",
	With: []string{"archive", "export", "import"},
}

// The same order a second time finds everything written, and so does the table alone, by its migration.
func TestTwice(t *testing.T) {
	t.Parallel()
	root, first := planned(t)
	if got, want := len(first), 6; got != want {
		t.Errorf("%d files are written, want %d: %v", got, want, slices.Sorted(maps.Keys(first)))
	}
	second, _, err := Plan(t.Context(), root, every)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range second {
		if diff := cmp.Diff(first[name], text); diff != "" {
			t.Errorf("%s (-first +second):\n%s", name, diff)
		}
	}
	alone, _, err := Plan(t.Context(), root, Order{Name: every.Name, With: []string{"export", "import"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range alone {
		if diff := cmp.Diff(first[name], text); diff != "" {
			t.Errorf("%s (-of the columns +of the migration):\n%s", name, diff)
		}
	}
}

// A text that is unique is so regardless of case, whether or not anything is sorted or searched by it.
func TestUniqueText(t *testing.T) {
	t.Parallel()
	o := Order{Name: "rooms", Columns: "code:text(1..20):unique title:text(1..120):search badge:text(..30)?:unique"}
	specs, err := columnSpecs(o.Columns)
	if err != nil {
		t.Fatal(err)
	}
	text := o.migration(newEntity("room"), specs)
	for _, want := range []string{
		"UNIQUE (tenant_id, code_key)", "UNIQUE (tenant_id, badge_key)", "badge_key  text        COLLATE", "rooms_title_key_idx  ON rooms (tenant_id, title_key, id)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it has no %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "rooms_code_key_idx") {
		t.Errorf("code has two indexes:\n%s", text)
	}
}

// What is written can be said to a database that is spread over several nodes, as all SQL here.
func TestPortable(t *testing.T) {
	t.Parallel()
	_, files := planned(t)
	written := fstest.MapFS{}
	for name, text := range files {
		written[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for _, finding := range prove.Portable(written) {
		t.Error(finding)
	}
}

// People are told in ten lines what has been written.
func TestReport(t *testing.T) {
	t.Parallel()
	root, files := planned(t)
	_, table, err := Plan(t.Context(), root, every)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(files))
	report := table.report(every, names)
	if lines := strings.Count(report, "\n"); lines > 10 {
		t.Errorf("it has %d lines:\n%s", lines, report)
	}
	for _, word := range append(names, "docs/gift-cards.md", "POST /gift-cards/:gift_card_id/restore", "GiftCardConversation") {
		if !strings.Contains(strings.Join(strings.Fields(report), " "), word) {
			t.Errorf("it does not say %s:\n%s", word, report)
		}
	}
}

// What somebody has written is not written over.
func TestYours(t *testing.T) {
	t.Parallel()
	root, files := planned(t)
	mine := files["handlers/gift_cards.go"] + "\n// Mine.\n"
	put(t, root, map[string]string{"handlers/gift_cards.go": mine})
	if _, err := Make(t.Context(), root, every); err == nil || !strings.Contains(err.Error(), "handlers/gift_cards.go is there, and otherwise than would be written") {
		t.Errorf("got %v", err)
	}
	if got := tree(t, root)["handlers/gift_cards.go"]; got != mine {
		t.Errorf("it was written over:\n%s", got)
	}
}

// When what follows from the files cannot be made, none of them stays: here there is no Makefile.
func TestNothingHalfDone(t *testing.T) {
	t.Parallel()
	root := without(t, "gift_cards", "giftCard")
	before := tree(t, root)
	if _, err := Make(t.Context(), root, every); err == nil || !strings.Contains(err.Error(), "make generate") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// What cannot be written is refused with a sentence that says what can.
func TestRefused(t *testing.T) {
	t.Parallel()
	root := without(t, "coupons", "coupon")
	before := tree(t, root)
	of := func(columns string) Order { return Order{Name: "coupons", Columns: columns} }
	for want, o := range map[string]Order{
		`"Coupon" is not the name of a table`:                                                 {Name: "Coupon", Columns: "a:text(1..9)"},
		`users is made by sql/migrations/00012_users.sql, otherwise than COLUMNS say`:         {Name: "users", Columns: "a:text(1..9)"},
		`"sheep" is not the name of a table`:                                                  {Name: "sheep", Columns: "a:text(1..9)"},
		`NAME: programs that call the API have something called Event of their own`:           {Name: "events", Columns: "a:text(1..9)"},
		`no migration makes a table coupons: say its COLUMNS`:                                 {Name: "coupons"},
		`"chef" is no role that has rows of its own`:                                          {Name: "coupons", Columns: "a:text(1..9)", Own: "chef"},
		`there is no exports; there are archive, export and import`:                           {Name: "coupons", Columns: "a:text(1..9)", With: []string{"exports"}},
		`without COLUMNS none is`:                                                             {Name: "coupons", Own: "member"},
		`"code" is not name:kind(limits)?`:                                                    of(`code`),
		`"Code:text(1..9)" is not name:kind`:                                                  of(`Code:text(1..9)`),
		`code: there is no kind string`:                                                       of(`code:string`),
		`COLUMNS: order: the word means something in SQL: take another, such as coupon_order`: of(`order:int`),
		`uses: the example 900 is beyond its most, 500`:                                       of(`uses:int(1..500)=900`),
		`uses: the example 0 is below its least, 1`:                                           of(`uses:int(1..500)=0`),
		`uses: the example many is no int`:                                                    of(`uses:int=many`),
		`code: the example Too long is beyond its most, 5 characters`:                         of(`code:text(1..5)="Too long"`),
		`state: the example gone is no enum`:                                                  of(`state:enum(draft,live)=gone`),
		`day: the example 2026-02-30 is no date`:                                              of(`day:date=2026-02-30`),
		`address: floor: the example 9 is beyond its most, 5`:                                 of(`address:json{floor:int(..5)=9}`),
		`code: there is no option index`:                                                      of(`code:text(1..9):index`),
		`code: a text has a length, such as text(1..100)`:                                     of(`code:text`),
		`code: nothing is from 9 to 1`:                                                        of(`code:text(9..1)`),
		`uses: many is no whole number`:                                                       of(`uses:int(1..many)`),
		`state: enum(Draft,live) is not enum(word,word,…)`:                                    of(`state:enum(Draft,live)`),
		`state: an enum of one word says nothing`:                                             of(`state:enum(draft)`),
		`active: bool(yes) is not bool(true) or bool(false)`:                                  of(`active:bool(yes)`),
		`active: a bool is true or false; for three answers take an enum`:                     of(`active:bool?`),
		`starts: a list is sorted by`:                                                         of(`starts:date?:sort`),
		`code: a text is found by search`:                                                     of(`code:text(1..9):filter`),
		`valid: range(text) is not range(date), range(time) or range(int)`:                    of(`valid:range(text)`),
		`code: there is such a column already`:                                                of(`code:text(1..9) code:int`),
		`version: that name is taken`:                                                         of(`version:int`),
		`one column is searched by q, and these are a, b`:                                     of(`a:text(1..9):search b:text(1..9):search`),
		`a list has at most 3 sorts besides newest first`:                                     of(`a:int:sort b:int:sort c:int:sort d:date:sort`),
		`address: a JSON document has members`:                                                of(`address:json`),
		`address: street: a text has a length`:                                                of(`address:json{street:text}`),
		`day: date has nothing in braces`:                                                     of(`day:date{a:int}`),
		`address: team_id: a member of a JSON document is a bool`:                             of(`address:json{team:ref(teams)}`),
		`address: street: a member of a JSON document has no options`:                         of(`address:json{street:text(1..9):sort}`),
		`address: a text is found by search`:                                                  of(`address:json{street:text(1..9)}:filter`),
		`"code:text(1..9){a:int}" is not name:kind`:                                           of(`code:text(1..9){a:int}`),
		`no column; a resource has one at least`:                                              of(` `),
		`COLUMNS: nothing_id: no migration makes a table nothings: make that first`:           of(`nothing:ref(nothings)`),
	} {
		if want == `no column; a resource has one at least` {
			_, err := columnSpecs(o.Columns)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got %v, want %s", o.Columns, err, want)
			}
			continue
		}
		if _, err := Make(t.Context(), root, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", o.Columns, err, want)
		}
	}
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
}

// A table that nothing keeps apart, or whose columns are of a type that nothing is written for, is for hands.
func TestRefusedMigrations(t *testing.T) {
	t.Parallel()
	root, files := planned(t)
	migration := migrationFile(files)
	for want, change := range map[string][2]string{
		"gift_cards has no policy tenant_only":                                     {"CREATE POLICY tenant_only", "CREATE POLICY everybody"},
		"gift_cards.stamp: it is of JSON, and the end of its comment does not say": {"Fields: at:time", ""},
		"gift_cards.ends_at: nothing is written for columns of the type interval":  {"ends_at     timestamptz", "ends_at     interval"},
		"there are indexes for 4":                                                  {"(tenant_id, active, created_at, id)", "(tenant_id, price_cents, id)"},
	} {
		put(t, root, map[string]string{migration: strings.Replace(files[migration], change[0], change[1], 1)})
		if _, _, err := Plan(t.Context(), root, Order{Name: every.Name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Rows that the server may not change or delete have no operation that does.
func TestKept(t *testing.T) {
	t.Parallel()
	root, files := planned(t)
	name := migrationFile(files)
	put(t, root, map[string]string{name: strings.Replace(files[name], "GRANT SELECT, INSERT, UPDATE, DELETE ON", "GRANT SELECT, INSERT ON", 1)})
	for _, name := range []string{"handlers/gift_cards.go", "handlers/gift_cards_test.go", "sql/queries/gift_cards.sql", routesFile} {
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, root, map[string]string{routesFile: repository(t, routesFile)})
	kept, table, err := Plan(t.Context(), root, Order{Name: every.Name})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"handlers/gift_cards.go", "handlers/gift_cards_test.go", "sql/queries/gift_cards.sql"} {
		for _, word := range []string{"Update(", "UPDATE", "Delete(", "DELETE", "PATCH", "Archive(", "archive\""} {
			if strings.Contains(kept[name], word) {
				t.Errorf("%s has %s:\n%s", name, word, kept[name])
			}
		}
	}
	if got, want := routeList(table.routes()), "GET /gift-cards, POST /gift-cards, GET /gift-cards/:gift_card_id"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// migrationFile is the name of the one migration among the files.
func migrationFile(files map[string]string) string {
	for name := range files {
		if strings.HasPrefix(name, migrationsPath) {
			return name
		}
	}
	return ""
}

// Whoever gives up in the middle leaves nothing either.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	root := without(t, "gift_cards", "giftCard")
	before := tree(t, root)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Make(ctx, root, every); err == nil {
		t.Error("it went on")
	}
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

var plannedOnce = sync.OnceValues(func() (files map[string]string, err error) {
	root, err := os.MkdirTemp("", "")
	if err == nil {
		defer os.RemoveAll(root)
		if err = withoutIn(root, "gift_cards", "giftCard"); err == nil {
			files, _, err = Plan(context.Background(), root, every)
		}
	}
	return files, err
})

// planned is a repository with the files that every asks for.
func planned(t *testing.T) (root string, files map[string]string) {
	t.Helper()
	files, err := plannedOnce()
	if err != nil {
		t.Fatal(err)
	}
	root = without(t, "gift_cards", "giftCard")
	put(t, root, files)
	return root, files
}

func put(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tree is the text of each file below the root.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, root+"/")] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
