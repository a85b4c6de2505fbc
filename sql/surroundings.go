package schema

import (
	"context"
	_ "embed" // the catalogue's two files
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Patience is how long a program that starts waits for a connection: longer than a request would, since nobody is refused meanwhile, and
// what PostgreSQL says is worth waiting for.
const Patience = 20 * time.Second

// Settings are what each session of this program is set to, whatever the login, the database or the server would have: what the meaning
// of a statement or the text of an answer depends on. What is only a limit, or a way to the same rows, is the operator's.
var Settings = map[string]string{
	"client_encoding":               "UTF8",
	"DateStyle":                     "ISO, MDY",
	"IntervalStyle":                 "postgres",
	"TimeZone":                      "UTC",
	"bytea_output":                  "hex",
	"extra_float_digits":            "1",
	"standard_conforming_strings":   "on",
	"transform_null_equals":         "off",
	"quote_all_identifiers":         "off",
	"search_path":                   "public, pg_temp",
	"role":                          "none",
	"row_security":                  "on",
	"default_transaction_isolation": "read committed",
	"plpgsql.extra_errors":          "none",
	"exit_on_error":                 "off",
	"jit":                           "off", // to compile a statement takes longer than any of them
	"idle_session_timeout":          "0",
}

// Needs are what no session can set for itself and this program cannot do without, each with how it is mended.
var needs = map[string]struct{ want, mend string }{
	"server_encoding":           {"UTF8", "make the database anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"},
	"session_replication_role":  {"origin", "with another value no trigger runs: ALTER ROLE … RESET session_replication_role"},
	"plpgsql.variable_conflict": {"error", "ALTER ROLE … RESET plpgsql.variable_conflict"},
}

const oldestServer = 150000 // server_version_num

var settle = func() string {
	var calls []string
	for _, name := range slices.Sorted(maps.Keys(Settings)) {
		calls = append(calls, fmt.Sprintf("set_config('%s', '%s', false)", name, Settings[name]))
	}
	return "SELECT " + strings.Join(calls, ", ")
}()

// Settle sets a new session to Settings, in one trip. It is a statement and no parameters of the connection because poolers refuse those
// that they do not know.
func Settle(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.PgConn().Exec(ctx, settle).ReadAll()
	return err
}

// SettleWorker is Settle for a session of the queue, which has the role rowhouse_worker.
func SettleWorker(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.PgConn().Exec(ctx, settle+`, set_config('role', 'rowhouse_worker', false)`).ReadAll()
	return err
}

// Unfit lists what of the surroundings is not as this program needs it, one sentence each, whether or not the database is migrated. The
// settings are looked at too: a pooler may have given the session that was settled to somebody else.
func Unfit(ctx context.Context, conn *pgx.Conn) ([]string, error) { return unfit(ctx, conn, false) }

// unfit is Unfit, and where sessions are shared, of what each of them begins with: nobody has settled the next one.
func unfit(ctx context.Context, conn *pgx.Conn, shared bool) ([]string, error) {
	names := slices.Concat(slices.Collect(maps.Keys(Settings)), slices.Collect(maps.Keys(needs)))
	slices.Sort(names)
	var version int
	var values []*string
	err := conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int,
		       ARRAY(SELECT CASE WHEN $2 THEN (SELECT reset_val FROM pg_settings WHERE pg_settings.name = s.name) ELSE current_setting(name, true) END
		               FROM unnest($1::text[]) WITH ORDINALITY AS s (name, place) ORDER BY place)`, names, shared).Scan(&version, &values)
	if err != nil {
		return nil, err
	}
	var faults []string
	if version < oldestServer {
		faults = append(faults, fmt.Sprintf("this is PostgreSQL %d and must be %d or later", version/10000, oldestServer/10000))
	}
	for i, name := range names {
		want, mend := Settings[name], ""
		if need, ok := needs[name]; ok {
			want, mend = need.want, need.mend
		} else {
			value := "'" + want + "'"
			if name == "search_path" {
				value = want // in quotes it would be one name
			}
			mend = fmt.Sprintf("a pooler shares the session, so set it on the login: ALTER ROLE … SET %s = %s", name, value)
		}
		if values[i] != nil && *values[i] != want { // NULL: of a library that is not loaded yet, and so is its default
			faults = append(faults, fmt.Sprintf("%s is %s and must be %s: %s", name, *values[i], want, mend))
		}
	}
	return faults, nil
}

var (
	//go:embed catalogue.sql
	catalogueQuery string
	//go:embed permissions.sql
	permissionsQuery string
	//go:embed catalogue.txt
	catalogueText string
)

// A Catalogue is what there is in a schema, words by name.
type Catalogue map[string]string

// catalogue is what the migrations of this binary leave; catalogue.txt is written by a test.
var catalogue = func() Catalogue {
	things := Catalogue{}
	for line := range strings.Lines(catalogueText) {
		name, words, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		things[name] = words
	}
	return things
}()

// maxNamed is how many things Missing names: more say no more.
const maxNamed = 20

// Missing lists what is not as the migrations of this binary left it, one sentence each; none in a database that has newer ones. What is
// there besides is the operator's. The session must have been settled.
func Missing(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	latest, err := Latest()
	if err != nil {
		return nil, err
	}
	var version int64
	if err := conn.QueryRow(ctx, `SELECT public.migration_version()`).Scan(&version); err != nil || version > latest {
		return nil, err
	}
	there, err := CatalogueOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	var faults []string
	for _, role := range []string{"role rowhouse_app", "role rowhouse_gate", "role rowhouse_login", "role rowhouse_worker"} {
		if _, ok := there[role]; !ok {
			faults = append(faults, role+" is missing")
		}
	}
	if len(faults) > 0 { // and with it every privilege
		return faults, nil
	}
	for name, got := range there {
		_, object, _ := strings.Cut(name, " may do with ")
		_, known := catalogue[object]
		_, wanted := catalogue[name]
		switch {
		case wanted:
		case known:
			faults = append(faults, fmt.Sprintf("%s: %s, and it must be nothing", name, got))
		case strings.HasPrefix(name, "permission "):
			faults = append(faults, name+" is unknown to this program")
		}
	}
	slices.Sort(faults)
	for _, name := range slices.Sorted(maps.Keys(catalogue)) {
		want := catalogue[name]
		switch got, ok := there[name]; {
		case ok && got == want:
			continue
		case !ok && strings.HasPrefix(name, "what "):
			faults = append(faults, fmt.Sprintf("%s: nothing, and it must be %s", name, want))
		case !ok:
			faults = append(faults, name+" is missing")
		case strings.HasPrefix(got, want+", "):
			faults = append(faults, name+" is "+strings.TrimPrefix(got, want+", "))
		default:
			faults = append(faults, fmt.Sprintf("%s is not as the migrations left it: %s, and it must be %s", name, got, want))
		}
	}
	if more := len(faults) - maxNamed; more > 0 {
		faults = append(faults[:maxNamed], fmt.Sprintf("and %d more", more))
	}
	return faults, nil
}

// CatalogueOf is what there is in the database. The session must have been settled.
func CatalogueOf(ctx context.Context, conn *pgx.Conn) (Catalogue, error) {
	things := Catalogue{}
	for _, query := range []string{catalogueQuery, permissionsQuery} {
		if query == permissionsQuery && things["table permissions"] == "" {
			continue
		}
		rows, err := conn.Query(ctx, query)
		if err != nil {
			return nil, err
		}
		var name, words string
		if _, err = pgx.ForEachRow(rows, []any{&name, &words}, func() error {
			things[name] = strings.Join(strings.Fields(words), " ")
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return things, nil
}

// Connect makes a settled connection for a program that starts, as the login of config. Its error is what PostgreSQL or the network said,
// without a secret, or what of the surroundings is unfit. From is the variable that the login comes from. Sessions says that the program
// needs sessions of its own, and not only transactions.
func Connect(ctx context.Context, from string, config *pgx.ConnConfig, sessions bool) (*pgx.Conn, error) {
	if err := checkMode(config.DefaultQueryExecMode); err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	patient := config.Copy()
	patient.ConnectTimeout = patience(patient)
	patient.Tracer = nil
	began, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	conn, err := pgx.ConnectConfig(began, patient)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, Said(err))
	}
	between, err := probe(began, conn)
	if err == nil {
		err = checkPooler(between, config.DefaultQueryExecMode, sessions)
	}
	if err == nil {
		err = Settle(began, conn)
	}
	var faults []string
	if err == nil {
		faults, err = unfit(began, conn, between.sessions)
	}
	if err == nil && len(faults) > 0 {
		err = errors.New(strings.Join(faults, "\n"))
	}
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("%s: %w", from, Said(err))
	}
	return conn, nil
}

// patience is how long each host may say nothing, so that the last one is asked too. Where TLS may be left out a host stands there twice, and both
// attempts share its time.
func patience(config *pgx.ConnConfig) time.Duration {
	hosts := map[string]bool{fmt.Sprint(config.Host, " ", config.Port): true}
	for _, f := range config.Fallbacks {
		hosts[fmt.Sprint(f.Host, " ", f.Port)] = true
	}
	return Patience / time.Duration(len(hosts))
}

// ConnectOwner is Connect for whoever changes the schema.
func ConnectOwner(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_MIGRATION_URL: %w", err)
	}
	return Connect(ctx, "DATABASE_MIGRATION_URL", config, true)
}

// Said is an error of connecting in one line; it names the login and the database, and no password. That a clock of ours ended the attempt is
// said as what it means.
func Said(err error) error {
	text := err.Error()
	var refused *pgconn.ConnectError
	if errors.As(err, &refused) {
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\t' }), " ")
	}
	const late = "no answer in time"
	return connectError{strings.NewReplacer(context.DeadlineExceeded.Error(), late, context.Canceled.Error(), late).Replace(text), err}
}

type connectError struct {
	text string
	error
}

func (e connectError) Error() string { return e.text }
func (e connectError) Unwrap() error { return e.error }
