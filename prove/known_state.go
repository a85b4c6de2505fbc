package prove

import (
	"maps"
	"slices"
	"strings"
)

// Folders whose code never runs where tenants are served, and why. Who may import them, importable says.
var servesNobody = map[string]string{
	"prove":       "it reads files, and serves nobody",
	"cmd/prove":   "the same",
	"cmd/release": "it reads tags and subjects of commits, and serves nobody",
	"localpg":     "it starts a PostgreSQL for rowhouse dev, before anybody is served",
}

// The types that everything else of a server hangs on.
var long = set("rest.Server tenancy.Database auth.Tokens auth.Passwords jobs.Worker")

// What belongs to one request, or to one transaction of it: whatever takes it is called anew for each.
var perRequest = set(`rest.exchange rest.answer rest.Field tenancy.Caller tenancy.Tx tenancy.trip tenancy.scope archive.renamer rest.paced`)

// The same, of other packages.
var requests = set("net/http.Request net/http.ResponseWriter github.com/gin-gonic/gin.Context")

// Initialisers of variables that nothing changes.
var unchanging = set("errors.New regexp.MustCompile")

// Values of other packages that nobody changes but by assigning another.
var values = set("time.Time time.Duration net/netip.Addr net/netip.Prefix")

// Types of which whoever needs a value makes one; none may be kept behind a pointer.
var passing = set(`rest.List rest.Page rest.document rest.Date ids.ID tenancy.rows tenancy.dbtx db.Queries auth.accessClaims auth.outsideClaims`)

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
var open = set(`handlers.App.config rest.Server.log rest.Server.config rest.Server.doors rest.Endpoint.Input`)

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
		auth.seedEncoding 8a795ce6  auth.partEncoding 5bc30766`},
	{"the list of common passwords out of a file of the program, made once and only looked up", `
		auth.CheckPassword 6a9e6fd8  auth.commonPasswords aa623fb1`},
	{"it keeps what a verified token says under the SHA-256 of the whole token: who sends the same bytes is who the token " +
		"names; tenant, account and session in it are asked of the database each time", `
		auth.NewTokens 1a9e8674  auth.Tokens.Verify e575a131  auth.Tokens.verified 8019dd6a`},
	{"outside issuers as the configuration names them, read at start and changed by no request", `
		auth.Issuer.Audiences 4b468e86  auth.Issuer.Parties 5fdac1e8  auth.Issuer.Algorithms ee39ccd6  auth.Issuer.Problems 80fc5025  auth.ParseIssuers 4a91cb3a  auth.Issuers.byURL 61850705
		auth.outside.Issuer 39e02c46  auth.outside.keys 18406831  auth.NewIssuers 8fd0c4de  auth.outside.verify bd41cb05  auth.outside.parser dab6a048  auth.keySet.issuer 9fdb0393  auth.keySet.fetch 821749ed  auth.keySet.now c024cca4  auth.keySet.log 2e049df5
		cmd/rowhouse.config.clerkIssuer 54ca7298  auth.ParseHookSecret 2d363114`},
	{"the public keys of an outside issuer, as it tells them to everybody, and when it was last asked; whose tokens they verify is in none of it", `
		auth.keySet.known dc3eff01  auth.keySet.mu 9828eed5  auth.keySet.limiter 9dbc8136  auth.keySet.asking a39e682f  auth.keySet.look c7d7c8b8  rest.Fetch 39a76c59  auth.keySet.ask 7b8ed0bb  rest.fetcher fbe267fe`},
	{"the account and the session that an identity of an outside issuer was linked to, under the SHA-256 of its issuer and its subject, which a verified " +
		"token has named: who sends such a token is who it names; account and session are asked of the database each time", `
		rest.Server.identities 3483600c  rest.exchange.known 7a4d6209  rest.exchange.look a7374811  rest.API.Identify 6fffa23f`},
	{"the hooks of outside services, as they are written here; a message is an argument", `
		rest.Hook.Refuses 42fe1e0a  rest.Hook.Ready feb44b22  rest.Hook.Take afa19031  rest.Hook.heed cb2c3eee  rest.API.Hooks 90ad3c67  handlers.clerkHook e40ac944`},
	{"the keys of the installation, read at start: they sign for all tenants alike, and are changed by no request", `
		auth.ParseKeys 79d3d818  auth.Tokens.Sign c2c2f34a  auth.Tokens.keys 84832179  auth.Tokens.now c024cca4  auth.Tokens.parser dab6a048
		auth.Tokens.verifiers cf8f7c28
		auth.Tokens.JWKS 305d1429  auth.Tokens.Secrets e83e21f1`},
	{"buffers that were written to a client: render writes from their first byte and keeps the length, so that what is " +
		"behind it is never seen, and written gives them back when the answer is out", `
		rest.bodies 22410590  rest.exchange.render abcb6733  rest.exchange.written 61cfce9c`},
	{"how the JSON of a type is written, by Go type; it holds functions, and no value of any row", `
		rest.AppendJSON d9ae5ba7  rest.encodeStruct 1dadb97d  rest.encoders 7433a8da`},
	{"the one place where an answer's Cache-Control is set: no-store, or private and to be asked again with the ETag, which " +
		"is a hash of this answer's own content", `
		rest.answer.write 48409f5a  rest.exchange.appendBody 94031e8d`},
	{"it makes a new exchange of each request, and compares If-None-Match with the ETag of the answer that was made for it", `
		rest.Server.handle 05539547`},
	{"Vary and the time of the last line in the log about a strange origin; no tenant is known there", `
		rest.Server.cors fe8e2daf  rest.Server.strangers 2321803a`},
	{"a spool has a random name, which is taken away before the first byte is written, and ends with the request", `
		rest.Download 88b16d6e  rest.newSpool e45cec96  rest.Upload e538ef0f`},
	{"it is called by download and by spooled within a request, and its lines begin anew with each page", `
		rest.csvWriter 3f642093  rest.ndjsonWriter c70826a4`},
	{"how many requests each credential, or address, has made lately: by session, by key's hash or by subscriber's address, " +
		"which are each one person's; it holds a number", `
		rest.limiter.allow fcee3695  rest.limiter.requests 0713a9e6  rest.limiter.seen d2f427fa
`},
	{"how many requests of each tenant were answered that its quota has not been told of, by tenant; what goes on holds the tenant's id, by value, " +
		"and writes a number into its own row", `
		rest.Server.tallies 89b38b95  rest.tallies.writing a2e5fbf2  rest.tally.mu 9828eed5  rest.Server.tally 871475c1
		rest.Server.Counted c4ab6db0`},
	{"when an account's refusal was last noted, by account; what goes on holds the caller that was refused, by value, and " +
		"writes a line about him alone", `
		rest.Server.refusals 945827fa  rest.Server.Note 4b7b07d0  rest.newRefusalLog 0ffe9623
		rest.Server.Noted 88abedc9
		rest.refusalLog.pending 32eba395`},
	{"whether the server is fit to serve, and when it was last looked at; no tenant is known there", `
		rest.Server.Drain ebdd765c  rest.Server.draining 29311e42  rest.Server.readiness f39642ef
		rest.Server.readyz efb55d41  rest.readiness.Mutex efea4f72`},
	{"texts of statements as they are in db, and the shapes of lists: words and NULLs, never a value", `
		tenancy.Database.asList 2974bf87  tenancy.Database.count 0ff7298b  tenancy.Database.prepare da5fbdcf
		tenancy.Database.prepared be051999  tenancy.Database.remember 7fee2a66  tenancy.Database.shapes fa4a4dcc
		tenancy.shapes.count 8d603703  tenancy.shapes.made df032e2f  tenancy.shapes.of accc8199`},
	{"the connections: bindings are local to a transaction, and what a connection keeps of its own is the number of its generation", `
		tenancy.Database.Close b3116a9e  tenancy.Database.acquire 5ee1c039  tenancy.Database.generation 4861bd5b
		tenancy.Database.outcome cbb2e4c7  tenancy.Database.pool 44c0fc35  tenancy.Open 65e411f9`},
	{"what the operator sees of the process, made at its start: numbers under names out of the program, and spans of such names that wait to be " +
		"sent to his collector; no request reads any of it", `
		telemetry.counts.registry 23afcce5  telemetry.counts.requests 90e2126e  telemetry.counts.requestSeconds c51242c4
		telemetry.counts.refusals cc4fb719  telemetry.counts.limited d3d5e223  telemetry.counts.hooks dfef0ac1
		telemetry.counts.tenants 7fb82c8b  telemetry.counts.trips cf743221  telemetry.counts.tripSeconds 2e8728c1
		telemetry.counts.tripErrors d5d63512  telemetry.counts.unreached 003882e3  telemetry.counts.jobs 74864b4e
		telemetry.counts.jobSeconds dab768da  telemetry.counts.deliveries c1f7891a  telemetry.counts.deliverySeconds ee100722
		telemetry.Telemetry.counts c74257da  telemetry.Telemetry.tracer b81cfaf6  telemetry.Telemetry.provider 9031aa6f
		tenancy.Database.Telemetry 8c5926b8  tenancy.Database.Observe ab8a301f  tenancy.stateOf c4d99a78
		telemetry.newCounts 4dbbfc95  telemetry.counts.request 5beaaf64  telemetry.counts.trip f947e5e7
		telemetry.Telemetry.Pool 008742c9  telemetry.Telemetry.Passwords 373ce209  telemetry.Telemetry.HTTP 63e993e6
		telemetry.New 3e1b0dd8  telemetry.Telemetry.Close ef03d35a  telemetry.Telemetry.Request b35c0b44
		telemetry.Telemetry.Trip 6e87bbca  telemetry.Telemetry.Unreached f4dc5503  telemetry.Telemetry.Limited 0122a84b
		telemetry.Telemetry.Hook 5984b9cf  telemetry.Telemetry.Job 93ce2690  telemetry.Job.End 36bcaeae
		telemetry.Telemetry.Delivery 5d059e14  telemetry.Delivery.End bd14a0c4
		telemetry.counts.passes 4a93795c  telemetry.counts.passesMissed 08dbd104
		telemetry.counts.passesHit 08dbd104  telemetry.Telemetry.Pass 3e12fd1d`},
	{"how many requests the busiest tenants have made, by the id of each, and all others together: numbers, for the operator, which no request reads", `
		telemetry.tenants.desc b90ce219  telemetry.tenants.mu 9828eed5  telemetry.tenants.shown 0fd3c575
		telemetry.tenants.candidates e00f51a7  telemetry.tenants.count 322959fe
		telemetry.tenants.choose 210aa7d0  telemetry.tenants.Describe 6244352e  telemetry.tenants.Collect d1e86f37`},
	{"it hands spans to the collector, and tells the log how many were lost", `
		telemetry.told.SpanExporter 44983719  telemetry.told.log 2e049df5
		telemetry.told.ExportSpans bfa1118f`},
	{"the address of the operator, from the start of the process to its end; no request comes through", `
		cmd/rowhouse.observed 52f491e2`},
	{"why the last attempt to connect failed, in the server's words; the log alone shows it", `
		tenancy.Database.refused 71928e15  tenancy.refused.TraceConnectEnd bbf932de  tenancy.refused.last b6daacf3`},
	{"since when which connection has waited, and who is queued for one: times and numbers, and no byte of what goes through", `
		tenancy.Database.Reach 7924a5c3  tenancy.Database.Warm 71cd4476  tenancy.Database.inquire fc915889  tenancy.Database.look 2dca2e02
		tenancy.Database.lookAlone 0519b5a3  tenancy.Database.lookAtQueues 1cba526b  tenancy.Database.run 7c448ee4
		tenancy.Database.start a65d4d7c  tenancy.Database.watch b92fd9ad  tenancy.link.Close f4ace10f  tenancy.link.Conn 0b61c1df
		tenancy.link.Read d30ffb86  tenancy.link.end 6ac5115d  tenancy.link.giveUp 1b3ad39b  tenancy.link.readable 1b78b7c0
		tenancy.link.reads 02ce5bc4  tenancy.link.server ca4050ef  tenancy.link.since fdf18587  tenancy.link.waited 02a338e9
		tenancy.link.watch 5dc2f785  tenancy.link.why cd6d7d6d  tenancy.newCrowd 4526ebc7  tenancy.newQuestion b243b33f
		tenancy.newQueue 1ea60917  tenancy.question.answered 4769a08e  tenancy.question.close 4944cbf1  tenancy.question.to 20e53bf9
		tenancy.queue.Context e30d9213  tenancy.queue.leave e5f83a6e  tenancy.queue.refuse 444a2258  tenancy.queue.waiting 81bb5b61
		tenancy.server.asked 459faed1  tenancy.server.heard 0ac86951  tenancy.server.links d60cee68  tenancy.server.look 5e4310e5
		tenancy.server.rest 28d2347a  tenancy.sockaddr 0d999cbe  tenancy.sslRequest 62fc0563  tenancy.watch.begin e7d1415d
		tenancy.watch.dial 9dc5ce3c  tenancy.watch.end 2aab3fdf  tenancy.watch.enter b94f4a32  tenancy.watch.leave df5278ff
		tenancy.watch.line 323a4668  tenancy.watch.mu 9828eed5  tenancy.watch.now b090e6fd  tenancy.watch.once e6de9669
		tenancy.watch.open 9b1edbad  tenancy.watch.over 33188b22  tenancy.watch.queue d2fb4e58  tenancy.watch.queues 6f7d249d
		tenancy.watch.ready 3ac31154  tenancy.watch.servers 39201fd5`},
	{"a command that makes the demonstration, for nobody", `
		cmd/rowhouse.demoClients 625469ab  cmd/rowhouse.demoStudio 4e2e745d  cmd/rowhouse.demoWeek f0f0ddf3  cmd/rowhouse.seed 3f1f6785`},
	{"the configuration, read at start and changed by no request", `
		rest.Server.config 671ea2d6`},
}), listing(true, loosely))

// What outlives a request and is changed by none: the hash is of the ways in which it does, so that a row more of the route table, or a
// field more of the configuration, is nothing to look at.
var loosely = []struct{ why, entries string }{
	{"the fields of an input struct, by Go type; it holds tags, and no value of any request", `
		rest.FieldsOf 14a69744  rest.inputs 0e4111c7`},
	{"files of the program for the documentation page, the same for everybody", `
		rest.asset d9d1dc3d  rest.assetAnswer 0e72e8b0  rest.docs 5a8b16a6  rest.docsFiles 4a94d1c5
		rest.docsPages 92e0b4b4
		rest.forms.of 1afd3231`},
	{"the public keys and the description of the API, the same for everybody; no tenant is known there", `
		rest.Grantable 55af313d  handlers.API 5a8b16a6  handlers.rules e4b9dbd5  handlers.tagged d669fb96  handlers.summaries e4b9dbd5  handlers.eventNames f19dd5fa  handlers.webhookFields.Problems d32d7ac3  handlers.fieldCodes e4b9dbd5  handlers.hints e4b9dbd5
		rest.API.Rules d42111d4  rest.API.Tags e3b0c442  rest.API.FieldCodes e3b0c442  rest.API.Summaries e3b0c442  rest.API.Hints e3b0c442
		rest.Server.roots 627d9b99  rest.PublicScope 0aec47fb`},
	{"it describes the API, or repeats the ETag of the row that this request has read", `
		rest.API.OpenAPI ef873ca0  rest.answerHeaders d554ca69  rest.changing 1d923a3a  rest.document.operation 7fe5daff
		rest.document.requestContent 8547a102  rest.document.rootOperations 49ac1599
		rest.document.success 4eb6bee4  rest.noSecurity 3c699b90  rest.parameters ade3be93
		rest.API.refusals a07ba943  rest.security 39adf0e7  rest.securityByKey fbd57f41
		rest.API.wrongValues 7087c85d
		rest.document.refusal d32aae7f  rest.otherwise 2e370b6b`},
	{"refusals as they are written here; who adds a field or a header to one does it to a copy", `
		rest.Rule.of b8c31c33  rest.API.told bd256479  rest.API.Refuse 1659158a  rest.Endpoint.Refusing bd256479  rest.Endpoint.Refuses b8beb2a9
		rest.Error.Fields 4c056285  rest.Error.header cc74720b  rest.Error.with 7dbf5f8f  rest.broken 8df15903
		rest.checkContentType bd256479  rest.decode bd256479  rest.ErrReference 5e6e324b
		rest.refusal 6f93bab8`},
	{"rules of other packages, made at start; what they are given they do not keep", `
		rest.Field.checkValue a64d39c3  rest.lenient abdb04f6  rest.longer ea643857
		rest.overEscaped a897794c  rest.readObject ea643857  rest.richPolicy 7765b710  rest.sanitize 4d9031e1
		rest.validate c17f3537`},
	{"made at start and changed by no request; what these hold themselves is listed by itself", `
		rest.Server.api e3b0c442  rest.API.App d50db4e6  rest.New cebc7b5f
		rest.List.open c3f827f6  handlers.New bd256479  rest.Page[T].page 2a54ebdd  rest.Server.ServeHTTP f0d05caa
		rest.Server.cursors be00e748  rest.Server.document e3b0c442  rest.Server.doors e3b0c442
		rest.Server.router e3909ba6  rest.Server.fingerprints 6d907bf9  rest.Server.limiter e3b0c442 rest.Server.Counter e3b0c442
		rest.Server.proxies 120ab528  rest.Server.serve 83e0c77f
		rest.Server.tokens e3b0c442  rest.Server.words 47e80bf5  rest.exchange.once f52aebec`},
	{"lines go to the operator, and are read by no request", `
		rest.Server.log 5ff0ccd9  mail.Log f4bff2c5  mail.Nowhere 6c6b226c`},
	{"the route table: adapters make it once, before anybody asks, and what they capture is the handler and its permission; " +
		"a request's variables are within the function that takes its exchange", `
		rest.Endpoint.app c286fbdb  rest.Endpoint.Unkeyed bd256479  rest.Server.Serve 75090477  rest.API.Guessed e3b0c442  rest.API.Routes 8569445a  rest.Endpoint.Row 60f34b0b
		rest.Route.Endpoint e3b0c442  rest.Account acd54805  rest.AccountChange 57281e33  rest.accountEntry d6b0b769  rest.platformEntry 31c8266c  rest.platformTenantEntry cbf726de  rest.Platform 36872656  rest.PlatformOne 36872656  rest.PlatformDownload 02d5009b  rest.PlatformUpload 1535f354
		rest.Atomic 1535f354  rest.Change bd256479  handlers.distinct 66b298e5  rest.Endpoint.Accepts b74f7dad
		rest.Endpoint.Input 71dea697  rest.Endpoint.Line ef4fa9ca  rest.Endpoint.Output bd1c7228
		rest.Endpoint.Produces 226c5115  rest.Endpoint.As bd256479  rest.Route.isDocument 0e9ea49d  rest.Endpoint.run c77e3190  rest.Need 578089c5  rest.Open 1535f354
		rest.AccountAtomic bd256479  handlers.routes e4b9dbd5  rest.Session bd256479  rest.single ae00cc85
		rest.Welcoming 1535f354  rest.Whoever bd256479
		rest.NeedWith bd256479  rest.ChangeWith bd256479  rest.bound 1659158a
		rest.Endpoint.show 3899226a  rest.Endpoint.Telling bd256479  rest.Endpoint.Untold bd256479  rest.Endpoint.Showing bd256479`},
	{"which addresses, ports and pauses there are, as they are written here", `
		webhooks.refused e3b0c442  webhooks.unicast 9b97e1e7  webhooks.public 8cb6c5e4  webhooks.own b829e5b5  webhooks.Ports 11f0c800
		webhooks.Client.control 3029a7b0  webhooks.Pauses d332bfcf  webhooks.Pause 1659158a  webhooks.NewClient 0bb84a1e`},
	{"how many messages are on their way to each endpoint, by its id: numbers", `
		webhooks.Deliverer.mu e3b0c442`},
	{"how to reach the mail server, read at start; a letter's connection is closed when it is sent", `
		mail.smtpSender.Send dcfc4df4  `},
	{"the migrations, the settings and what the catalogue must be, as files of the program; they are only read", `
		rest.constraints 9b407b32  sql.Constraint.Columns 9b0475c9  sql.Constraint.Min 90cc2eb2  sql.Constraint.Values 3af26c1b  sql.newConstraint b8c31c33
		sql.newIndex 5a8b16a6  sql.Constraint.Max 90cc2eb2  sql.Constraint.limit b8c31c33
		rest.Route.collisions 3e6efdb4  rest.limitsOf 70917cff  rest.document.fieldCodes 70917cff
		sql.Tables c4b98771  sql.Meaning 2bc14963  sql.Columns d32d7ac3  sql.Indexes d32d7ac3
		sql.catalogue e65eaab7  sql.Constraints d32d7ac3  sql.Latest 0ad42472  sql.Migrations c42a4340  sql.Settings 9657c037  sql.files 562cc78b  sql.tables 69ee81e0
		sql.wrongModes e3b0c442`},
	{"the start and the end of the process; it is called once, and no request comes through", `
		cmd/rowhouse.claim 8f514aa6  cmd/rowhouse.main b0aeb2fc  cmd/rowhouse.serve 65f85658 cmd/rowhouse.together b0aeb2fc`},
	{"a worker, made at its start: a job is given its own arguments and keeps nothing of another", `
		jobs.appointmentReminder.mailer e3b0c442
		jobs.invitationMailer.mailer e3b0c442
		jobs.letterMailer.mailer e3b0c442
		jobs.mailer.WorkerDefaults e3b0c442
		jobs.mailer.Worker e3b0c442
		jobs.userWelcomer.mailer e3b0c442
		jobs.webhookMailer.mailer e3b0c442
		jobs.Worker.allowed e24229f0  jobs.Open bd256479  jobs.Worker.Start 2da24bb4  jobs.Worker.Stop 3920c333
		jobs.Worker.Close d799e06a  jobs.watched.Work c6f70c20  jobs.levelled.Enabled 594c2186  jobs.levelled.WithAttrs 7dfdec46
		jobs.levelled.WithGroup aaa8b3d4  mail.smtpSender.compose 65adfa9d  webhooks.Client.Post db935d5e  webhooks.Deliverer.Attempt 436151cd
		webhooks.Deliverer.begin cb318328  webhooks.Deliverer.end d3169763  webhooks.Deliverer.seal 49644951
		jobs.loginsExpirer.WorkerDefaults e3b0c442  jobs.loginsExpirer.Worker e3b0c442
		jobs.tenantExpirer.WorkerDefaults e3b0c442  jobs.tenantExpirer.Worker e3b0c442  jobs.webhookDeliverer.WorkerDefaults e3b0c442  jobs.webhookDeliverer.Worker e3b0c442  jobs.Worker.config 85836a93  jobs.Worker.doors e3b0c442  jobs.Worker.sender e3b0c442  jobs.Worker.counter 3e3005b2
		jobs.Worker.hooks e3b0c442  jobs.Worker.log 6d9b6486  jobs.Worker.queue 561ff39e  jobs.Worker.client 309691f8
		jobs.watched.MiddlewareDefaults e3b0c442  jobs.watched.worker e3b0c442  jobs.levelled.Handler 9e025bdb  mail.smtpSender.from f0f9f8b8
		mail.smtpSender.starttls 51ec3910  mail.smtpSender.tls 41ff699c  mail.smtpSender.dial e3b0c442  mail.SMTP bd256479
		webhooks.Client.ports e3b0c442  webhooks.Client.own e3b0c442  webhooks.Client.http b98bc51a  webhooks.Deliverer.doors e3b0c442
		webhooks.Deliverer.client e3b0c442  webhooks.Deliverer.keys 01bf4e6c  webhooks.Deliverer.show e3b0c442  webhooks.Deliverer.out 324ba39d  webhooks.Deliverer.ofTenant 324ba39d
		jobs.tenantEraser.WorkerDefaults e3b0c442  jobs.tenantEraser.Worker e3b0c442  jobs.tenantEraser.Work 9db9bc2a
		jobs.Worker.archivist e3b0c442  archive.Archivist.signer 113a4dc1  archive.Archivist.verify e4423512  archive.Archivist.Erase 3a58ecb0  archive.Archivist.Export 3a58ecb0`},
	{"a command of the operator: it serves nobody", `
		cmd/rowhouse.createMigration 76c44162  cmd/rowhouse.devKeys 6b177c92  cmd/rowhouse.operate bd256479
		cmd/rowhouse.readPassword b0aeb2fc  cmd/rowhouse.resetPasswordCommand 24fd5d3a
		cmd/rowhouse.accountOf 0beff500  cmd/rowhouse.tenantCommand 3f854292  cmd/rowhouse.create 14cd0cce  cmd/rowhouse.tenantImport bd92cdd6
		cmd/rowhouse.createPart 6cfe3eb3  cmd/rowhouse.hold bcf52ee6  cmd/rowhouse.syncDir bd92cdd6
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
