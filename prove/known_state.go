package prove

import (
	"maps"
	"slices"
	"strings"
)

// Folders whose code never runs where tenants are served, and why. Who may import them, importable says.
var servesNobody = map[string]string{
	"prove":     "it reads files, and serves nobody",
	"cmd/prove": "the same",
	"localpg":   "it starts a PostgreSQL for rowhouse dev, before anybody is served",
}

// The types that everything else of a server hangs on.
var long = set("handlers.Server tenancy.Database auth.Tokens auth.Passwords mail.Outbox")

// What belongs to one request, or to one transaction of it: whatever takes it is called anew for each.
var perRequest = set(`handlers.exchange handlers.answer handlers.field handlers.grammar tenancy.Caller tenancy.Tx tenancy.trip tenancy.scope`)

// The same, of other packages.
var requests = set("net/http.Request net/http.ResponseWriter github.com/gin-gonic/gin.Context")

// Initialisers of variables that nothing changes.
var unchanging = set("errors.New regexp.MustCompile")

// Values of other packages that nobody changes but by assigning another.
var values = set("time.Time time.Duration net/netip.Addr net/netip.Prefix")

// Types of which whoever needs a value makes one; none may be kept behind a pointer.
var passing = set(`handlers.List handlers.Page handlers.document handlers.Date ids.ID tenancy.rows tenancy.dbtx db.Queries auth.accessClaims`)

// Packages of which every function only reads what it is given.
var onlyReads = set("strings strconv errors unicode path cmp")

// Functions that only read what they are given.
var onlyRead = set(`slices.Contains slices.ContainsFunc slices.Index slices.IndexFunc slices.Clone slices.Concat maps.Keys maps.Clone
	slices.Sorted slices.Values slices.Equal`)

// Methods of other packages that only read.
var readers = set("MatchString FindStringSubmatch FindAllStringSubmatch FindAllStringSubmatchIndex String Error EncodeToString DecodeString Lock Unlock RLock RUnlock Load")

// Functions after which something goes on.
var goesOn = set("time.AfterFunc context.AfterFunc runtime.SetFinalizer runtime.AddCleanup time.NewTicker time.Tick")

// What package os has that leaves nothing behind.
var harmlessOS = set(`Getenv LookupEnv Environ Exit Args Stdin Stdout Stderr Getpid Interrupt Signal File ErrNotExist ErrExist ErrDeadlineExceeded
	ErrClosed Process ProcessState FileInfo FileMode PathError`)

// Methods and fields by which something stays with a connection, or is changed unseen.
var clings = set("CustomData ConnContext ConnState BaseContext RegisterOnShutdown TLSNextProto SetMapIndex Jar")

// Names that begin as if they set something for the process, and do not.
var settled = set("log/slog.Handler net/http.Handler net/http.HandlerFunc")

// Headers by which an answer is kept, or told from others that are kept, in small letters.
var keeping = set("cache-control expires pragma vary etag last-modified age surrogate-control x-accel-expires edge-control x-litespeed-cache-control cloudflare-cdn-cache-control cdn-cache-control set-cookie surrogate-key clear-site-data")

// What every function may use that outlives a request: it is changed by those alone that are listed below.
var open = set(`handlers.Server.log mail.Outbox.log handlers.Server.config handlers.Server.doors handlers.endpoint.input`)

// What outlives a request, each with the hash of its text, by why no other tenant ever sees anything of it. A hash that is no longer right
// says that somebody has to look again.
var lasting = merged(listing(false, []struct{ why, entries string }{
	{"memory in which passwords are hashed: each hash writes all of it before it reads any, and the last one out empties it", `
		auth.Passwords.Hash b5b7e7db  auth.Passwords.Verify 1a60d026  auth.Passwords.gate d144d0f8  auth.gate.enter 97d178dc
		auth.gate.gone b454f2ae  auth/argon2.Memory.blocks 871f6792  auth/argon2.Memory.oneLane 5fce8a0d`},
	{"what the processor can do, and a block of zeros that is never written", `
		auth/argon2.fast 7678665d  auth/argon2.zero 41577338`},
	{"the costs of hashes, and the function that makes them, as they are written here", `
		auth.Passwords.key 80780714  auth.current 4a171d35  auth.dummyHash dcb90876  auth.encode 7135e7ef  auth.least 9260c4a6
		auth.most 42b9a2d2`},
	{"an encoding or a profile of another package, which has no state that its methods change", `
		auth.NormalizeEmail 6f21bed7  auth.SecretShape c35a7835  auth.domains 9d45bcd7  auth.secretEncoding 4ecd7063
		auth.seedEncoding 8a795ce6`},
	{"the list of common passwords out of a file of the program, made once and only looked up", `
		auth.CheckPassword 6a9e6fd8  auth.commonPasswords aa623fb1`},
	{"it keeps what a verified token says under the SHA-256 of the whole token: who sends the same bytes is who the token " +
		"names; tenant, account and session in it are asked of the database each time", `
		auth.NewTokens 1a9e8674  auth.Tokens.Verify e575a131  auth.Tokens.verified 8019dd6a`},
	{"the keys of the installation, read at start: they sign for all tenants alike, and are changed by no request", `
		auth.ParseKeys 79d3d818  auth.Tokens.Sign c2c2f34a  auth.Tokens.keys 84832179  auth.Tokens.now c024cca4  auth.Tokens.parser dab6a048
		auth.Tokens.verifiers cf8f7c28
		auth.Tokens.JWKS 305d1429  auth.Tokens.Secrets e83e21f1`},
	{"buffers that were written to a client: render writes from their first byte and keeps the length, so that what is " +
		"behind it is never seen, and written gives them back when the answer is out", `
		handlers.bodies 22410590  handlers.exchange.render abcb6733  handlers.exchange.written 61cfce9c`},
	{"how the JSON of a type is written, by Go type; it holds functions, and no value of any row", `
		handlers.appendJSON d35cc200  handlers.encodeStruct 1dadb97d  handlers.encoders 7433a8da`},
	{"the one place where an answer's Cache-Control is set: no-store, or private and to be asked again with the ETag, which " +
		"is a hash of this answer's own content", `
		handlers.answer.write 48409f5a  handlers.exchange.appendBody cb6802f5`},
	{"it makes a new exchange of each request, and compares If-None-Match with the ETag of the answer that was made for it", `
		handlers.Server.handle f5ebed68`},
	{"Vary and the time of the last line in the log about a strange origin; no tenant is known there", `
		handlers.Server.cors fe8e2daf  handlers.Server.strangers 2321803a`},
	{"a spool has a random name, which is taken away before the first byte is written, and ends with the request", `
		handlers.download 8885b226  handlers.newSpool e45cec96  handlers.upload 5d8c57e7`},
	{"it is called by download and by spooled within a request, and its lines begin anew with each page", `
		handlers.csvWriter 284adf5b  handlers.ndjsonWriter 0195f4ca`},
	{"how many requests each credential, or address, has made lately: by session, by key's hash or by subscriber's address, " +
		"which are each one person's; it holds a number", `
		handlers.limiter.allow 63cf5687  handlers.limiter.macs b429d49e  handlers.limiter.requests 0713a9e6  handlers.limiter.seen d2f427fa
		handlers.Server.keys 1d15c481`},
	{"when an account's refusal was last noted, by account; what goes on holds the caller that was refused, by value, and " +
		"writes a line about him alone", `
		handlers.Server.refusals 945827fa  handlers.Server.refuse 44540d50  handlers.newRefusalLog 0ffe9623
		handlers.refusalLog.pending 32eba395`},
	{"whether the server is fit to serve, and when it was last looked at; no tenant is known there", `
		handlers.Server.Drain ebdd765c  handlers.Server.draining 912dddf1  handlers.Server.readiness f39642ef
		handlers.Server.readyz b197bffd  handlers.readiness.Mutex efea4f72`},
	{"letters that wait to be sent, each a function with its own recipient; a worker takes one, runs it once, and keeps nothing of it", `
		mail.NewOutbox 2f59a909  mail.Outbox.Close 2585569c  mail.Outbox.Reserve 4f552989  mail.Outbox.cancel a3ff171a
		mail.Outbox.ctx 0a227b22  mail.Outbox.deliver 45b01dc6  mail.Outbox.idle 1794c6ce  mail.Outbox.left ff93bc3d
		mail.Outbox.places 9f8a1734  mail.Outbox.posting 6514c2ea  mail.Outbox.queue dc5ac19f  mail.Outbox.sender 8ab7b620`},
	{"texts of statements as they are in db, and the shapes of lists: words and NULLs, never a value", `
		tenancy.Database.asList 2974bf87  tenancy.Database.count 0ff7298b  tenancy.Database.prepare da5fbdcf
		tenancy.Database.prepared be051999  tenancy.Database.remember 51d63d64  tenancy.Database.shapes fa4a4dcc
		tenancy.shapes.count 8d603703  tenancy.shapes.made df032e2f  tenancy.shapes.of accc8199`},
	{"the connections: bindings are local to a transaction, and what a connection keeps of its own is the number of its generation", `
		tenancy.Database.Close b3116a9e  tenancy.Database.acquire 2a2c4fd5  tenancy.Database.generation 4861bd5b
		tenancy.Database.outcome cbb2e4c7  tenancy.Database.pool 44c0fc35  tenancy.Open ca0a9383`},
	{"why the last attempt to connect failed, in the server's words; the log alone shows it", `
		tenancy.Database.refused 71928e15  tenancy.refused.TraceConnectEnd bbf932de  tenancy.refused.last b6daacf3`},
	{"since when which connection has waited, and who is queued for one: times and numbers, and no byte of what goes through", `
		tenancy.Database.Reach 0dd8cf9d  tenancy.Database.Warm 71cd4476  tenancy.Database.inquire fc915889  tenancy.Database.look cb3e9d13
		tenancy.Database.lookAlone 0519b5a3  tenancy.Database.lookAtQueues 1cba526b  tenancy.Database.run 7c448ee4
		tenancy.Database.start a65d4d7c  tenancy.Database.watch b92fd9ad  tenancy.link.Close f4ace10f  tenancy.link.Conn 0b61c1df
		tenancy.link.Read d30ffb86  tenancy.link.end 6ac5115d  tenancy.link.giveUp ddd9b73d  tenancy.link.readable 1b78b7c0
		tenancy.link.reads 02ce5bc4  tenancy.link.server ca4050ef  tenancy.link.since fdf18587  tenancy.link.waited 02a338e9
		tenancy.link.watch 5dc2f785  tenancy.link.why cd6d7d6d  tenancy.newCrowd 4526ebc7  tenancy.newQuestion b243b33f
		tenancy.newQueue 1ea60917  tenancy.question.answered 4769a08e  tenancy.question.close 4944cbf1  tenancy.question.to 20e53bf9
		tenancy.queue.Context e30d9213  tenancy.queue.leave e5f83a6e  tenancy.queue.refuse 444a2258  tenancy.queue.waiting 81bb5b61
		tenancy.server.asked 459faed1  tenancy.server.heard 0ac86951  tenancy.server.links d60cee68  tenancy.server.look 5e4310e5
		tenancy.server.rest 28d2347a  tenancy.sockaddr 0d999cbe  tenancy.sslRequest 62fc0563  tenancy.watch.begin d9f0e7ea
		tenancy.watch.dial 252195b5  tenancy.watch.end 2aab3fdf  tenancy.watch.enter b94f4a32  tenancy.watch.leave df5278ff
		tenancy.watch.line 323a4668  tenancy.watch.mu 9828eed5  tenancy.watch.now b090e6fd  tenancy.watch.once e6de9669
		tenancy.watch.open 9b1edbad  tenancy.watch.over 33188b22  tenancy.watch.queue d2fb4e58  tenancy.watch.queues 6f7d249d
		tenancy.watch.servers 39201fd5`},
	{"a command that makes the demonstration, for nobody", `
		cmd/rowhouse.seed 65d02af0`},
	{"the configuration, read at start and changed by no request", `
		handlers.Server.config 671ea2d6`},
}), listing(true, loosely))

// What outlives a request and is changed by none: the hash is of the ways in which it does, so that a row more of the route table, or a
// field more of the configuration, is nothing to look at.
var loosely = []struct{ why, entries string }{
	{"the fields of an input struct, by Go type; it holds tags, and no value of any request", `
		handlers.fieldsOf 14a69744  handlers.inputs 27054357`},
	{"files of the program for the documentation page, the same for everybody", `
		handlers.asset d9d1dc3d  handlers.assetAnswer 0e72e8b0  handlers.docs 5a8b16a6  handlers.docsFiles 8e161016
		handlers.docsPages b5bfe6c6
		handlers.forms.of 1afd3231`},
	{"the public keys and the description of the API, the same for everybody; no tenant is known there", `
		handlers.Server.roots 627d9b99  handlers.publicScope 0aec47fb`},
	{"it describes the API, or repeats the ETag of the row that this request has read", `
		handlers.OpenAPI db35a425  handlers.answerHeaders 34514865  handlers.changing 8be103f7  handlers.document.operation ca4a76b2
		handlers.document.requestContent 90c93e05  handlers.document.rootOperations 49ac1599
		handlers.document.success a806925e  handlers.noSecurity f9c305fa  handlers.parameters a4eac5ae  handlers.particular 231a355c
		handlers.refusals 54dab59a  handlers.security dcf4594a  handlers.securityByKey eabb82fe  handlers.securitySchemes a4eac5ae
		handlers.wrongValues 06ff7652
		handlers.document.refusal d32aae7f  handlers.otherwise 27eaaa36`},
	{"refusals as they are written here; who adds a field or a header to one does it to a copy", `
		handlers.Error.Fields 46dfb5d8  handlers.Error.header 59e5e927  handlers.Error.with 7dbf5f8f  handlers.broken e29ec463
		handlers.checkContentType bd256479  handlers.decode bd256479  handlers.errReference 4daf8590  handlers.reference 83e0c77f
		handlers.refusal 6f93bab8  handlers.refusedBy b8c31c33`},
	{"rules of other packages, made at start; what they are given they do not keep", `
		handlers.Server.write 0db791d0  handlers.field.checkValue a64d39c3  handlers.lenient 96741e4b  handlers.longer ea643857
		handlers.overEscaped e1845bf5  handlers.readObject ea643857  handlers.richPolicy f3000412  handlers.sanitize 4d9031e1
		handlers.validate 806c8237`},
	{"made at start and changed by no request; what these hold themselves is listed by itself", `
		handlers.List.open c3f827f6  handlers.New a31553b7  handlers.Page[T].page 2a54ebdd  handlers.Server.ServeHTTP f0d05caa
		handlers.Server.cursors 26068c21  handlers.Server.document e3b0c442  handlers.Server.doors e3b0c442
		handlers.Server.engine eb8c8817  handlers.Server.fingerprints e22493df  handlers.Server.limiter e3b0c442
		handlers.Server.mail e3b0c442  handlers.Server.passwords e3b0c442  handlers.Server.proxies 7aa8a1b8  handlers.Server.serve db7e2000
		handlers.Server.tokens e3b0c442  handlers.Server.words 9663a3be  handlers.exchange.once f52aebec`},
	{"lines go to the operator, and are read by no request", `
		handlers.Server.log 722dc07c  mail.Log f4bff2c5  mail.Nowhere 6c6b226c  mail.Outbox.log e3b0c442`},
	{"the route table: adapters make it once, before anybody asks, and what they capture is the handler and its permission; " +
		"a request's variables are within the function that takes its exchange", `
		handlers.Route.endpoint e3b0c442  handlers.account acd54805  handlers.accountChange 57281e33  handlers.accountEntry 7746b82d
		handlers.atomic bd256479  handlers.change bd256479  handlers.distinct 66b298e5  handlers.endpoint.accepts 0f5a5c44
		handlers.endpoint.input e66e5c2c  handlers.endpoint.line 365cd2b0  handlers.endpoint.output f7e04866
		handlers.endpoint.produces 70bcec65  handlers.endpoint.run 7384c35e  handlers.need bd256479  handlers.open bd256479
		handlers.provision bd256479  handlers.routes 86d9b51a  handlers.session bd256479  handlers.single ae00cc85
		handlers.welcoming bd256479  handlers.whoever bd256479`},
	{"how to reach the mail server, read at start; a letter's connection is closed when it is sent", `
		mail.SMTP bd256479  mail.smtpSender.Send dcfc4df4  mail.smtpSender.compose 65adfa9d  mail.smtpSender.dial e3b0c442
		mail.smtpSender.from f0f9f8b8  mail.smtpSender.starttls 51ec3910  mail.smtpSender.tls 41ff699c`},
	{"the migrations, the settings and what the catalogue must be, as files of the program; they are only read", `
		sql.Latest 0ad42472  sql.Migrations c42a4340  sql.Settings 9657c037  sql.files 562cc78b`},
	{"the start and the end of the process; it is called once, and no request comes through", `
		cmd/rowhouse.claim 8f514aa6  cmd/rowhouse.main b0aeb2fc  cmd/rowhouse.serve 0b064bf2`},
	{"a command of the operator: it serves nobody", `
		cmd/rowhouse.createMigration 76c44162  cmd/rowhouse.devKeys 6b177c92  cmd/rowhouse.operate bd256479
		cmd/rowhouse.readPassword b0aeb2fc  cmd/rowhouse.resetPasswordCommand 3ddc50e0
		cmd/rowhouse.tenantCommand 3f854292
		cmd/rowhouse.demoTenants f0ab0e8e  cmd/rowhouse.welcome 70917cff`},
}

// listing makes the list: of texts, or of ways.
func listing(loose bool, groups []struct{ why, entries string }) map[string]lasts {
	all := map[string]lasts{}
	for _, group := range groups {
		for pair := range slices.Chunk(strings.Fields(group.entries), 2) {
			all[pair[0]] = lasts{pair[1], group.why, loose}
		}
	}
	return all
}

func merged(all, more map[string]lasts) map[string]lasts {
	maps.Copy(all, more)
	return all
}
