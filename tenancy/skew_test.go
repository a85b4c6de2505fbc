package tenancy

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rowhouse/ids"
	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// skew is a database of many tenants of which one is a giant; see testdata/skew.sql.
type skew struct {
	*testdb.Database
	superuser             *pgx.Conn
	giant, middling, tiny house
}

// house is a tenant of it: its number, and its size, from which follows how many rows it has of what.
type house struct{ number, size int }

// newSkew seeds it as no request could: at once, with neither triggers nor checks.
func newSkew(t *testing.T, tenants, middlings, giant, middling int) *skew {
	t.Helper()
	s := &skew{Database: testdb.New(t), giant: house{1, giant}, middling: house{2, middling}, tiny: house{tenants, 3}}
	s.superuser = s.Connect(s.Superuser())
	text, err := os.ReadFile("testdata/skew.sql")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]int{"tenants": tenants, "middlings": middlings, "giant": giant, "middling": middling} {
		s.Exec(fmt.Sprintf(`SET skew.%s = %d`, name, value))
	}
	s.Exec(string(text))
	for _, table := range schema.Tables() {
		byHand := strings.Contains(string(text), "\nINSERT INTO "+table+" (")
		if !byHand && slices.ContainsFunc(schema.Columns(table), func(c schema.Column) bool { return c.Name == "tenant_id" }) {
			s.Exec(skewed(table))
		}
	}
	s.Exec(`VACUUM ANALYZE`)
	return s
}

// skewed makes as many rows of a table as each tenant's size. Nothing refers to the first, and half of what refers to its table to the second.
func skewed(table string) string {
	const (
		text  = `CASE WHEN i % 1000 = 0 THEN 'Rare ' ELSE 'Common ' END || md5(i::text)`
		clock = `timestamptz '2026-01-01' + i * interval '1 second'`
	)
	id := func(table, i string) string { return fmt.Sprintf(`md5('%s ' || n || ' ' || %s)`, kindOf(table), i) }
	given := map[string]string{"tenant_id": "tenant_id", "id": id(table, "i"), "created_at": clock}
	for _, c := range schema.Columns(table) {
		unique := slices.ContainsFunc(schema.Indexes(table), func(i schema.Index) bool { return i.Unique && slices.Contains(i.Columns, c.Name) })
		low, high, words := within(table, c.Name)
		switch {
		case given[c.Name] != "":
		case c.RefersTo != "" && unique:
			given[c.Name] = id(c.RefersTo, "i + 1")
		case c.RefersTo != "":
			given[c.Name] = id(c.RefersTo, "2 + i % 2")
		case len(words) > 1:
			given[c.Name] = fmt.Sprintf(`(ARRAY['%s'])[1 + i %% %d]`, strings.Join(words, "','"), len(words))
		case c.Type == "boolean" && indexOf(table, false, c.Name, "created_at", "id") != "":
			given[c.Name] = `i % 2 = 0`
		case !c.NotNull || c.HasDefault, testdb.Follows(table, c.Name):
		case c.Type == "timestamp with time zone" || c.Type == "date":
			given[c.Name] = clock
		case strings.HasPrefix(c.Type, "numeric("): // a share
			given[c.Name] = `i % 100 / 100.0`
		case isNumber(c.Type) && unique:
			given[c.Name] = fmt.Sprintf(`%d + i`, low)
		case isNumber(c.Type):
			given[c.Name] = fmt.Sprintf(`%d + i * 7919::bigint %% %d`, low, high-low+1)
		}
	}
	return testdb.Insert(table, text, given) + ` FROM houses CROSS JOIN generate_series(1, size) AS i`
}

// kindOf is what ids of rows that are made from the catalogue are named by: 'item 1 2' is one of items.
func kindOf(table string) string { return strings.TrimSuffix(table, "s") }

func isNumber(kind string) bool {
	kind, _, _ = strings.Cut(kind, "(")
	return slices.Contains([]string{"smallint", "integer", "bigint", "numeric", "real", "double precision"}, kind)
}

// within is the least and the greatest of a column, or of the length of its texts, up to a hundred thousand apart, and its words, if it has
// but some.
func within(table, column string) (low, high int64, words []string) {
	var most *int64
	low = 1
	for _, c := range schema.Constraints() {
		if c.Table != table || c.Kind != "check" || len(c.Columns) != 1 || c.Columns[0] != column {
			continue
		}
		if c.Min != nil {
			low = *c.Min
		}
		if c.Max != nil {
			most = c.Max
		}
		words = append(words, c.Values...)
	}
	high = low + 99_999
	if most != nil {
		high = min(high, *most)
		low = min(low, *most)
	}
	return low, high, words
}

func (s *skew) explainer() explainer { return explainer{s.Connect(s.Server())} }

// ada is an admin of every tenant, as if of an agency, and a superuser.
var (
	ada        = named[ids.AccountID]("account ada")
	adaSession = named[ids.SessionID]("session ada 1")
)

// named is the id of what skew.sql calls so: md5('item 1 2') is that of item 2 of tenant 1.
func named[I ~[16]byte](name string) I { return I(md5.Sum([]byte(name))) }

func (h house) name(kind string, i int) string { return fmt.Sprintf("%s %d %d", kind, h.number, i) }

func (h house) tenant() ids.TenantID { return named[ids.TenantID](fmt.Sprint("tenant ", h.number)) }

func (h house) account(i int) ids.AccountID { return named[ids.AccountID](h.name("account", i)) }

func (h house) user(i int) ids.UserID { return named[ids.UserID](h.name("user", i)) }

func (h house) username(i int) string { return fmt.Sprintf("user-%d-%d", h.number, i) }

// secret is the hash of a key or a token.
func secret(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

// keyPrefix is that of a user's API key.
func (h house) keyPrefix(i int) string {
	sum := md5.Sum([]byte(h.name("apikey", i)))
	return "rh_" + hex.EncodeToString(sum[:])[:9]
}

// who is the account's caller in the tenant.
func (h house) who(account ids.AccountID, session ids.SessionID) Caller {
	return Caller{TenantID: h.tenant(), AccountID: account, SessionID: session, Operation: "test.plans", RequestID: "request", Address: "127.0.0.1"}
}
