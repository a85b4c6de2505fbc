package schema

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/text/unicode/norm"
)

// folded is what fold() of a text is, by the tables of Go.
func folded(text string) string {
	return strings.Map(func(c rune) rune { return unicode.ToLower(unicode.ToUpper(c)) }, norm.NFC.String(text))
}

// localised are migrated databases of one server, each in another locale.
func localised(t *testing.T) map[string]*pgx.Conn {
	t.Helper()
	server := ownServer(t)
	superuser := connect(t, server.URL("postgres", "postgres"))
	conns := map[string]*pgx.Conn{}
	for name, locale := range map[string]string{
		"plain":   `LOCALE 'C'`,
		"turkish": `LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'tr'`,
		"english": `LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en'`,
	} {
		if _, err := superuser.Exec(t.Context(), `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8' `+locale); err != nil {
			t.Fatal(err)
		}
		if _, err := superuser.Exec(t.Context(), `CREATE ROLE `+Owner+` LOGIN CREATEROLE; `); len(conns) == 0 && err != nil {
			t.Fatal(err)
		}
		if _, err := superuser.Exec(t.Context(), `ALTER DATABASE `+name+` OWNER TO `+Owner); err != nil {
			t.Fatal(err)
		}
		if err := Up(t.Context(), server.URL(Owner, name)); err != nil {
			t.Fatal(err)
		}
		conns[name] = connect(t, server.URL("postgres", name))
	}
	return conns
}

// fold() does with each character of Unicode what Go does, and with what it has folded nothing more.
func TestFoldCharacters(t *testing.T) {
	t.Parallel()
	conn := connect(t, emptyDatabase(t, shared, "fold_characters"))
	if err := Up(t.Context(), shared.URL(Owner, "fold_characters")); err != nil {
		t.Fatal(err)
	}
	var changed, want []string
	for c := rune(1); c <= unicode.MaxRune; c++ {
		if text := string(c); utf8.ValidRune(c) && folded(text) != text {
			changed, want = append(changed, text), append(want, folded(text))
		}
	}
	if len(changed) < 2000 {
		t.Fatalf("Go folds %d characters", len(changed))
	}
	wrong := column(t, conn, `
		SELECT format('%s: %s, want %s', to_hex(number), fold(c), coalesce(w.folded, c))
		  FROM generate_series(1, 1114111) AS number
		 CROSS JOIN LATERAL (SELECT CASE WHEN number NOT BETWEEN 55296 AND 57343 THEN chr(number) END) AS made (c)
		  LEFT JOIN unnest($1::text[], $2::text[]) AS w (character, folded) ON w.character = c
		 WHERE c IS NOT NULL
		   AND (fold(c) <> coalesce(w.folded, c) OR fold(fold(c)) <> fold(c))`, changed, want)
	if len(wrong) > 0 {
		t.Errorf("%d characters, among them %q", len(wrong), wrong[:min(len(wrong), 10)])
	}
}

// A name has the same key in every locale, however its case is and its accents are composed; a tenant cannot have two roles of one key, nor
// the primary ones in capitals.
func TestFoldLocales(t *testing.T) {
	t.Parallel()
	names := []string{"IRON BAR", "iron bar", "\u00c9quipe", "e\u0301quipe", "İstanbul", "ΟΔΟΣ", "οδος", "ОГОНЬ", "Straße", "STRASSE", "ＩＲＯＮ", "ﬁn"}
	var want []string
	for _, name := range names {
		want = append(want, folded(name))
	}
	if !slices.Equal(want[:7], []string{"iron bar", "iron bar", "\u00e9quipe", "\u00e9quipe", "istanbul", "οδοσ", "οδοσ"}) {
		t.Fatalf("Go folds them to %q", want)
	}
	for locale, conn := range localised(t) {
		if got := column(t, conn, `SELECT fold(name) FROM unnest($1::text[]) WITH ORDINALITY AS w (name, n) ORDER BY n`, names); !slices.Equal(got, want) {
			t.Errorf("%s (-want +got):\n%s", locale, cmp.Diff(want, got))
		}
		tenant := column(t, conn, `INSERT INTO tenants (id, name, slug) VALUES (uuid_v7(), 'House', 'house') RETURNING id::text`)[0]
		makeRole := func(name string) error {
			_, err := conn.Exec(t.Context(), `INSERT INTO roles (tenant_id, name, permissions) VALUES ($1, $2, '{}')`, tenant, name)
			return err
		}
		for _, taken := range []struct{ name, by, code string }{
			{"\u00c9quipe", "", ""}, {"\u00e9quipe", "roles_name_key", "23505"}, {"E\u0301QUIPE", "roles_name_key", "23505"},
			{"ARTIST", "roles_primary_check", "23514"}, {"Assistant", "roles_primary_check", "23514"}, {"ASSİSTANT", "roles_primary_check", "23514"},
		} {
			by, code := broken(makeRole(taken.name))
			if by != taken.by || code != taken.code {
				t.Errorf("%s: a role %q is refused by %q (%s), want %q", locale, taken.name, by, code, taken.by)
			}
		}
	}
}

// What system work does is called the same in the logs of every locale.
func TestActionLocales(t *testing.T) {
	t.Parallel()
	for locale, conn := range localised(t) {
		tenant := column(t, conn, `INSERT INTO tenants (id, name, slug) VALUES (uuid_v7(), 'House', 'house') RETURNING id::text`)[0]
		for _, statement := range []string{
			`INSERT INTO items (tenant_id, name, price_cents) SELECT $1, 'Oak table', n FROM generate_series(1, 101) AS n`,
			`INSERT INTO accounts (username, email) VALUES ('ida', $1 || '@example.com')`,
		} {
			if _, err := conn.Exec(t.Context(), statement, tenant); err != nil {
				t.Fatal(err)
			}
		}
		got := column(t, conn, `SELECT action FROM audit_events WHERE row_count > 1 UNION ALL SELECT action FROM account_events`)
		if want := []string{"items.insert", "accounts.insert"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", locale, got, want)
		}
	}
}

// What begins with a text is found by it, and is in one order, in every locale: also where a locale looks at hyphens last.
func TestPrefixLocales(t *testing.T) {
	t.Parallel()
	for locale, conn := range localised(t) {
		tenant := column(t, conn, `INSERT INTO tenants (id, name, slug) VALUES (uuid_v7(), 'House', 'house') RETURNING id::text`)[0]
		for _, name := range []string{"aab", "a-b", "a_c", "ab", "a-a"} {
			if _, err := conn.Exec(t.Context(), `
				WITH made AS (INSERT INTO accounts (username, email) VALUES ($2, $2 || '@example.com') RETURNING id)
				INSERT INTO users (tenant_id, account_id, username) SELECT $1, id, $2 FROM made`, tenant, name+"x"); err != nil {
				t.Fatal(err)
			}
		}
		for key, found := range map[string]string{"username": "a-ax a-bx", "name_key": "a-ax a-bx"} {
			got := column(t, conn, `SELECT `+key+` FROM users WHERE `+key+` >= fold('A-') AND `+key+` < fold('A-') || chr(1114111) ORDER BY `+key)
			if strings.Join(got, " ") != found {
				t.Errorf("%s: by %s A- finds %q, want %q", locale, key, got, found)
			}
			if got := column(t, conn, `SELECT `+key+` FROM users ORDER BY `+key); !slices.IsSorted(got) {
				t.Errorf("%s: in the order %q", locale, got)
			}
		}
	}
}

// broken is the constraint that an error says was broken, and its SQLSTATE.
func broken(err error) (constraint, code string) {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.ConstraintName, said.Code
	}
	return "", ""
}
