package prove

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

var (
	scopeLine = regexp.MustCompile(`\A-- Scope: (tenant|account|platform|unscoped)\.`)
	nameLine  = regexp.MustCompile(`(?m)^-- name:.*$`)
	nameForm  = regexp.MustCompile(`^-- name: (\w+) :(one|many|exec|execrows)$`)
	reason    = regexp.MustCompile(`, for |, to |: |because `)
	word      = regexp.MustCompile(`^[a-z_]\w*$`)
)

// unscopedFile holds every query that no tenant and no account holds, so that they are all in one place to be looked at.
const unscopedFile = "sql/queries/unscoped.sql"

// proveQueries reports the faults of one file of queries, and adds to what is used and counted.
func proveQueries(s *schema, file, text string, used usage, counts *Counts) {
	line := func(at int) place { return place{file, 1 + strings.Count(text[:at], "\n")} }
	header := scopeLine.FindStringSubmatch(text)
	switch {
	case header == nil:
		s.report(line(0), "file", "its first line must be `-- Scope: tenant.`, account, platform or unscoped")
		return
	case (header[1] == "unscoped") != (file == unscopedFile):
		s.report(line(0), "file", "the queries of the scope unscoped, and they alone, are in "+unscopedFile)
		return
	}
	names := nameLine.FindAllStringIndex(text, -1)
	first := len(text)
	if len(names) > 0 {
		first = names[0][0]
	}
	if tree, err := pg.Parse(text[:first]); err != nil || len(tree.Stmts) > 0 {
		s.report(line(0), "file", "there is SQL before the first `-- name:`")
	}
	for i, at := range names {
		end := len(text)
		if i+1 < len(names) {
			end = names[i+1][0]
		}
		named := strings.TrimSpace(text[at[0]:at[1]])
		form := nameForm.FindStringSubmatch(named)
		if form == nil {
			s.report(line(at[0]), named, "the form is `-- name: ItemGet :one`, or :many, :exec or :execrows")
			continue
		}
		p := newProof(header[1], s)
		p.first = line(at[0]).line
		said := p.contract(form[1], text[:at[0]], text[at[1]:end])
		p.query(text[at[0]:end])
		for _, fault := range p.faults {
			s.report(place{file, fault.line}, form[1], fault.text)
		}
		for use := range p.used {
			used.add(roleOf[header[1]], use)
		}
		if counts.Queries[header[1]]++; header[1] == "unscoped" {
			counts.Reasons[form[1]] = said
		}
	}
}

// contract checks the comment that becomes the accessor's documentation, the lines right above the name, or right below, and
// returns it.
func (p *proof) contract(name, above, below string) string {
	lines := strings.Split(strings.TrimSuffix(above, "\n"), "\n")
	slices.Reverse(lines)
	said := comment(lines)
	slices.Reverse(said)
	said = append(said, comment(strings.Split(strings.TrimPrefix(below, "\n"), "\n"))...)
	text := strings.Join(said, " ")
	switch {
	case !strings.HasPrefix(text, name+" "):
		p.fault(nil, "a comment that begins with its name must say what it promises")
	case p.scope == "unscoped" && !reason.MatchString(text):
		p.fault(nil, "its comment must say why it runs before anyone is known: `…, for login`, `…: …` or `… because …`")
	}
	return text
}

// comment returns the comment lines that the lines begin with, bare.
func comment(lines []string) (said []string) {
	for _, line := range lines {
		text, ok := strings.CutPrefix(line, "-- ")
		if !ok {
			break
		}
		said = append(said, text)
	}
	return said
}

// query proves one query, or says why not.
func (p *proof) query(text string) {
	p.text = text
	sql, err := p.number(text)
	if err != nil {
		p.faultAt(errorAt(err), "%v", err)
		return
	}
	p.text = sql
	tree, err := pg.Parse(sql)
	if err != nil {
		p.faultAt(errorAt(err), "%v", err)
		return
	}
	if len(tree.Stmts) != 1 {
		p.fault(nil, "%d statements under one name; there must be one", len(tree.Stmts))
		return
	}
	statement := tree.Stmts[0].Stmt
	if what, part := strange(statement.ProtoReflect(), false); what != "" {
		p.fault(part.Interface(), "%s%s", what, notUnderstood)
		return
	}
	p.statement(statement, nil)
	p.unasked(statement.ProtoReflect(), false)
	for _, o := range p.occurrences {
		p.hold(o)
	}
	if bound, ok := map[string]string{"tenant": "tenant_id", "account": "account_id"}[p.scope]; ok {
		if slices.Contains(p.names, bound+"?") {
			p.fault(nil, "sqlc.narg makes %s a pointer, which the door may find empty; write @%[1]s", bound)
		}
		if len(p.faults) == 0 && !slices.Contains(p.names, bound) {
			p.fault(nil, "it has no @%s, so its door would refuse every call", bound)
		}
	}
}

// nobody are the functions that are NULL where no user, artist or key asks: for a visitor, a session, or system work.
var nobody = set("me my_artist my_key my_account")

// unasked reports a column of an answer that is NULL when nobody in particular asks, which sqlc takes for one that never is. In a
// WHERE, NULL is no row, and all is well.
func (p *proof) unasked(node message, answered bool) {
	children(node, func(field string, child message) {
		switch n := child.Interface().(type) {
		case *pg.CoalesceExpr, *pg.NullTest:
			return
		case *pg.A_Expr:
			if n.Kind == pg.A_Expr_Kind_AEXPR_DISTINCT || n.Kind == pg.A_Expr_Kind_AEXPR_NOT_DISTINCT {
				return
			}
		case *pg.FuncCall:
			if called := words(n.Funcname); answered && nobody[called[len(called)-1]] {
				p.fault(n, "%s() is NULL when nobody in particular asks, and so is what is selected: put coalesce around it", called[len(called)-1])
			}
		}
		switch field {
		case "target_list", "returning_list":
			_, update := node.Interface().(*pg.UpdateStmt)
			p.unasked(child, !update || field == "returning_list")
		case "where_clause", "sort_clause":
		default:
			p.unasked(child, answered)
		}
	})
}

// number writes sqlc's parameters as PostgreSQL will see them, as $1, $2 …, and keeps their names, those of sqlc.narg with a
// question mark. It goes by tokens: an @ in a literal or a comment is none.
func (p *proof) number(text string) (string, error) {
	scan, err := pg.Scan(text)
	if err != nil {
		return "", err
	}
	var tokens []*pg.ScanToken
	for _, token := range scan.Tokens {
		if !isComment(token) {
			tokens = append(tokens, token)
		}
	}
	at := func(i int) string {
		if i >= len(tokens) {
			return ""
		}
		return text[tokens[i].Start:tokens[i].End]
	}

	var sql strings.Builder
	done := 0
	for i := 0; i < len(tokens); i++ {
		var name string
		var last int
		switch call := at(i) + at(i+1) + at(i+2) + at(i+3); {
		case tokens[i].Token == pg.Token_PARAM:
			return "", fmt.Errorf("%s has no name; write @name", at(i))
		case at(i) == "@" && word.MatchString(at(i+1)):
			name, last = at(i+1), i+1
		case call == "sqlc.arg(", call == "sqlc.narg(":
			if name, last = strings.Trim(at(i+4), "'"), i+5; !word.MatchString(name) || at(last) != ")" {
				return "", fmt.Errorf("%s takes one name", call)
			}
			if call == "sqlc.narg(" {
				name += "?"
			}
		default:
			continue
		}
		if !slices.Contains(p.names, name) {
			p.names = append(p.names, name)
		}
		fmt.Fprintf(&sql, "%s$%d", text[done:tokens[i].Start], slices.Index(p.names, name)+1)
		sql.WriteString(strings.Repeat("\n", strings.Count(text[tokens[i].Start:tokens[last].End], "\n"))) // each line stays where it was
		done, i = int(tokens[last].End), last
	}
	return sql.String() + text[done:], nil
}

// What sqlc must be told, and no more of the same: another list of queries would be generated, and not proven.
var generation = map[string]string{
	"engine":      "postgresql",
	"schema":      "sql/migrations",
	"queries":     "sql/queries",
	"package":     "db",
	"out":         "db",
	"sql_package": "pgx/v5",
}

var (
	generationLine = regexp.MustCompile(`^[\s-]*(engine|schema|queries|package|out|sql_package):\s*(.*)$`)
	generationKey  = regexp.MustCompile(`^[\s-]*"?([\w.]+)"?\s*:`)
	generationKeys = set("version sql engine schema queries gen go package out sql_package emit_pointers_for_null_types omit_unused_structs overrides")
	tenantType     = regexp.MustCompile(`(?m)^\s*- \{ column: "\*\.tenant_id",\s+go_type: rowhouse/ids\.TenantID \}$`)
)

// proveGeneration holds sqlc to the queries that are proven, and to the type by which a door knows the tenant.
func proveGeneration(report reporter, file, text string) {
	seen, types := map[string]bool{}, 1
	for i, line := range strings.Split(text, "\n") {
		said := generationLine.FindStringSubmatch(line)
		if said != nil && (said[2] != generation[said[1]] || seen[said[1]]) {
			report(place{file, i + 1}, said[1], "it must be "+generation[said[1]]+", once: what sqlc reads elsewhere, or writes elsewhere, is not proven")
		}
		if said != nil {
			seen[said[1]] = true
		}
		if key := generationKey.FindStringSubmatch(line); key != nil && !generationKeys[key[1]] {
			report(place{file, i + 1}, key[1], "sqlc may write by it what nobody has proven, or run another program to write it; take it out, or teach prove what it means")
		}
		if strings.Contains(line, `"*.tenant_id"`) {
			types = i + 1
		}
	}
	if !tenantType.MatchString(text) {
		report(place{file, types}, "overrides", "every column tenant_id must be of the type ids.TenantID, by which a door knows the tenant of a call")
	}
}
