package prove

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Portable returns what of a project's SQL a PostgreSQL that is spread over several nodes refuses, though one alone takes it, in the order of
// its files and lines. It is no wall between tenants: it costs nothing to say it so that both take it, and much to mend it later. What it
// refuses was refused by Citus 13.2.
func Portable(project fs.FS) (findings []string) {
	report := func(at place, subject, fault string) {
		findings = append(findings, finding{at, subject, fault}.String())
	}
	for _, pattern := range []string{"sql/migrations/*.sql", "sql/queries/*.sql"} {
		each(project, report, pattern, func(file, text string) {
			at := func(byte int) place { return place{file, 1 + strings.Count(text[:byte], "\n")} }
			tree, err := pg.Parse(text)
			if err != nil {
				report(at(errorAt(err)), "file", err.Error())
				return
			}
			for _, raw := range tree.Stmts {
				start := int(raw.StmtLocation)
				if c := raw.Stmt.GetCreateFunctionStmt(); c != nil {
					name := strings.Join(words(c.Funcname), ".")
					for _, statement := range statementsOf(c, text[start:end(raw, text)]) {
						if asking(statement) != nil {
							report(at(where(c.ProtoReflect())), name, asks)
						}
					}
				}
				if a := raw.Stmt.GetAlterTableStmt(); a != nil && len(a.Cmds) > 1 {
					report(at(where(a.ProtoReflect())), a.Relation.Relname, fmt.Sprintf("%d commands in one ALTER TABLE; give each a statement of its own", len(a.Cmds)))
				}
				if part := asking(raw.Stmt); part != nil {
					named := queryName.FindAllStringSubmatch(text[:end(raw, text)], -1)
					subject := "INSERT"
					if len(named) > 0 {
						subject = named[len(named)-1][1]
					}
					report(at(where(part)), subject, asks)
				}
			}
		})
	}
	return findings
}

const asks = "an INSERT whose values, ON CONFLICT or RETURNING ask by a subquery; let it take its rows from a SELECT, or read of what it made: WITH made AS (INSERT … RETURNING *) SELECT …"

var queryName = regexp.MustCompile(`(?m)^-- name: (\w+)`)

// asking is a subquery in an INSERT of a statement, outside of the SELECT that it takes its rows from; nil without.
func asking(statement *pg.Node) (found message) {
	visit(statement.ProtoReflect(), func(m message) bool {
		insert, ok := m.Interface().(*pg.InsertStmt)
		if !ok {
			return found == nil
		}
		values := insert.SelectStmt.GetSelectStmt().GetValuesLists() != nil
		children(m, func(field string, child message) {
			if field == "with_clause" || field == "select_stmt" && !values {
				return
			}
			visit(child, func(m message) bool {
				if _, ok := m.Interface().(*pg.SubLink); ok && found == nil {
					found = m
				}
				return found == nil
			})
		})
		return found == nil // there may be others in its WITH
	})
	return found
}

// statementsOf are the statements of a function's body.
func statementsOf(c *pg.CreateFunctionStmt, text string) (statements []*pg.Node) {
	parse := func(text string) {
		if tree, err := pg.Parse(text); err == nil { // else it is an expression, which inserts nothing
			for _, raw := range tree.Stmts {
				statements = append(statements, raw.Stmt)
			}
		}
	}
	language, body := "sql", ""
	for _, option := range c.Options {
		switch o := option.GetDefElem(); o.Defname {
		case "language":
			language = o.Arg.GetString_().GetSval()
		case "as":
			body = o.Arg.GetList().GetItems()[0].GetString_().GetSval()
		}
	}
	if language != "plpgsql" {
		parse(body)
		return statements
	}
	tree, err := (&function{text: text}).plpgsqlTree()
	if err != nil {
		return nil // Read says so
	}
	var walk func(part any)
	walk = func(part any) {
		switch part := part.(type) {
		case []any:
			for _, item := range part {
				walk(item)
			}
		case map[string]any:
			if query, ok := part["query"].(string); ok {
				parse(query)
			}
			for _, field := range part {
				walk(field)
			}
		}
	}
	walk(tree)
	return statements
}
