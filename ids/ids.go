// Package ids holds the typed identifiers: one Go type per entity, so that a team's id where a user's belongs does not
// compile. In the database every id is a uuid (UUIDv7); on the wire it is written `<type>-<uuid>` and also read as
// `<type>_<base62>` or as a bare canonical UUID.
package ids

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/gofrs/uuid/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// One marker per entity, named as the description of the API names it. A new entity adds its line here; make generate writes into names.go
// what stands before its ids on the wire, its name in small letters, and the name of its identifier.
type (
	tenant     struct{}
	account    struct{}
	user       struct{}
	item       struct{}
	session    struct{}
	token      struct{}
	auditEvent struct{}
	invitation struct{}
	apiKey     struct{}
	artist     struct{}
	role       struct{}
	team       struct{}

	setting       struct{}
	client        struct{}
	appointment   struct{}
	transaction   struct{}
	portfolioItem struct{}
	membership    struct{}
	userGroup     struct{}
	job           struct{}
	letter        struct{}
	webhook       struct{}
	delivery      struct{}
	quota         struct{}
)

type entity interface{ prefix() string }

// ID is the identifier of one kind of entity. The zero ID identifies nothing.
type ID[E entity] [16]byte

const (
	uuidText = 36 // the length of a UUID's canonical form, in bytes
	maxText  = 48 // the length of the standard form for a prefix of up to 11; a longer one only costs an allocation
)

// ErrFormat is what parsing returns for text that is no identifier at all.
var ErrFormat = errors.New("not an identifier")

// New makes an identifier, a UUIDv7: later ones sort after earlier ones.
func New[I ~[16]byte]() I { return I(uuid.Must(uuid.NewV7())) }

// Prefix is the entity's name on the wire, such as "item".
func (ID[E]) Prefix() string {
	var e E
	return e.prefix()
}

// IsZero says that the id identifies nothing.
func (id ID[E]) IsZero() bool { return id == ID[E]{} }

// UUID is the bare canonical form, as psql shows it.
func (id ID[E]) UUID() string { return uuid.UUID(id).String() }

// String is the standard form, `<type>-<uuid>`.
func (id ID[E]) String() string {
	var room [maxText]byte
	text, _ := id.AppendText(room[:0])
	return string(text)
}

// Short is the short form, `<type>_<base62>`.
func (id ID[E]) Short() string { return id.Prefix() + "_" + encodeBase62(id) }

// Parse reads any of the three forms. The error says which type was expected, and never repeats the input.
func (id *ID[E]) Parse(text string) error {
	prefix := id.Prefix()
	if rest, ok := strings.CutPrefix(text, prefix+"_"); ok {
		bytes, ok := decodeBase62(rest)
		if !ok {
			return fmt.Errorf("%w: after %s_ come up to 22 characters of base 62", ErrFormat, prefix)
		}
		*id = bytes
		return nil
	}
	if rest, ok := strings.CutPrefix(text, prefix+"-"); ok {
		text = rest
	}
	bytes, err := uuid.FromString(text)
	if err != nil || len(text) != uuidText || strings.ContainsAny(text, "ABCDEF") { // gofrs also reads braces, urn: and upper case, which are not canonical
		return fmt.Errorf("%w: write %s-<uuid>, for instance %s-0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f", ErrFormat, prefix, prefix)
	}
	*id = ID[E](bytes)
	return nil
}

// AppendText appends the standard form (encoding.TextAppender); it never fails.
func (id ID[E]) AppendText(b []byte) ([]byte, error) {
	const hex = "0123456789abcdef"
	b = append(b, id.Prefix()...)
	for i, c := range id {
		switch i {
		case 0, 4, 6, 8, 10:
			b = append(b, '-')
		}
		b = append(b, hex[c>>4], hex[c&15])
	}
	return b, nil
}

// MarshalText is the standard form; it never fails.
func (id ID[E]) MarshalText() ([]byte, error) { return id.AppendText(make([]byte, 0, maxText)) }

// UnmarshalText is Parse.
func (id *ID[E]) UnmarshalText(text []byte) error { return id.Parse(string(text)) }

// UUIDValue and ScanUUID are how pgx writes and reads a uuid column.
func (id ID[E]) UUIDValue() (pgtype.UUID, error) {
	return pgtype.UUID{Bytes: id, Valid: true}, nil
}

// ScanUUID refuses NULL: a nullable column is a pointer to an ID.
func (id *ID[E]) ScanUUID(v pgtype.UUID) error {
	if !v.Valid {
		return fmt.Errorf("a NULL where %s id was expected", reflect.TypeFor[E]().Name())
	}
	*id = v.Bytes
	return nil
}

// Value is the bare UUID, for database/sql.
func (id ID[E]) Value() (driver.Value, error) { return id.UUID(), nil }
