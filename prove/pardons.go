package prove

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/printer"
	"slices"
	"strings"
)

// A pardon excuses what somebody has looked at, and no more: single texts by their hashes, each as often as its hash is listed.
type pardon struct{ why, hashes string }

// hash is how a text is told from any other, whatever its spaces.
func hash(text string) string {
	sum := sha256.Sum256([]byte(strings.Join(strings.Fields(text), " ")))
	return hex.EncodeToString(sum[:5])
}

// A ledger says what has been excused, and how often.
type ledger struct {
	excuse excuse
	met    map[string]int
}

func newLedger(excuse excuse) *ledger { return &ledger{excuse, map[string]int{}} }

// covers reports whether a text is one that the pardon was given for.
func (l *ledger) covers(what string, p pardon, text string) bool {
	of := hash(text)
	given := 0
	for _, listed := range strings.Fields(p.hashes) {
		if listed == of {
			given++
		}
	}
	l.met[what+" "+of]++
	return l.met[what+" "+of] <= given && l.excuse(what+" "+of, p.why)
}

// unlisted is the end of a finding: what is new beside what was excused, and how it would be.
func unlisted(p pardon, text string) string {
	of := hash(text)
	if p.why == "" {
		return "; a place to look at, so list it in prove with the reason and its hash " + of
	}
	return fmt.Sprintf("; what was excused here (%s) is not this: %.300s; if it keeps tenants apart too, its hash is %s", p.why, strings.Join(strings.Fields(text), " "), of)
}

// source writes a piece of Go as gofmt would, without its comments.
func (p *program) source(node ast.Node) string {
	if field, ok := node.(*ast.Field); ok {
		text := p.source(field.Type)
		for _, name := range field.Names {
			text = name.Name + " " + text
		}
		return text
	}
	switch n := node.(type) {
	case *ast.FuncDecl:
		node = &ast.FuncDecl{Recv: n.Recv, Name: n.Name, Type: n.Type, Body: n.Body}
	case *ast.ValueSpec:
		node = &ast.ValueSpec{Names: n.Names, Type: n.Type, Values: n.Values}
	}
	var text bytes.Buffer
	if err := printer.Fprint(&text, p.files, node); err != nil {
		return err.Error() // which no pardon was given for
	}
	return text.String()
}

// statementOf is the smallest statement, specification or parameter around the last of nodes that lie one in the other.
func statementOf(around []ast.Node) ast.Node {
	for _, node := range slices.Backward(around) {
		switch node.(type) {
		case *ast.BlockStmt:
		case ast.Stmt, ast.Spec, *ast.Field:
			return node
		}
	}
	return around[len(around)-1]
}

// whole is a declaration and all constants, variables and functions of its package that it is made of.
func (p *program) whole(folder string, decl ast.Node) string {
	values := p.values(folder)
	parts, seen := []string{p.source(decl)}, map[string]bool{}
	var take func(ast.Node)
	take = func(node ast.Node) {
		ast.Inspect(node, func(node ast.Node) bool {
			if name, ok := node.(*ast.Ident); ok && values[name.Name] != nil && !seen[name.Name] {
				seen[name.Name] = true
				if value := values[name.Name]; value != decl {
					parts = append(parts, p.source(value))
					take(value)
				}
			}
			return true
		})
	}
	take(decl)
	return strings.Join(parts, "\n")
}

// values are the constants, variables and functions of a package, by name.
func (p *program) values(folder string) map[string]ast.Node {
	values := map[string]ast.Node{}
	for _, file := range p.syntax[folder] {
		for _, decl := range declarations(file) {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					values[d.Name.Name] = d
				}
			case *ast.GenDecl:
				if value, ok := d.Specs[0].(*ast.ValueSpec); ok {
					for _, name := range value.Names {
						values[name.Name] = value
					}
					delete(values, "_")
				}
			}
		}
	}
	return values
}
