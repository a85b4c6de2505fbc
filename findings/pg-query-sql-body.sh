#!/usr/bin/env bash
# pg_query: asked for the PL/pgSQL of a function whose body is SQL without quotes, it ends the process.
#
# Versions:  pg_query_go 6.2.5 (libpg_query of PostgreSQL 17)
# Behaviour: CREATE FUNCTION … LANGUAGE sql RETURN 1 has no text between AS and the end. ParsePlPgSqlToJSON asserts that every function has one,
#            and an assertion of C cannot be recovered from in Go. A function in the language sql with a quoted body is passed over, without an
#            error.
# Seen:      quoted:   [ {"PLpgSQL_function":{"datums":[]}} ], and status 0
#            unquoted: compile_create_function_stmt: Assertion `proc_source != NULL' failed. SIGABRT: abort
# Run it with Go 1.26 or later and a C compiler (it builds pg_query, which takes minutes); it uses a folder of its own, and no port. It fails
# when a version behaves otherwise.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init asked 2>/dev/null
go get github.com/pganalyze/pg_query_go/v6@v6.2.5 2>/dev/null

cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	pg "github.com/pganalyze/pg_query_go/v6"
)

func main() {
	said, err := pg.ParsePlPgSqlToJSON(os.Args[1])
	fmt.Println(said, err)
}
GO
go build -o asked .

./asked 'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$'
if said=$(./asked 'CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1' 2>&1); then exit 1; fi
grep -m 2 -E 'Assertion|SIGABRT' <<<"$said"
[[ $said == *'proc_source != NULL'*'SIGABRT'* ]]
