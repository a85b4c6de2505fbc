#!/usr/bin/env bash
# sqlc: a column that gets its name from the alias of a derived table, AS labelled (label), can be selected and not be sorted by.
#
# Versions:  sqlc 1.31.1 (the Go module github.com/sqlc-dev/sqlc), engine postgresql, generated for pgx/v5
# Behaviour: names in the list behind a derived table's alias are not known to the check of ORDER BY, qualified or not, although SELECT finds them and
#            PostgreSQL takes the statement. Named inside of the parentheses instead, AS labelled with SELECT … AS label, the same query is generated.
#            The message suggests to switch the check off for all queries.
# Seen:      ORDER BY label, and ORDER BY labelled.label:  column reference "label" not found: if you want to skip this validation, set
#            'strict_order_by' to false
#            the name inside of the parentheses, and no ORDER BY: no error
# Run it with Go 1.26 or later and a C compiler (it builds sqlc, which takes minutes); it uses a folder of its own, and no port. It fails when a
# version behaves otherwise.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir go install github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1

echo 'CREATE TABLE shelves (id bigint PRIMARY KEY, labels text[] NOT NULL);' >schema.sql
cat >sqlc.yaml <<'YAML'
version: "2"
sql:
  - { engine: postgresql, schema: schema.sql, queries: query.sql, gen: { go: { package: db, out: db, sql_package: pgx/v5 } } }
YAML

said() { # said DERIVED ORDER: what sqlc says to a query with this derived table and this order
	printf -- '-- name: LabelList :many\nSELECT label::text FROM shelves CROSS JOIN LATERAL %s WHERE shelves.id = $1 %s;\n' "$1" "$2" >query.sql
	./sqlc generate 2>&1 || true
}

outside='(SELECT unnest(shelves.labels)) AS labelled (label)'
inside='(SELECT unnest(shelves.labels) AS label) AS labelled'
refusal='column reference "label" not found'
for order in 'ORDER BY label' 'ORDER BY labelled.label'; do
	got=$(said "$outside" "$order")
	printf '%s: %s\n' "$order" "$got"
	[[ $got == *"$refusal"* ]]
done
[[ -z $(said "$outside" '') ]]
[[ -z $(said "$inside" 'ORDER BY label') ]]
