package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rowhouse/localpg"
	schema "rowhouse/sql"
)

// A Table is what a database tells of a table that is to be served: all that the other files of its resource are written from.
type Table struct {
	entity
	about      string // what its rows are, without a full stop
	permission string // the word before :read and :write
	fields     []field
	owner      string // the column that says whose a row is; empty: nobody's
	me         string // the function that says who is asking, of such owners
	shared     bool   // everybody reads the rows, and owners change them
	archived   bool
	updated    bool // the server may change rows
	deleted    bool // and delete them
	imported   bool
	exported   bool
}

// A field is a column that a client sees.
type field struct {
	name     string
	kind     kind
	null     bool
	fallback string // what it is when it is left out, as SQL; empty: it must be said
	min, max *int64
	values   []string // of an enum
	doc      string
	example  string
	key      string // the column that the text is sorted and searched by; empty without one
	refersTo string // the table of which it names a row
	id       string // the Go type in package ids of what it refers to
	unique   bool   // no two rows of the tenant have the same
	sorted   bool
	filtered bool
	searched bool
	said     bool    // by the client
	members  []field // of a JSON document
}

type kind string

// The kinds of fields: how a column of theirs is written in Go and in SQL.
const (
	text     kind = "text"
	long     kind = "long" // a text that may have line breaks
	rich     kind = "rich"
	enum     kind = "enum"
	integer  kind = "integer"
	rate     kind = "rate"
	boolean  kind = "boolean"
	date     kind = "date"
	instant  kind = "instant"
	id       kind = "id"
	document kind = "document"
)

// longText is from how many characters on a text may have line breaks.
const longText = 500

// served are the columns that every table has, which are written by themselves.
var served = strings.Fields("tenant_id id version created_at updated_at archived_at")

// readTable makes a private database of the migrations and reads the table in it.
func readTable(ctx context.Context, migrations fs.FS, e entity, entities []entity) (t Table, err error) {
	server, err := localpg.Start(ctx, localpg.Options{})
	if err != nil {
		return t, err
	}
	defer func() {
		if stopped := server.Stop(); err == nil {
			err = stopped
		}
	}()
	url := server.URL("postgres", "postgres")
	provider, db, err := schema.MigratorOf(migrations, url)
	if err != nil {
		return t, err
	}
	defer db.Close()
	if _, err := provider.Up(ctx); err != nil {
		return t, fmt.Errorf("the migrations fail: %w", err)
	}
	conn, err := schema.ConnectOwner(ctx, url)
	if err != nil {
		return t, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	catalogue, err := schema.CatalogueOf(ctx, conn)
	if err != nil {
		return t, err
	}
	rows, err := conn.Query(ctx, `
		SELECT a.attname, coalesce(col_description(a.attrelid, a.attnum), '')
		  FROM pg_attribute a
		 WHERE a.attrelid = to_regclass($1)
		   AND a.attnum > 0
		   AND NOT a.attisdropped
		 ORDER BY a.attnum`, e.table)
	if err != nil {
		return t, err
	}
	type column struct{ Name, Comment string }
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		return t, err
	}
	if len(columns) == 0 {
		return t, fmt.Errorf("no migration makes a table %s: say its COLUMNS, or write its migration first", e.table)
	}
	t = Table{entity: e, about: strings.TrimSuffix(catalogue.Meaning(e.table), ".")}
	described := map[string]schema.Column{}
	for _, c := range catalogue.Columns(e.table) {
		described[c.Name] = c
	}
	if err := t.policies(catalogue); err != nil {
		return t, err
	}
	granted := strings.Split(catalogue["what rowhouse_app may do with table "+e.table], ", ")
	t.updated, t.deleted = slices.Contains(granted, "UPDATE"), slices.Contains(granted, "DELETE")
	for _, c := range columns {
		if c.Name == "archived_at" && t.updated {
			t.archived = true
		}
		if slices.Contains(served, c.Name) || described[c.Name].Generated != "" {
			continue
		}
		f, err := newField(described[c.Name], c.Comment, entities)
		if err != nil {
			return t, fmt.Errorf("%s.%s: %w", e.table, c.Name, err)
		}
		f.said = c.Name != t.owner || t.me != "me"
		t.fields = append(t.fields, f)
	}
	t.constraints(catalogue)
	for i := range t.fields {
		f := &t.fields[i]
		// What has no example is not for a client to say: a moment at which something was done, an amount that follows from others.
		f.said = f.said && (f.example != "" || slices.Contains([]kind{id, boolean, enum, document}, f.kind))
		if f.kind == enum && f.example == "" {
			f.example = f.values[0]
		}
	}
	return t, t.indexes(catalogue)
}

// newField is the field of a column. A kind that nothing is written for is an error.
func newField(c schema.Column, comment string, entities []entity) (f field, err error) {
	comment, members, _ := strings.Cut(" "+comment, " Fields: ")
	doc, example, _ := strings.Cut(comment, " Example: ")
	f = field{name: c.Name, null: !c.NotNull, fallback: c.Default, doc: strings.TrimSpace(doc), example: example, refersTo: c.RefersTo}
	isKind, known := map[string]kind{
		"text": text, "integer": integer, "boolean": boolean, "date": date, "timestamp with time zone": instant, "uuid": id, "numeric": rate,
		"jsonb": document,
	}[strings.TrimRight(c.Type, "(0123456789,)")]
	if !known {
		return f, fmt.Errorf("nothing is written for columns of the type %s: write this resource by hand, with items as the model", c.Type)
	}
	f.kind = isKind
	if f.kind == document {
		f.members, err = membersOf(members, example)
		return f, err
	}
	if f.kind == id {
		i := slices.IndexFunc(entities, func(e entity) bool { return e.table == c.RefersTo })
		if i < 0 {
			return f, fmt.Errorf("it refers to no table that %s knows", markersFile)
		}
		f.id = entities[i].id
	}
	if rest, ok := strings.CutPrefix(f.doc, "HTML, sanitised when it was written."); ok {
		f.kind, f.doc = rich, strings.TrimSpace(rest)
	}
	return f, nil
}

// membersOf are those of a JSON document, as the end of its column's comment says them; the example is one of the whole.
func membersOf(said, example string) (all []field, err error) {
	specs, err := specsOf(said)
	if err == nil && specs == nil {
		return nil, errors.New("it is of JSON, and the end of its comment does not say of which, such as Fields: street:text(1..100) city:text(..100)?")
	}
	var examples map[string]any
	if err == nil {
		if err = json.Unmarshal([]byte(example), &examples); err != nil {
			err = fmt.Errorf("its example is no JSON object: %w", err)
		}
	}
	for _, w := range specs {
		f := field{name: w.name, kind: kinds[w.kind].member, null: w.null}
		if value, ok := examples[w.name]; ok {
			f.example = fmt.Sprint(value)
		}
		switch kinds[w.kind].limits {
		case "bounds":
			f.min, f.max = w.bound(0), w.bound(1)
			if f.kind == text && *f.max >= longText {
				f.kind = long
			}
		case "words":
			f.values = w.limits
		case "default":
			f.fallback = w.limits[0]
		}
		if w.kind == "cents" {
			f.doc = inCents
		}
		all = append(all, f)
	}
	return all, err
}

// constraints takes in what the table's constraints say of single columns.
func (t *Table) constraints(catalogue schema.Catalogue) {
	for _, c := range catalogue.Constraints() {
		if c.Table != t.table || len(c.Columns) != 1 {
			continue
		}
		i := slices.IndexFunc(t.fields, func(f field) bool {
			return f.name == strings.TrimSuffix(c.Columns[0], "_key") || f.name == c.Columns[0]
		})
		if i < 0 {
			continue
		}
		f := &t.fields[i]
		switch c.Kind {
		case "unique":
			f.unique = true
		case "check":
			if f.min == nil {
				f.min = c.Min
			}
			if f.max == nil {
				f.max = c.Max
			}
			if c.Values != nil {
				f.kind, f.values = enum, c.Values
			}
			if f.kind == text && f.max != nil && *f.max >= longText {
				f.kind = long
			}
		}
	}
}

// indexes takes in how the list can be sorted and filtered: by what there is an index for.
func (t *Table) indexes(catalogue schema.Catalogue) error {
	listed := map[string]bool{} // texts that have an index for lists
	for _, index := range catalogue.Indexes(t.table) {
		i := slices.IndexFunc(t.fields, func(f field) bool {
			return f.name == strings.TrimSuffix(index.Columns[0], "_key") || f.name == index.Columns[0]
		})
		if i < 0 {
			continue
		}
		f := &t.fields[i]
		switch rest := strings.Join(index.Columns[1:], " "); {
		case rest == "id", rest == "" && index.Columns[0] != f.name: // of a name that is unique by its key, no two need telling apart
			f.sorted = !f.null && slices.Contains([]kind{text, long, integer, date, instant}, f.kind)
			if index.Columns[0] != f.name {
				f.key = index.Columns[0]
				listed[f.name] = listed[f.name] || rest == "id"
			}
		case strings.HasPrefix(rest, "created_at"):
			f.filtered = true
		}
	}
	if sorts := len(t.sorts()); sorts > maxSorts {
		return fmt.Errorf("%s: a list has at most %d sorts besides newest first, and there are indexes for %d", t.table, maxSorts, sorts)
	}
	searched := slices.IndexFunc(t.fields, func(f field) bool { return f.key != "" && listed[f.name] })
	if searched < 0 { // no text has an index of its own for lists, but one that is unique may serve
		searched = slices.IndexFunc(t.fields, func(f field) bool { return f.key != "" })
	}
	if searched >= 0 {
		t.fields[searched].searched = true
	}
	return nil
}

var owned = regexp.MustCompile(`(\w+) = \(*\s*SELECT (me|my_artist)\(\)`)

// policies takes in whose the rows are, and makes sure that tenants are kept apart.
func (t *Table) policies(catalogue schema.Catalogue) error {
	if _, ok := catalogue["policy tenant_only on "+t.table]; !ok {
		return fmt.Errorf("%s has no policy tenant_only: its migration keeps tenants apart, as that of items does", t.table)
	}
	for _, policy := range []string{"own_only", "own_update"} {
		if found := owned.FindStringSubmatch(catalogue["policy "+policy+" on "+t.table]); found != nil {
			t.owner, t.me, t.shared = found[1], found[2], policy == "own_update"
			break
		}
	}
	return nil
}
