package tenancy

import (
	"flag"
	"fmt"
	"maps"
	"math/bits"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/testdb"
)

var whole = flag.Bool("whole", false, "run the whole counts, not a sample")

// readWhole are the tables that may be read from end to end, and why.
var readWhole = map[string]string{
	"permissions":      "the grid: a row a permission, whatever the tenants",
	"goose_db_version": "a row a migration",
}

// modestly is how many rows of a table the trip of a call that is no list may read, whoever's they are: less than the giant has of anything.
const modestly = 100

// ends are the calls that end the passes of a whole tenant, however many there are.
var ends = map[string]bool{"TenantDelete": true, "TenantEraseNow": true, "TenantSuspend": true}

// counts are the calls that read more of a table, and why.
var counts = map[string]map[string]string{"QuotaSet": {"items": "it counts what there is"}}

// What a statement is planned for: any values, as the server plans what it has run some times, or those that it is run with. A list has
// it chosen by its door.
const (
	forAny   = "force_generic_plan"
	forThese = "force_custom_plan"
)

// list is a query that pages through a table.
type list struct {
	query   string
	table   string
	through *scope
	page    any           // its argument, but for what this test sets
	sorts   map[string]by // each order that it can be read in
	filters []filter      // each field that chooses rows
}

// by is the column of an order and the index that has it; without one, the rows are sorted. Of a unique column the index need not have
// the id that follows.
type by struct {
	column, index string
	unique        bool
}

// filter is a field of a list, with a value that few rows have and one that many have, and how its rows are found.
type filter struct {
	field     string
	few, many any
	served    served
	index     string
}

type served string

const (
	ordered served = "ordered" // the index has the filter's rows, newest first: a page reads a page
	ranged  served = "ranged"  // the index has the filter's rows, in another order: a few are found there and sorted, many are met newest first
	single  served = "single"  // there is at most one
	passed  served = "passed"  // no index: each row that is met is looked at
)

// lists are those of a tenant, derived but for those by hand, and of an account.
func (h house) lists(t *testing.T) []list {
	all := h.listsByHand()
	for _, derived := range h.derivedLists(t) {
		if !slices.ContainsFunc(all, func(l list) bool { return l.query == derived.query }) {
			all = append(all, derived)
		}
	}
	return all
}

// listsByHand are the lists that do not follow from the catalogue, and this is where it is decided which of their filters an index serves:
//
//   - what names a thing does: a team, a role, a key's user, an actor, an entity, an e-mail, a username;
//   - times are ranges of an order that there is;
//   - is_active and active have two values, and mostly one;
//   - q of users begins a name or a username: no index has both;
//   - action and entity_type are asked for with a time, an actor or an entity; of all tables the log is written most.
func (h house) listsByHand() []list {
	who := h.who(ada, adaSession)
	sorted := func(table string, columns ...string) map[string]by {
		sorts := map[string]by{"": {"created_at", table + "_created_at_idx", false}}
		for _, column := range columns {
			name := strings.TrimSuffix(column, "_key")
			sorts[name] = by{column, table + "_" + column + "_idx", false}
			sorts["-"+name] = sorts[name]
		}
		return sorts
	}
	profiles := sorted("users", "name_key", "username")
	for sort, order := range profiles {
		order.index = strings.Replace(order.index, "users_", "profiles_", 1)
		profiles[sort] = order
	}
	webhook := named[ids.WebhookID](h.name("webhook", 2))
	var entity ids.EntityID
	entity.ID = [16]byte(named[ids.ItemID](h.name("item", 2)))
	return []list{
		{"UserList", "users", tenantScope(who, "users:read"), db.UserListParams{TenantID: h.tenant()}, sorted("users", "name_key", "username"), []filter{
			{"TeamID", new(named[ids.TeamID](h.name("team", 2))), new(named[ids.TeamID](h.name("team", 2))), ordered, "users_team_id_idx"},
			{"Role", new("admin"), new("member"), ordered, "users_role_idx"},
			{"Email", new(h.username(4) + "@example.com"), new("nobody@example.com"), single, "users_email_key"},
			{"Username", new(h.username(4)), new("nobody"), single, "users_username_idx"},
			{"IsActive", new(false), new(true), passed, ""},
			{"Q", new("rare"), new("common"), passed, ""},
		}},
		{"ProfileList", "users", tenantScope(who, "profiles:read"), db.ProfileListParams{TenantID: h.tenant()}, profiles, []filter{
			{"Q", new("rare"), new("common"), ranged, "profiles_name_key_idx"},
			{"Published", false, true, passed, ""},
		}},
		{"ApiKeyList", "api_keys", tenantScope(who, "keys:read"), db.ApiKeyListParams{TenantID: h.tenant()}, sorted("api_keys"), []filter{
			{"UserID", h.user(2), h.user(1), ordered, "api_keys_user_id_idx"},
			{"Active", new(false), new(true), passed, ""},
		}},
		{"JobList", "jobs", tenantScope(who, "jobs:read"), db.JobListParams{TenantID: h.tenant()}, sorted("jobs"), []filter{
			{"Kind", new("rare.job"), new("tenth.job"), ordered, "jobs_kind_idx"},
			{"State", new("failed"), new("cancelled"), ordered, "jobs_state_idx"},
			{"SubjectID", entity, entity, ordered, "jobs_subject_id_idx"},
		}},
		{"DeliveryList", "deliveries", tenantScope(who, "webhooks:read"), db.DeliveryListParams{TenantID: h.tenant(), WebhookID: webhook},
			map[string]by{"": {"created_at", "deliveries_webhook_id_idx", false}}, []filter{
				{"WebhookID", webhook, webhook, ordered, "deliveries_webhook_id_idx"},
				{"State", new("failed"), new("pending"), ordered, "deliveries_state_idx"},
				{"Event", new("rare.event"), new("tenth.event"), ordered, "deliveries_event_idx"},
			}},
		{"AuditEventList", "audit_events", tenantScope(who, "audit:read"), db.AuditEventListParams{TenantID: h.tenant()}, sorted("audit_events"), []filter{
			{"ActorUserID", new(h.user(2)), new(h.user(1)), ordered, "audit_events_actor_user_id_idx"},
			{"EntityID", &entity, &entity, ordered, "audit_events_entity_id_idx"},
			{"Since", &inTheMiddle, &inTheMiddle, ordered, "audit_events_created_at_idx"},
			{"Until", &inTheMiddle, &inTheMiddle, ordered, "audit_events_created_at_idx"},
			{"Action", new("user.update"), new("item.update"), passed, ""},
			{"EntityType", new("user"), new("item"), passed, ""},
		}},
		{"SessionList", "sessions", accountScope(who), db.SessionListParams{AccountID: ada}, map[string]by{"": {"created_at", "sessions_account_id_idx", false}}, nil},
		// The order is that of tenants and the choice that of users, which no index has both. The rows are the account's own.
		{"AccountTenantList", "tenants", accountScope(who), db.AccountTenantListParams{AccountID: ada}, map[string]by{"": {}, "name": {}, "-name": {}}, nil},
		{"PlatformTenants", "tenants", operatorScope("test"), db.PlatformTenantsParams{}, map[string]by{"": {}}, nil},
		{"PlatformTenantList", "tenants", platformScope(nil, Caller{AccountID: ada, SessionID: adaSession}), db.PlatformTenantListParams{AccountID: ada}, sorted("tenants", "name_key"), []filter{
			{"Q", new("rare"), new("common"), passed, ""},
			{"Status", new("suspended"), new("deleting"), passed, ""},
		}},
	}
}

var inTheMiddle = time.Date(2026, 1, 1, 0, 10, 0, 0, time.UTC)

// middle is a place in the middle of the list.
func (l list) middle() map[string]any {
	place := map[string]any{}
	for field := range reflect.TypeOf(l.page).Fields() {
		column, ok := strings.CutPrefix(field.Name, "After")
		if !ok {
			continue
		}
		switch reflect.New(field.Type).Elem().Interface().(type) {
		case pgtype.UUID:
			place[field.Name] = pgtype.UUID{Bytes: named[ids.ItemID]("any"), Valid: true}
		case *time.Time:
			place[field.Name] = &inTheMiddle
		case *string:
			place[field.Name] = new("common 8")
			if column == "Username" {
				place[field.Name] = new("user-1-5")
			}
		case *int16, *int32, *int64:
			low, high, _ := within(l.table, snake(column))
			number := reflect.New(field.Type.Elem())
			number.Elem().SetInt((low + high) / 2)
			place[field.Name] = number.Interface()
		}
	}
	return place
}

const pageSize = 50

// argument is that of the list for a page in an order, after a place (nil: the first), with filters, and with the total of all pages.
func (l list) argument(sort string, after map[string]any, filters map[string]any, total bool) any {
	arg := reflect.New(reflect.TypeOf(l.page)).Elem()
	arg.Set(reflect.ValueOf(l.page))
	set := func(field string, value any) {
		if f := arg.FieldByName(field); f.IsValid() {
			f.Set(reflect.ValueOf(value))
		}
	}
	set("Sort", sort)
	set("Size", int32(pageSize+1))
	set("WithTotal", total)
	for field, value := range after {
		set(field, value)
	}
	for field, value := range filters {
		set(field, value)
		set("Of"+strings.TrimSuffix(field, "ID"), true)
	}
	return arg.Interface()
}

var sortInSQL = regexp.MustCompile(`\$\d+::text = '(-?[a-z_]+)'`)

// gaps are the filters and orders that the query has and this list has not.
func (l list) gaps(t *testing.T) (gaps []string) {
	for field := range reflect.TypeOf(l.page).Fields() {
		if !ofEveryList.MatchString(field.Name) && !slices.ContainsFunc(l.filters, func(f filter) bool { return f.field == field.Name }) {
			gaps = append(gaps, "filter "+field.Name)
		}
	}
	for _, found := range sortInSQL.FindAllStringSubmatch(hear(t, l.through, l.query, l.page).sql, -1) {
		if _, known := l.sorts[found[1]]; !known {
			gaps = append(gaps, "sort "+found[1])
		}
	}
	return gaps
}

// subsets are the choices of up to most of n filters, the smallest first.
func subsets(n, most int) (all []uint) {
	for set := range uint(1 << n) {
		if bits.OnesCount(set) <= most {
			all = append(all, set)
		}
	}
	slices.SortStableFunc(all, func(a, b uint) int { return bits.OnesCount(a) - bits.OnesCount(b) })
	return all
}

// In a database of many tenants, one of them a giant, every query is planned as the server plans it: no table is read from end to end, and
// what a page, a call or a check costs does not grow with its tenant, but for what lists says of filters.
func TestPlans(t *testing.T) {
	t.Parallel()
	var s *skew
	if *whole {
		s = newSkew(t, 10_000, 99, 1_000_000, 1000)
	} else {
		s = newSkew(t, 1000, 5, 20_000, 500)
	}
	t.Attr("tenants", strconv.Itoa(s.tiny.number))
	t.Attr("items_of_the_giant", strconv.Itoa(s.giant.size))
	t.Run("lists", func(t *testing.T) { t.Parallel(); s.lists(t) })
	t.Run("calls", func(t *testing.T) { t.Parallel(); s.calls(t) })
	t.Run("deep pages", func(t *testing.T) { t.Parallel(); s.deepPages(t) })
	t.Run("foreign keys", func(t *testing.T) { t.Parallel(); s.foreignKeys(t) })
}

// lists: no list reads a table from end to end, whatever its order, its filters and its place, with the total or without. Every order is
// an index's, and every filter that an index serves is served, newest first, by that.
func (s *skew) lists(t *testing.T) {
	e, plans := s.explainer(), 0
	for _, h := range []house{s.giant, s.middling, s.tiny} {
		most := 1 // filters at a time; of the giant in pairs, and in the whole run all subsets of them for all
		if h == s.giant {
			most = 2
		}
		for _, l := range h.lists(t) {
			if *whole {
				most = len(l.filters)
			}
			for _, gap := range l.gaps(t) {
				t.Errorf("%s: listsByHand has no %s", l.query, gap)
			}
			for sort, order := range l.sorts {
				for _, set := range subsets(len(l.filters), most) {
					for variant := range 4 {
						many, after := variant&1 != 0, l.middle()
						if variant&2 != 0 {
							after = nil
						}
						chosen, only := map[string]any{}, filter{}
						for i, f := range l.filters {
							switch {
							case set&(1<<i) == 0:
								continue
							case many:
								chosen[f.field] = f.many
							default:
								chosen[f.field] = f.few
							}
							only = f
						}
						total := after == nil && l.query != "PlatformTenantList" // whose total is of the whole table
						p, _ := e.explain(t, l.through, hear(t, l.through, l.query, l.argument(sort, after, chosen, total)), forAny, false)
						plans++
						fault := wholeTable(p)
						switch {
						case fault != "":
						case len(chosen) == 0 && (h == s.giant || !order.unique): // a few unique names are as well sorted
							fault = order.fault(p, l.table)
						case len(chosen) == 1 && sort == "" && h == s.giant:
							fault = only.fault(p, l, many)
						}
						if fault != "" {
							t.Errorf("%s of %d, sort %q, filters %v (many rows: %t), first page: %t: %s\n%v",
								l.query, h.size, sort, slices.Collect(maps.Keys(chosen)), many, after == nil, fault, p)
						}
					}
				}
			}
		}
	}
	t.Attr("plans", strconv.Itoa(plans))
}

// wholeTable is what is wrong with a plan that reads a table from end to end.
func wholeTable(p plan) string {
	for node := range p.nodes() {
		if _, may := readWhole[node.Table]; node.Type == "Seq Scan" && !may {
			return node.Table + " is read from end to end"
		}
	}
	return ""
}

// fault is what is wrong with the plan of a list in this order.
func (o by) fault(p plan, table string) string {
	switch scan, sorts := p.scan(table), p.sorts(table); {
	case o.index == "":
	case scan.Index != o.index:
		return fmt.Sprintf("it is read by %s, want %s", scan.Index, o.index)
	case sorts == "Sort" || sorts != "" && !o.unique:
		return "its rows are sorted, though " + o.index + " has them in order"
	}
	return ""
}

// fault is what is wrong with the plan of a list, newest first, that only this filter chooses from.
func (f filter) fault(p plan, l list, many bool) string {
	switch scan, sorts := p.scan(l.table), p.sorts(l.table); {
	case f.served == passed:
	case f.served == ranged && many:
		return l.sorts[""].fault(p, l.table)
	case scan.Index != f.index:
		return fmt.Sprintf("%s is looked for by %s, want %s", f.field, scan.Index, f.index)
	case f.served == ordered && sorts != "":
		return "its rows are sorted, though " + f.index + " has them in order"
	}
	return ""
}

// calls: whatever is no list, planned for any values or for these, reads a modest number of rows and no table from end to end, in its
// triggers, functions and checks of foreign keys as well, and behind its door. A query that is asked nowhere here fails.
func (s *skew) calls(t *testing.T) {
	e, plans := s.explainer(), 0
	unasked := map[string]bool{}
	for method := range reflect.TypeFor[*db.Queries]().Methods() {
		unasked[method.Name] = method.Name != "WithTx"
	}
	t.Attr("queries", strconv.Itoa(len(unasked)-1))
	for _, l := range s.giant.lists(t) {
		unasked[l.query] = false
	}
	for _, h := range []house{s.giant, s.middling, s.tiny} {
		for accessor, asks := range h.asks(t) {
			unasked[accessor] = false
			for _, a := range asks {
				for _, mode := range []string{forAny, forThese} {
					p, read := e.explain(t, a.through, hear(t, a.through, accessor, a.arg), mode, true)
					plans++
					if fault := wholeTable(p); fault != "" {
						t.Errorf("%s in a tenant of %d, %s: %s\n%v", accessor, h.size, mode, fault, p)
					}
					for table, r := range read {
						if table == "passes" && ends[accessor] || counts[accessor][table] != "" && r.Rows <= int64(h.size) {
							continue
						}
						if readWhole[table] == "" && (r.Scans > 0 || r.Rows > modestly) {
							t.Errorf("%s in a tenant of %d, %s: it reads %d rows of %s, and that from end to end %d times, want up to %d rows by an index\n%v",
								accessor, h.size, mode, r.Rows, table, r.Scans, modestly, p)
						}
					}
				}
			}
		}
	}
	t.Attr("plans", strconv.Itoa(plans))
	for accessor, yes := range unasked {
		if yes {
			t.Errorf("no call of %s is derived: give it arguments to be explained with, in asksByHand (tenancy/asks_test.go) or in listsByHand", accessor)
		}
	}
}

// deepPages: page ten thousand, or the last that the giant has, costs what page one does, in each order that an index has.
func (s *skew) deepPages(t *testing.T) {
	const depth = 10_000
	e, deepest := s.explainer(), 0
	for _, l := range s.giant.lists(t) {
		for sort, order := range l.sorts {
			if order.index == "" {
				continue
			}
			read := func(after map[string]any) (rows float64, blocks int) {
				p, _ := e.explain(t, l.through, hear(t, l.through, l.query, l.argument(sort, after, nil, false)), forAny, true)
				scan := p.scan(l.table)
				return scan.Rows + scan.Removed, scan.Hit + scan.Read
			}
			page, last := s.lastOfPage(t, l, sort, order, depth)
			deepest = max(deepest, page)
			firstRows, firstBlocks := read(nil)
			most := pageSize + 2.0 // what is behind the page, and what the cursor names
			if order.unique {
				most++ // to sort what is equal but for its id, the next that is not is read
			}
			if rows, blocks := read(last); max(rows, firstRows) > most || rows == 0 || blocks > 2*firstBlocks+2 { // a page may lie across two leaves, and two blocks of rows
				t.Errorf("%s, sort %q: page %d reads %g rows in %d blocks, page 1 %g in %d, want a page's and up to twice the blocks and two",
					l.query, sort, page+1, rows, blocks, firstRows, firstBlocks)
			}
		}
	}
	t.Attr("page", strconv.Itoa(deepest+1))
}

// lastOfPage is the last row of the page before that of the given number, as what a cursor holds; or of the last but one that there is.
func (s *skew) lastOfPage(t *testing.T, l list, sort string, order by, number int) (page int, last map[string]any) {
	t.Helper()
	scope, owner := "tenant_id", any(s.giant.tenant())
	if l.table == "sessions" {
		scope, owner = "account_id", ada
	} else if l.table == "tenants" {
		scope, owner = "true", true
	}
	page = min(number, testdb.Value[int](s.Database, `SELECT count(*) FROM `+l.table+` WHERE `+scope+` = $1`, owner)/pageSize) - 1
	direction := "DESC"
	if sort != "" && !strings.HasPrefix(sort, "-") {
		direction = "ASC"
	}
	var id pgtype.UUID
	var value any
	row := s.superuser.QueryRow(t.Context(), fmt.Sprintf(`SELECT id, %[1]s FROM %[2]s WHERE %[3]s = $1 ORDER BY %[1]s %[4]s, id %[4]s OFFSET $2 LIMIT 1`,
		order.column, l.table, scope, direction), owner, page*pageSize-1)
	if err := row.Scan(&id, &value); err != nil {
		t.Fatalf("%s, sort %q: %v", l.query, sort, err)
	}
	pointer := reflect.New(reflect.TypeOf(value))
	pointer.Elem().Set(reflect.ValueOf(value))
	field := "After"
	for word := range strings.SplitSeq(order.column, "_") {
		field += strings.ToUpper(word[:1]) + word[1:]
	}
	return page, map[string]any{"AfterID": id, field: pointer.Interface()}
}

// foreignKeys: whoever deletes a row that others could refer to finds those by an index over all of the referring columns, which is what
// the check of each foreign key asks, of the giant and of tenants that the planner knows nothing about.
func (s *skew) foreignKeys(t *testing.T) {
	conn := s.Connect(s.Superuser()) // deepPages has the other one
	rows, err := conn.Query(t.Context(), `
		SELECT f.conname, f.conrelid::regclass::text, array_agg(a.attname::text ORDER BY pair.place)
		  FROM pg_constraint f
		 CROSS JOIN unnest(f.conkey) WITH ORDINALITY AS pair (number, place)
		  JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = pair.number
		 WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace
		 GROUP BY f.oid`)
	if err != nil {
		t.Fatal(err)
	}
	type foreignKey struct {
		name, table string
		columns     []string
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k foreignKey, err error) {
		return k, row.Scan(&k.name, &k.table, &k.columns)
	})
	if err != nil || len(keys) == 0 {
		t.Fatal(len(keys), err)
	}
	e, nobody := explainer{conn}, &scope{bind: `SELECT`} // the check is bound by no row-level security
	for _, k := range keys {
		var where []string
		args := []any{}
		for i, column := range k.columns {
			where = append(where, fmt.Sprintf("$%d OPERATOR(pg_catalog.=) %s", i+1, column))
			value := named[ids.TenantID]("free of references")
			if column == "tenant_id" && len(k.columns) > 1 {
				value = s.giant.tenant()
			}
			args = append(args, value)
		}
		check := asked{sql: `SELECT 1 FROM ONLY ` + k.table + ` x WHERE ` + strings.Join(where, " AND ") + ` FOR KEY SHARE OF x`, args: args}
		for _, mode := range []string{forAny, forThese} {
			p, _ := e.explain(t, nobody, check, mode, false)
			byAll := func(node plan) bool {
				return node.Index != "" && !slices.ContainsFunc(k.columns, func(c string) bool { return !strings.Contains(node.Cond, c+" = ") })
			}
			if slices.ContainsFunc(slices.Collect(p.nodes()), byAll) {
				continue
			}
			t.Errorf("%s, %s: no index finds the rows of %s by %v\n%v", k.name, mode, k.table, k.columns, p)
		}
	}
	t.Attr("foreign_keys", strconv.Itoa(len(keys)))
}
