// The conversation of a TypeScript client with the server. It is compiled beside the clients that run generates.
import assert from 'node:assert/strict'
import { openAsBlob } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createClient } from './sdk/client/index.js'
import * as api from './sdk/index.js'

// What a client sends: a token or a key, and with a token that is not bound the tenant.
const client = (credentials: { token?: string; key?: string }) =>
	createClient({
		baseUrl: process.env['API']!,
		auth: scheme => (scheme.type === 'http' ? credentials.token : credentials.key),
	})

const ok = <T>(answer: { data: T | undefined; error?: unknown }): T => {
	assert.equal(answer.error, undefined)
	assert.ok(answer.data)
	return answer.data
}

const refused = (answer: { error?: api.ErrorAnswer | undefined; response?: Response | undefined }, status: number, code: api.ErrorCode) => {
	assert.equal(answer.response?.status, status)
	assert.equal(answer.error?.content.code, code)
}

const folder = await mkdtemp(join(tmpdir(), 'conversation-'))
const file = async (text: string): Promise<Blob> => {
	const name = join(folder, 'items')
	await writeFile(name, text)
	return openAsBlob(name)
}

// In either mode of choosing the tenant, a program that knows the description alone can do all that it describes: each value that it
// sends comes back, a null as a null.
const converse = async (mode: 'header' | 'derived') => {
	const who = `ts-${mode}`
	const password = 'paper-and-ink'
	const stranger = client({})
	const account = ok(await api.accountRegister({ client: stranger, body: { email: `${who}@example.com`, password, tenant_name: `Prints of ${who}` } }))
	assert.equal(account.content.account.username, who)
	const session = ok(await api.sessionLogin({ client: stranger, body: { login: who, password } })).content
	const [home] = session.tenants
	assert.ok(home)

	const unbound = client({ token: session.access_token })
	const tenants = ok(await api.tenantList({ client: unbound }))
	assert.deepEqual(tenants.content.map(tenant => tenant.name), [`Prints of ${who}`])

	let me: { client: typeof unbound; headers?: { 'X-Tenant-Id': api.TenantId } }
	if (mode === 'header') {
		refused(await api.tenantGet({ client: unbound }), 400, 'missing_tenant')
		me = { client: unbound, headers: { 'X-Tenant-Id': home.tenant.id } }
	} else {
		const bound = ok(await api.sessionLogin({ client: stranger, body: { login: who, password, tenant_id: home.tenant.id } }))
		me = { client: client({ token: bound.content.access_token }) }
		refused(await api.tenantGet({ ...me, headers: { 'X-Tenant-Id': home.tenant.id } }), 400, 'unwanted_tenant')
	}

	const plain = ok(await api.itemCreate({ ...me, body: { name: 'Postcard', price_cents: 90, description: null } })).content.item
	assert.equal(plain.description, null)
	const poster = ok(await api.itemCreate({ ...me, body: { name: 'Poster', price_cents: 1500, description: 'Two colours' } })).content.item
	assert.equal(poster.description, 'Two colours')

	const path = { item_id: poster.id }
	const read = await api.itemGet({ ...me, path })
	assert.deepEqual(ok(read).content.item, poster)
	const tag = read.response?.headers.get('ETag') ?? ''
	const again = await api.itemGet({ ...me, path, headers: { ...me.headers, 'If-None-Match': tag } })
	assert.equal(again.response?.status, 304)
	refused(await api.itemGet({ ...me, path: { item_id: 'item-00000000-0000-4000-8000-000000000000' } }), 404, 'not_found')

	const dearer = await api.itemUpdate({ ...me, path, headers: { ...me.headers, 'If-Match': tag }, body: { price_cents: 1800 } })
	assert.deepEqual([ok(dearer).content.item.price_cents, ok(dearer).content.item.description], [1800, 'Two colours'])
	refused(await api.itemUpdate({ ...me, path, headers: { ...me.headers, 'If-Match': tag }, body: { description: null } }), 412, 'precondition_failed')
	const fresh = dearer.response?.headers.get('ETag') ?? ''
	const bare = ok(await api.itemUpdate({ ...me, path, headers: { ...me.headers, 'If-Match': fresh }, body: { description: null } }))
	assert.equal(bare.content.item.description, null)

	const events = ok(await api.auditEventList({ ...me, query: { entity_id: poster.id } })).content
	const shown = events.map(({ action, actor_id, before, after }) => [action, actor_id, before?.['description'], after?.['description'], before?.['price_cents']])
	assert.deepEqual(shown, [
		['item.update', home.user_id, 'Two colours', null, undefined],
		['item.update', home.user_id, undefined, undefined, 1500],
		['item.create', home.user_id, undefined, 'Two colours', undefined],
	])
	assert.equal(events[2]?.before, null)

	const bio = '<p>Prints <strong>posters</strong> &amp; <a href="https://example.com/" title="Shop">more</a></p>'
	assert.equal(ok(await api.userUpdate({ ...me, path: { user_id: home.user_id }, body: { bio } })).content.user.bio, bio)

	const lines = '{"name":"Linocut","price_cents":4000,"description":null}\n{"name":"Etching","price_cents":9000,"description":"1, of 20"}\n'
	assert.equal(ok(await api.itemImport({ ...me, body: await file(lines) })).content.imported, 2)
	const table = 'name,description,price_cents\nWoodcut,"Pear, ""quoted""",7000\n'
	const csv = { ...me, headers: { ...me.headers, 'Content-Type': 'text/csv' } } // the client names the first type of the two by itself
	assert.equal(ok(await api.itemImport({ ...csv, body: await file(table) })).content.imported, 1)

	const want = ['Etching', 'Linocut', 'Postcard', 'Poster', 'Woodcut']
	const names: string[] = []
	for (let cursor: string | null | undefined; cursor !== null; ) {
		const list = ok(await api.itemList({ ...me, query: { page_size: 2, sort: 'name', ...(cursor === undefined ? {} : { cursor }) } }))
		names.push(...list.content.map(item => item.name))
		cursor = list.page.next
	}
	assert.deepEqual(names, want)

	const download = async (format: 'ndjson' | 'csv') => {
		const answer = await api.itemExport({ ...me, query: { format, sort: 'name' }, parseAs: 'blob' }) // else text/csv is a string, whatever its type says
		return (await ok(answer).text()).trimEnd().split('\n')
	}
	assert.deepEqual((await download('ndjson')).map(line => (JSON.parse(line) as api.Item).name), want)
	const [columns, ...rows] = await download('csv')
	assert.equal(columns, 'id,tenant_id,name,description,price_cents,created_at,updated_at')
	assert.match(rows[4] ?? '', /^item-.*,Woodcut,"Pear, ""quoted""",7000,/)
	assert.equal(rows.length, want.length)

	const made = ok(await api.apiKeyCreate({ ...me, body: { name: 'Price list', scopes: ['items:read'] } })).content
	ok(await api.apiKeyCreate({ ...me, body: { name: 'Price list' } }))
	assert.ok(made.key)
	const program = { client: client({ key: made.key }) }
	assert.equal(ok(await api.itemList(program)).content.length, want.length)
	refused(await api.itemDelete({ ...program, path }), 403, 'permission_denied')
	assert.equal(ok(await api.apiKeyRevokeAll(me)).content.revoked, 2)
	refused(await api.itemList(program), 401, 'invalid_token')
}

try {
	await converse('header')
	await converse('derived')
} finally {
	await rm(folder, { recursive: true })
}
