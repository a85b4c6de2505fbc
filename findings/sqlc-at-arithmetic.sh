#!/usr/bin/env bash
# sqlc: a parameter written @name that is cast and then calculated with takes the whole calculation with it, without a word.
#
# Versions:  sqlc 1.31.1 (the Go module github.com/sqlc-dev/sqlc), engine postgresql, generated for pgx/v5
# Behaviour: PostgreSQL's grammar reads @ as a prefix operator that binds less than -, so @since::timestamptz - interval '24 hours' is
#            @ (since::timestamptz - interval '24 hours'), and sqlc makes one parameter of all of it: the cast and the interval are gone from the
#            statement, and the parameter is named after the lost expression. sqlc.arg('since')::timestamptz - interval '24 hours' stays as it
#            is written. generate ends with 0 and says nothing in either case.
# Seen:      @since:           WHERE starts_at > $1 AND ends_at > $2::timestamptz, with the fields
#                              Sincetimestamptz24HourspgCataloginterval and Since
#            sqlc.arg('since'): WHERE starts_at > $1::timestamptz - interval '24 hours' AND ends_at > $1::timestamptz, with one argument
# Run it with Go 1.26 or later and a C compiler (it builds sqlc, which takes minutes); it uses a folder of its own, and no port. It fails when a
# version behaves otherwise.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir go install github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1

cat >schema.sql <<'SQL'
CREATE TABLE shifts (id bigint PRIMARY KEY, starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL);
SQL
cat >queries.sql <<'SQL'
-- name: ByAt :many
SELECT id
  FROM shifts
 WHERE starts_at > @since::timestamptz - interval '24 hours'
   AND ends_at > @since::timestamptz;

-- name: ByArg :many
SELECT id
  FROM shifts
 WHERE starts_at > sqlc.arg('since')::timestamptz - interval '24 hours'
   AND ends_at > sqlc.arg('since')::timestamptz;
SQL
cat >sqlc.yaml <<'YAML'
version: "2"
sql:
  - { engine: postgresql, schema: schema.sql, queries: queries.sql, gen: { go: { package: db, out: db, sql_package: pgx/v5 } } }
YAML
./sqlc generate

got=$(sed -n '/const byAt/,/^`/p; /ByAtParams struct/,/^}/p; /const byArg/,/^`/p' db/queries.sql.go | grep -E 'WHERE|AND|Since')
printf '%s\n' "$got"
want=' WHERE starts_at > $1 AND ends_at > $2::timestamptz
	Sincetimestamptz24HourspgCataloginterval pgtype.Timestamptz
	Since                                    pgtype.Timestamptz
 WHERE starts_at > $1::timestamptz - interval '"'24 hours'"'
   AND ends_at > $1::timestamptz'
[[ $(sort <<<"$got") == "$(sort <<<"$want")" ]]
