package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

var (
	scopeLine = regexp.MustCompile(`\A-- Scope: (tenant|account|unscoped)\.`)
	nameLine  = regexp.MustCompile(`(?m)^-- name:.*$`)
	nameForm  = regexp.MustCompile(`^-- name: (\w+) :(one|many|exec|execrows)$`)
	reason    = regexp.MustCompile(`, for |, to |: |because `)
	word      = regexp.MustCompile(`^[a-z_]\w*$`)
)

// proveQueries reports the faults of one file of queries; it returns the file's scope and how many queries it holds.
func proveQueries(tables *schema, file, text string) (scope string, count int) {
	header := scopeLine.FindStringSubmatch(text)
	if header == nil {
		tables.report(file, "file", "its first line must be `-- Scope: tenant.`, account or unscoped")
		return "", 0
	}
	names := nameLine.FindAllStringIndex(text, -1)
	first := len(text)
	if len(names) > 0 {
		first = names[0][0]
	}
	if tree, err := pg.Parse(text[:first]); err != nil || len(tree.Stmts) > 0 {
		tables.report(file, "file", "there is SQL before the first `-- name:`")
	}
	for i, at := range names {
		end := len(text)
		if i+1 < len(names) {
			end = names[i+1][0]
		}
		line := strings.TrimSpace(text[at[0]:at[1]])
		form := nameForm.FindStringSubmatch(line)
		if form == nil {
			tables.report(file, line, "the form is `-- name: ItemGet :one`, or :many, :exec or :execrows")
			continue
		}
		p := &proof{scope: header[1], schema: tables, equal: map[term][]term{}}
		p.contract(form[1], text[:at[0]], text[at[1]:end])
		p.query(text[at[0]:end])
		for _, fault := range p.faults {
			tables.report(file, form[1], fault)
		}
	}
	return header[1], len(names)
}

// contract checks the comment that becomes the accessor's documentation: the lines right above the name, or right below.
func (p *proof) contract(name, above, below string) {
	lines := strings.Split(strings.TrimSuffix(above, "\n"), "\n")
	slices.Reverse(lines)
	said := comment(lines)
	slices.Reverse(said)
	said = append(said, comment(strings.Split(strings.TrimPrefix(below, "\n"), "\n"))...)
	switch text := strings.Join(said, " "); {
	case !strings.HasPrefix(text, name+" "):
		p.fault("a comment that begins with its name must say what it promises")
	case p.scope == "unscoped" && !reason.MatchString(text):
		p.fault("its comment must say why it runs before anyone is known: `…, for login`, `…: …` or `… because …`")
	}
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
	sql, err := p.number(text)
	if err != nil {
		p.fault("%v", err)
		return
	}
	tree, err := pg.Parse(sql)
	if err != nil {
		p.fault("%v", err)
		return
	}
	if len(tree.Stmts) != 1 {
		p.fault("%d statements under one name; there must be one", len(tree.Stmts))
		return
	}
	statement := tree.Stmts[0].Stmt
	if what := strange(statement.ProtoReflect()); what != "" {
		p.fault("%s is nothing that prove understands; say it otherwise, or teach prove what it means for the tenant", what)
		return
	}
	p.statement(statement, nil)
	for _, o := range p.occurrences {
		p.hold(o)
	}
	if bound, ok := map[string]string{"tenant": "tenant_id", "account": "account_id"}[p.scope]; ok {
		if slices.Contains(p.names, bound+"?") {
			p.fault("sqlc.narg makes %s a pointer, which the door may find empty; write @%[1]s", bound)
		}
		if len(p.faults) == 0 && !slices.Contains(p.names, bound) {
			p.fault("it has no @%s, so its door would refuse every call", bound)
		}
	}
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
		if token.Token != pg.Token_SQL_COMMENT && token.Token != pg.Token_C_COMMENT {
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
		done, i = int(tokens[last].End), last
	}
	return sql.String() + text[done:], nil
}
