package prove

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A message is a node of the parser, or a list that one has: what is true of all kinds of nodes is said of it.
type message = protoreflect.Message

// An anyNode is what has such a message.
type anyNode interface{ ProtoReflect() message }

// where returns the first byte of the text that a tree came from, as far as the parser kept it; 0 when it did not.
func where(tree message) (first int) {
	visit(tree, func(m message) bool {
		if field := m.Descriptor().Fields().ByName("location"); field != nil {
			if at := int(m.Get(field).Int()); at > 0 && (first == 0 || at < first) {
				first = at
			}
		}
		return true
	})
	return first
}

// expression reads an expression; nil when it is none.
func expression(text string) *pg.Node {
	tree, err := pg.Parse("SELECT " + text)
	if err != nil {
		return nil
	}
	return tree.Stmts[0].Stmt.GetSelectStmt().TargetList[0].GetResTarget().Val
}

// deparse writes an expression in the one way that its meaning has, whatever its spaces and capitals were; "" when it cannot.
func deparse(node *pg.Node) string {
	tree, err := pg.Parse("SELECT 1")
	if err != nil || node == nil {
		return ""
	}
	tree.Stmts[0].Stmt.GetSelectStmt().TargetList[0].GetResTarget().Val = node
	text, err := pg.Deparse(tree)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(text, "SELECT ")
}

// same reports whether an expression is the given one.
func same(node *pg.Node, text string) bool {
	return text != "" && node != nil && deparse(node) == deparse(expression(text))
}

// strange returns the first thing in a tree that is not in understood, and what to call it, or "". The schema's own texts may
// also hold what is in understoodInSchema.
func strange(node message, inSchema bool) (what string, first message) {
	name := string(node.Descriptor().Name())
	if name != "Node" {
		known, ok := understood[name]
		if more, also := understoodInSchema[name]; inSchema && also {
			known, ok = more, true
		}
		if !ok {
			return name, node
		}
		if field := surplus(node, known); field != "" {
			return name + "." + field, node
		}
		if table, ok := node.Interface().(*pg.RangeVar); ok && table.Schemaname != "" && table.Schemaname != "public" && !(inSchema && table.Schemaname == queueSchema) {
			return "the schema " + table.Schemaname, node
		}
		if by, ok := node.Interface().(*pg.CollateClause); ok && strings.Join(words(by.Collname), ".") != "C" {
			return "the collation " + strings.Join(words(by.Collname), ".") + ", which another cluster may not have,", node
		}
	}
	children(node, func(_ string, child message) {
		if what == "" {
			what, first = strange(child, inSchema)
		}
	})
	return what, first
}

// surplus returns a field that is set and not known, or "". Where a node stood in the text never matters.
func surplus(node message, known map[string]bool) string {
	for _, field := range populated(node) {
		if name := string(field.Name()); !known[name] && name != "location" {
			return name
		}
	}
	return ""
}

// children visits the nodes right below one, with the name of the field that holds each.
func children(node message, take func(field string, child message)) {
	for _, field := range populated(node) {
		switch value := node.Get(field); {
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				take(string(field.Name()), value.List().Get(i).Message())
			}
		default:
			take(string(field.Name()), value.Message())
		}
	}
}

// visit goes through a tree from its top, below those nodes for which it is told to.
func visit(node message, into func(message) bool) {
	if into(node) {
		children(node, func(_ string, child message) { visit(child, into) })
	}
}

// populated returns the fields that are set, in an order that is always the same, which Range does not promise.
func populated(node message) (fields []protoreflect.FieldDescriptor) {
	node.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		fields = append(fields, field)
		return true
	})
	slices.SortFunc(fields, func(a, b protoreflect.FieldDescriptor) int { return a.Index() - b.Index() })
	return fields
}

// words reads a list of names, as in a column reference or the name of a function; a star is "*".
func words(nodes []*pg.Node) (of []string) {
	for _, node := range nodes {
		switch word := node.GetNode().(type) {
		case *pg.Node_String_:
			of = append(of, word.String_.Sval)
		case *pg.Node_AStar:
			of = append(of, "*")
		default:
			of = append(of, "?")
		}
	}
	return of
}

// builtin joins a name, without the schema that the parser itself puts before what SQL has words for.
func builtin(nodes []*pg.Node) string {
	return strings.TrimPrefix(strings.Join(words(nodes), "."), "pg_catalog.")
}
