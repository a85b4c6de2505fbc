package prove

import "testing"

// Whatever outlives a request is found where it is declared, or where it is done; what nothing changes is not.
func TestPlantedState(t *testing.T) {
	t.Parallel()
	const here = "rest/planted.go"
	in := func(body string, imports ...string) string {
		text := "package rest\n\n"
		for _, path := range imports {
			text += "import \"" + path + "\"\n"
		}
		return text + "\n" + body + "\n"
	}
	const outlives = "it outlives a request"
	check(t, "state_faults", project(), []planting{
		{"words that nobody changes", here, "", in("var planted = map[string]string{\"a\": \"b\"}\n\nfunc plantedOne(x *exchange) string { return planted[x.key] }"), ""},
		{"an error", here, "", in("var plantedErr = errors.New(\"planted\")", "errors"), ""},
		{"a pattern", here, "", in("var planted = regexp.MustCompile(`a`)\n\nfunc plantedOne(text string) bool { return planted.MatchString(text) }", "regexp"), ""},
		{"a closure for one request", here, "", in("func planted(x *exchange) func() {\n\tn := 0\n\treturn func() { n++ }\n}"), ""},
		{"a closure that is made once and keeps nothing", here, "", in("func planted(name string) func(*exchange) string {\n\treturn func(x *exchange) string { return name + x.key }\n}"), ""},
		{"a refusal", here, "", in("var plantedErr = &Error{Code: \"planted\"}\n\nfunc planted() error { return plantedErr }"), ""},

		{"a cache by address", here, "", in("type plantedRow struct{ name string }\n\nvar planted = map[string]plantedRow{} /*!*/\n\nfunc plantedOne(x *exchange, row plantedRow) { planted[x.request.URL.Path] = row }"),
			"rest.planted: it outlives a request, and it is assigned, in rest.plantedOne"},
		{"a cache by credential, of another package's kind", here, "", in("var planted, _ = lru.New[string, string](10) /*!*/", "github.com/hashicorp/golang-lru/v2"), "rest.planted: " + outlives},
		{"a pool", here, "", in("var planted = sync.Pool{New: func() any { return new([]byte) }} /*!*/", "sync"), "rest.planted: " + outlives},
		{"a pool of exchanges", here, "", in("var planted sync.Pool /*!*/\n\nfunc plantedOne() *exchange { return planted.Get().(*exchange) }", "sync"), "rest.planted: " + outlives},
		{"a list of what is not used any more", here, "", in("var planted = make(chan *exchange, 8) /*!*/\n\nfunc plantedOne(x *exchange) { planted <- x }"), "rest.planted: " + outlives},
		{"a value that is made once", here, "", in("var planted = sync.OnceValue(func() string { return \"\" }) /*!*/", "sync"), "rest.planted: " + outlives},
		{"a Once", here, "", in("var planted sync.Once /*!*/", "sync"), "rest.planted: " + outlives},
		{"the last row", here, "", in("type plantedRow struct{ name string }\n\nvar planted plantedRow /*!*/\n\nfunc plantedOne(x *exchange, row plantedRow) { planted = row }"), "it is assigned, in rest.plantedOne"},
		{"a field of the last row", here, "", in("type plantedRow struct{ name string }\n\nvar planted plantedRow /*!*/\n\nfunc plantedOne(x *exchange, name string) { planted.name = name }"), "it is assigned, in rest.plantedOne"},
		{"the last row, behind a pointer", here, "", in("type plantedRow struct{ name string }\n\nvar planted = new(plantedRow) /*!*/\n\nfunc plantedOne(x *exchange, row plantedRow) { *planted = row }"), "it is assigned, in rest.plantedOne"},
		{"the last text", here, "", in("var planted string /*!*/\n\nfunc plantedOne(x *exchange) { planted = x.key }"), "it is assigned, in rest.plantedOne"},
		{"the last error", here, "", in("var planted error /*!*/\n\nfunc plantedOne(x *exchange, err error) { planted = err }"), "it is assigned, in rest.plantedOne"},
		{"a count", here, "", in("var planted int /*!*/\n\nfunc plantedOne(x *exchange) { planted++ }"), "it is counted, in rest.plantedOne"},
		{"a list that grows", here, "", in("var planted []string /*!*/\n\nfunc plantedOne(x *exchange) { planted = append(planted, x.key) }"), "in rest.plantedOne"},
		{"a list that is written over", here, "", in("var planted = make([]byte, 64) /*!*/\n\nfunc plantedOne(x *exchange) { copy(planted, x.body) }"), "copy changes it, in rest.plantedOne"},
		{"an array that is written over", here, "", in("var planted [64]byte /*!*/\n\nfunc plantedOne(x *exchange) { copy(planted[:], x.body) }"), "copy changes it, in rest.plantedOne"},
		{"the elements of a list", here, "", in("var planted = [][]byte{nil} /*!*/\n\nfunc plantedOne(x *exchange) {\n\tfor _, room := range planted {\n\t\tcopy(room, x.body)\n\t}\n}"),
			"its elements are kept under another name, in rest.plantedOne"},
		{"a handler around the server", here, "", in("type plantedHandler struct {\n\tlast map[string]string /*!*/\n}\n\nfunc (p *plantedHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.last[r.URL.Path] = r.Method }", "net/http"),
			"rest.plantedHandler.last: " + outlives},
		{"a function with a memory, by the name of its type", here, "", in("type plantedHook func(*exchange) string\n\nfunc planted(ctx context.Context) plantedHook {\n\tlast := \"\"\n\treturn func(x *exchange) string {\n\t\tbefore := last\n\t\tlast = x.key /*!*/\n\t\treturn before\n\t}\n}", "context"), "last is kept by a closure that is made once"},
		{"a header of one proxy", here, "", in("func planted(x *exchange) { x.writer.Header().Set(\"X-Accel-Expires\" /*!*/, \"60\") }"), "lets a proxy or a browser keep an answer"},
		{"a list under another name", here, "", in("var planted = []string{\"a\"} /*!*/\n\nfunc plantedOne(x *exchange) {\n\tp := planted\n\tp[0] = x.key\n}"), "it is kept under another name, in rest.plantedOne"},
		{"a table that is given away", here, "", in("var planted = map[string]string{} /*!*/\n\nfunc plantedOne(x *exchange) { plantedTwo(planted) }\n\nfunc plantedTwo(m map[string]string) { m[\"a\"] = \"b\" }"), "it is given to plantedTwo"},
		{"a table that is handed out", here, "", in("var planted = map[string]string{} /*!*/\n\nfunc plantedOne() map[string]string { return planted }"), "it is handed out"},
		{"a table that is emptied", here, "", in("var planted = map[string]string{} /*!*/\n\nfunc plantedOne() { clear(planted) }"), "clear changes it"},
		{"a value by its address", here, "", in("var planted string /*!*/\n\nfunc plantedOne(x *exchange) { fmt.Sscan(x.key, &planted) }", "fmt"), "its address is taken"},
		{"a value by reflection", here, "", in("var planted string /*!*/\n\nfunc plantedOne(x *exchange) { reflect.ValueOf(&planted).Elem().SetString(x.key) }", "reflect"), "its address is taken"},
		{"a table by reflection", here, "", in("func planted(m any, k, v reflect.Value) { reflect.ValueOf(m).SetMapIndex /*!*/ (k, v) }", "reflect"), "SetMapIndex holds what belongs"},
		{"a range into it", here, "", in("var planted string /*!*/\n\nfunc plantedOne(keys []string) {\n\tfor _, planted = range keys {\n\t}\n}"), "it is assigned"},
		{"a variable of any type", here, "", in("var planted any /*!*/"), "rest.planted: " + outlives},
		{"a function that is exchanged", here, "", in("var planted = func() string { return \"\" } /*!*/\n\nfunc plantedOne(x *exchange) { planted = func() string { return x.key } }"), "it is assigned, in rest.plantedOne"},
		{"a function with a memory", here, "", in("var planted /*!*/ = func() func(string) string {\n\tlast := \"\"\n\treturn func(s string) string {\n\t\tbefore := last\n\t\tlast = s\n\t\treturn before\n\t}\n}()"), "rest.planted: " + outlives},
		{"a table with a method", here, "", in("type planted map[string]string\n\nfunc (p planted) put(k, v string) { p[k] = v }\n\nvar plantedOne = planted{} /*!*/\n\nfunc plantedTwo(x *exchange) { plantedOne.put(x.key, \"\") }"), "its method put may change it"},
		{"a struct with a method", here, "", in("type planted struct {\n\tlast map[string]string /*!*/\n}\n\nfunc (p *planted) put(k, v string) { p.last[k] = v }\n\nvar plantedOne planted"), "rest.planted.last: " + outlives},
		{"a generic with a memory", here, "", in("type planted[T any] struct {\n\tlast []T /*!*/\n}\n\nfunc (p *planted[T]) put(v T) { p.last = append(p.last, v) }\n\nvar plantedOne planted[string]"), "rest.planted.last: " + outlives},
		{"a lock in a struct", here, "", in("type planted struct {\n\tsync.Mutex /*!*/\n}", "sync"), "rest.planted.Mutex: " + outlives},
		{"an atomic value", here, "", in("type planted struct {\n\tlast atomic.Pointer[string] /*!*/\n}", "sync/atomic"), "rest.planted.last: " + outlives},
		{"a lock within a function", here, "", in("func planted() func() {\n\tvar once sync.Once /*!*/\n\treturn func() { once.Do(func() {}) }\n}", "sync"), "sync.Once is for what more than one request shall see"},

		{"a row in an adapter", here, "", in("func planted(h work[itemGetInput, Item]) func(*exchange) (answer, error) {\n\tvar last string\n\treturn func(x *exchange) (answer, error) {\n\t\tif x.key != \"\" {\n\t\t\tlast /*!*/ = x.key\n\t\t}\n\t\treturn x.render(&last)\n\t}\n}"),
			"rest.planted: last is kept by a closure that is made once"},
		{"a table in an adapter", here, "", in("func planted() func(*exchange) string {\n\tseen := map[string]string{}\n\treturn func(x *exchange) string {\n\t\tseen /*!*/ [x.key] = x.key\n\t\treturn \"\"\n\t}\n}"), "seen is kept by a closure that is made once, and it is assigned"},
		{"a buffer in an adapter", here, "", in("func planted() func(*exchange) {\n\tvar room bytes.Buffer\n\treturn func(x *exchange) { room /*!*/ .Write(x.body) }\n}", "bytes"), "room is kept by a closure that is made once"},
		{"a middleware with a memory", "cmd/rowhouse/planted.go", "", "package main\n\nimport (\n\t\"context\"\n\t\"net/http\"\n)\n\nfunc planted(ctx context.Context, next http.Handler) http.Handler {\n\tlast := \"\"\n\treturn http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {\n\t\tlast /*!*/ = r.URL.Path\n\t\tnext.ServeHTTP(w, r)\n\t})\n}\n",
			"last is kept by a closure that is made once"},
		{"an adapter behind a context", here, "", in("func planted(ctx context.Context) func(string) {\n\tlast := \"\"\n\treturn func(s string) { last /*!*/ = s }\n}", "context"), "last is kept by a closure that is made once"},
		{"a struct in an adapter", here, "", in("type planted struct {\n\tlast []string /*!*/\n}\n\nfunc (p *planted) put(s string) { p.last = append(p.last, s) }\n\nfunc plantedOne() func(*exchange) {\n\tp := &planted{}\n\treturn func(x *exchange) { p.put(x.key) }\n}"),
			"rest.planted.last: " + outlives},
		{"what is done before anybody asks", here, "", in("func init() /*!*/ {}"), "it runs before anybody asks"},

		{"what goes on", here, "", in("func planted(x *exchange) { go /*!*/ x.after() }"), "it goes on when the request is over"},
		{"what goes on in a group", here, "", in("func planted(s *Server, x *exchange) { x.wait.Go(func() { x.after() }) /*!*/ }"), "it goes on when the request is over"},
		{"what is done later", here, "", in("func planted(x *exchange) { time.AfterFunc /*!*/ (1, x.after) }", "time"), "time.AfterFunc is for what more than one request shall see"},
		{"what is done when a context ends", here, "", in("func planted(x *exchange) { context.AfterFunc /*!*/ (x.ctx, x.after) }", "context"), "context.AfterFunc is for what more"},
		{"a spool that the client names", here, "", in("func planted(x *exchange) { f, _ := os.Create (\"/tmp/\" + x.key); _ = f }", "os\" /*!*/ //\""), "it imports os, which is for files and the environment"},
		{"numbers for whoever asks", here, "", in("// planted\nvar _ = expvar.NewMap", "expvar\" /*!*/ //\""), "it imports expvar"},
		{"another package's variable", here, "", in("func planted(x *exchange) { gin.DefaultWriter /*!*/ = nil }", "github.com/gin-gonic/gin"), "gin.DefaultWriter"},
		{"a handler for the whole process", here, "", in("func planted() { http.HandleFunc /*!*/ (\"/\", nil) }", "net/http"), "net/http.HandleFunc changes the whole process"},
		{"what stays with a connection", here, "", in("func planted(s *http.Server) { s.ConnContext /*!*/ = nil }", "net/http"), "ConnContext holds what belongs to a connection"},
		{"an answer for everybody", here, "", in("func planted(h http.Header) { h.Set(\"Cache-Control\" /*!*/, \"no-store\") }", "net/http"), "lets a proxy or a browser keep an answer"},
		{"an answer for everybody, in pieces", here, "", in("func planted(h http.Header) { h.Set(\"cache-\" + /*!*/ \"control\", \"no-store\") }", "net/http"), "lets a proxy or a browser keep an answer"},
		{"an answer for everybody, by another name", here, "", in("const planted = \"s-maxage=60\" /*!*/"), "lets a proxy or a browser keep an answer"},
		{"a header whose name is not seen", here, "", in("func planted(h http.Header, name, value string) { h.Set(name, value) /*!*/ }", "net/http"), "whose name is not seen here"},
		{"a tag of one's own", here, "", in("func planted(h http.Header) { h[\"Etag\"] /*!*/ = nil }", "net/http"), "lets a proxy or a browser keep an answer"},
		{"a cookie", here, "", in("func planted(h http.Header) { h.Add(\"Set-Cookie\" /*!*/, \"a=b\") }", "net/http"), "lets a proxy or a browser keep an answer"},

		{"a table of the server", "rest/server.go", "	readiness    readiness\n", "	readiness    readiness\n	seen /*!*/   map[string][]byte\n", "rest.Server.seen: " + outlives},
		{"a text of the server that is assigned", "rest/credential.go", "	x.who.AccountID, x.who.SessionID = claims.Account, claims.Session\n", "	x.server.config.PublicURL /*!*/ = token\n	x.who.AccountID, x.who.SessionID = claims.Account, claims.Session\n", "rest.exchange.takeCredential: it touches rest.Server.config"},
		{"a buffer that goes back too early", "rest/answer.go", "	room := bodies.Get().(*[]byte)\n", "	room := bodies.Get().(*[]byte) /*!*/\n	defer bodies.Put(room)\n", "rest.exchange.render: it is not as it was when it was listed"},
		{"a spool that keeps its name", "rest/download.go", "os.CreateTemp(\"\", \"rowhouse-spool-\")", "os.CreateTemp /*!*/ (\"\", \"rowhouse-spool\")", "rest.newSpool: it is not as it was when it was listed"},
		{"an answer that is for everybody now", "rest/answer.go", "	if header.Get(\"Cache-Control\") == \"\" {\n", "	if header.Get(\"Cache-Control\") == \"\" { /*!*/\n		header.Set(\"Cache-Control\", \"public\")\n	} else if true {\n", "rest.answer.write: it is not as it was when it was listed"},
		{"a token that is known again by its beginning", "auth/tokens.go", "	hash := sha256.Sum256([]byte(token))\n	if claims", "	hash := sha256.Sum256([]byte(token[:40]))\n	if /*!*/ claims", "auth.Tokens.Verify: it is not as it was when it was listed"},
		{"what may keep, in the folder that may", "testdb/planted.go", "", "package testdb\n\nvar planted = map[string]string{}\n\nfunc plantedOne() { planted[\"a\"] = \"b\" }\n", ""},
		{"that folder, from a handler", here, "", in("// planted\nvar _ = testdb.New", "rowhouse/testdb\" /*!*/ //\""), "it imports rowhouse/testdb, which prove does not read"},
	})
}
