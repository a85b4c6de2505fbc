package prove

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// plpgsqlTree is what PL/pgSQL makes of the function's body.
func (f *function) plpgsqlTree() (tree any, err error) {
	text, err := pg.ParsePlPgSqlToJSON(f.text)
	if err == nil {
		err = json.Unmarshal([]byte(text), &tree)
	}
	return tree, err
}

// eachNode visits the nodes at the top of a part of such a tree, with the line of the body that each stands on: its own, or the one given.
func eachNode(part any, line int, visit func(kind string, fields map[string]any, line int)) {
	if list, ok := part.([]any); ok {
		for _, item := range list {
			eachNode(item, line, visit)
		}
		return
	}
	nodes, _ := part.(map[string]any)
	for _, kind := range slices.Sorted(maps.Keys(nodes)) {
		fields, _ := nodes[kind].(map[string]any)
		if at, ok := fields["lineno"].(float64); ok {
			line = int(at)
		}
		visit(kind, fields, line)
	}
}

// queryOf is the SQL that stands in a field of a node; "" without.
func queryOf(fields map[string]any, name string) string {
	expr, _ := fields[name].(map[string]any)
	inner, _ := expr["PLpgSQL_expr"].(map[string]any)
	text, _ := inner["query"].(string)
	return text
}

// assignment takes an assignment apart.
func assignment(text string) (target, value string) {
	target, value, ok := strings.Cut(text, ":=")
	if !ok {
		target, value, _ = strings.Cut(text, "=")
	}
	return target, value
}
