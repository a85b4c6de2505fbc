package tenancy

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"rowhouse/ids"
	"rowhouse/testdb"
)

// skew is a database of many tenants of which one is a giant; see testdata/skew.sql.
type skew struct {
	*testdb.Database
	superuser             *pgx.Conn
	giant, middling, tiny house
}

// house is a tenant of it: its number, and how many items it has, from which follows how many it has of all else.
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
	s.Exec(`VACUUM ANALYZE`)
	return s
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
