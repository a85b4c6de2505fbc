package tenancy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"rowhouse/db"
)

// plan is a node of what EXPLAIN answers, with what is below it.
type plan struct {
	Type     string  `json:"Node Type"`
	Table    string  `json:"Relation Name"`
	Alias    string  `json:"Alias"`
	Index    string  `json:"Index Name"`
	Cond     string  `json:"Index Cond"`
	Filter   string  `json:"Filter"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Hit      int     `json:"Shared Hit Blocks"`
	Read     int     `json:"Shared Read Blocks"`
	Children []plan  `json:"Plans"`
}

// nodes are the plan's own and those of its subplans, from the top.
func (p plan) nodes() iter.Seq[plan] {
	return func(yield func(plan) bool) { p.each(yield) }
}

func (p plan) each(yield func(plan) bool) bool {
	if !yield(p) {
		return false
	}
	for _, child := range p.Children {
		if !child.each(yield) {
			return false
		}
	}
	return true
}

// scan is the node that reads what has the alias; the zero plan when there is none.
func (p plan) scan(alias string) plan {
	for node := range p.nodes() {
		if node.Alias == alias && strings.Contains(node.Type, "Scan") {
			return node
		}
	}
	return plan{}
}

// sorts is how the rows of what has the alias are sorted on their way up; empty when they come in order.
func (p plan) sorts(alias string) string {
	for node := range p.nodes() {
		if strings.HasSuffix(node.Type, "Sort") && node.scan(alias).Alias != "" {
			return node.Type
		}
	}
	return ""
}

func (p plan) String() string {
	var b strings.Builder
	p.write(&b, "\t")
	return b.String()
}

func (p plan) write(b *strings.Builder, indent string) {
	fmt.Fprintf(b, "%s%s", indent, p.Type)
	for _, word := range []string{p.Alias, p.Index, p.Cond} {
		if word != "" {
			fmt.Fprintf(b, " %s", word)
		}
	}
	if p.Filter != "" {
		fmt.Fprintf(b, ", filter %s", p.Filter)
	}
	b.WriteString("\n")
	for _, child := range p.Children {
		child.write(b, indent+"  ")
	}
}

// asked is a statement as an accessor sends it.
type asked struct {
	list bool
	sql  string
	args []any
}

// listener is a door that leads nowhere, and hears what is asked of it.
type listener struct {
	scope *scope
	heard asked
}

var errHeard = errors.New("heard")

func (l *listener) open(_ context.Context, list bool, sql string, args []any) (*trip, error) {
	if err := l.scope.verify(args); err != nil {
		return nil, err
	}
	l.heard = asked{list, sql, args}
	return nil, errHeard
}

// hear is what the accessor of that name sends, called with the argument, or with none where that is nil.
func hear(t *testing.T, through *scope, accessor string, arg any) asked {
	t.Helper()
	l := &listener{scope: through}
	in := []reflect.Value{reflect.ValueOf(t.Context())}
	if arg != nil {
		in = append(in, reflect.ValueOf(arg))
	}
	out := reflect.ValueOf(db.New(dbtx{l})).MethodByName(accessor).Call(in)
	if err, _ := out[len(out)-1].Interface().(error); !errors.Is(err, errHeard) {
		t.Fatalf("%s: %v", accessor, err)
	}
	return l.heard
}

// reads is what a transaction has read of a table so far: by statements, and by triggers, functions and checks of foreign keys.
type reads struct {
	Scans int64 // from end to end
	Rows  int64
}

// explainer explains statements to the server's login, over a connection of its own.
type explainer struct {
	conn *pgx.Conn
}

// explain is the plan of a statement, bound as its door binds it: planned as the door has it planned if it is a list, else as the
// server plans it in the given mode, for any values or for these. Executed: it is run, and undone; then read says what the trip read.
func (e explainer) explain(t *testing.T, through *scope, what asked, mode string, executed bool) (top plan, read map[string]reads) {
	t.Helper()
	ctx := t.Context()
	tx, err := e.conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
	}()
	run := func(sql string, args ...any) {
		if _, err := tx.Exec(ctx, sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	before := readSoFar(t, tx)
	run(`SELECT set_config('plan_cache_mode', $1, true)`, mode)
	run(through.bind, through.args...)
	if what.list {
		listed, andPlan := new(Database).asList(what.sql, what.args)
		run("SELECT true" + andPlan)
		what.sql, what.args = listed.sql, listed.args
	}
	const name = "asked"
	known, err := tx.Prepare(ctx, name, what.sql)
	if err != nil {
		t.Fatalf("%s: %v", what.sql, err)
	}
	call := name
	for i, arg := range what.args {
		text, err := e.conn.TypeMap().Encode(known.ParamOIDs[i], pgtype.TextFormatCode, arg, []byte{})
		if err != nil {
			t.Fatalf("%s: $%d: %v", what.sql, i+1, err)
		}
		literal := "NULL"
		if text != nil {
			literal = "'" + strings.ReplaceAll(string(text), "'", "''") + "'"
		}
		call += map[bool]string{true: "(", false: ", "}[i == 0] + literal
	}
	if len(what.args) > 0 {
		call += ")"
	}
	options := `FORMAT JSON`
	if executed {
		options += `, ANALYZE, BUFFERS, TIMING OFF`
	}
	text, err := pgx.CollectExactlyOneRow(query(t, tx, `EXPLAIN (`+options+`) EXECUTE `+call, pgx.QueryExecModeSimpleProtocol), pgx.RowTo[[]byte])
	if err != nil {
		t.Fatalf("%s: %s: %v", what.sql, call, err)
	}
	var answer []struct{ Plan plan }
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	read = readSoFar(t, tx)
	for table, was := range before {
		read[table] = reads{read[table].Scans - was.Scans, read[table].Rows - was.Rows}
	}
	if err := e.conn.Deallocate(ctx, name); err != nil {
		t.Fatal(err)
	}
	return answer[0].Plan, read
}

func query(t *testing.T, tx pgx.Tx, sql string, args ...any) pgx.Rows {
	t.Helper()
	rows, err := tx.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

// readSoFar is by table; it counts from some moment before this transaction.
func readSoFar(t *testing.T, tx pgx.Tx) map[string]reads {
	t.Helper()
	all := map[string]reads{}
	var table string
	var r reads
	rows := query(t, tx, `SELECT relname, seq_scan, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables`)
	if _, err := pgx.ForEachRow(rows, []any{&table, &r.Scans, &r.Rows}, func() error { all[table] = r; return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}
