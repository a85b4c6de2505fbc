package handlers

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5/pgtype"
)

// maxCursor is in characters. A cursor holds one sorted value, of which the longest is a name.
const maxCursor = 2048

// List is embedded in the input of a list: which page of it is wanted.
type List struct {
	Page     *int32  `query:"page" validate:"min=1,max=10000000" doc:"The page, from 1. Not together with cursor." example:"1"`
	PageSize int32   `query:"page_size" validate:"min=1,max=200" default:"50" doc:"Rows a page." example:"50"`
	Cursor   *string `query:"cursor" doc:"page.next of the page before: reads on from there, at the same cost at any depth. Send the same sort and filters."`
	Count    bool    `query:"count" default:"false" doc:"Whether page.total is counted."`

	after  *position
	listed string // what a cursor of this list is bound to
}

func (l *List) list() *List { return l }

// position is a row's place in a list: the value that the list is sorted by, and the id.
type position struct {
	Time   *time.Time `json:"t,omitzero"`
	Text   *string    `json:"s,omitzero"`
	Number *int32     `json:"n,omitzero"`
	ID     [16]byte   `json:"i"`
}

// number is the page's, from 1; with a cursor it is unknown, and 0.
func (l *List) number() int32 {
	switch {
	case l.Cursor != nil:
		return 0
	case l.Page == nil:
		return 1
	}
	return *l.Page
}

// skip is the OFFSET and limit the LIMIT of the query: one row more than the page, to see whether there is a next.
func (l *List) skip() int32  { return max(0, l.number()-1) * l.PageSize }
func (l *List) limit() int32 { return l.PageSize + 1 }

// The After… parameters of a list query; all nil at the beginning.
func (l *List) afterID() pgtype.UUID {
	if l.after == nil {
		return pgtype.UUID{}
	}
	return pgtype.UUID{Bytes: l.after.ID, Valid: true}
}

func (l *List) afterTime() *time.Time {
	if l.after == nil {
		return nil
	}
	return l.after.Time
}

func (l *List) afterText() *string {
	if l.after == nil {
		return nil
	}
	return l.after.Text
}

func (l *List) afterNumber() *int32 {
	if l.after == nil {
		return nil
	}
	return l.after.Number
}

// open reads the cursor of a request, if it has one. A cursor of another tenant, account, route, sort or filter is as bad
// as a forged one.
func (l *List) open(x *exchange, query url.Values) error {
	filters := url.Values{}
	for name, values := range query {
		switch name {
		case "page", "page_size", "cursor", "count":
		default:
			filters[name] = values
		}
	}
	scope := x.who.AccountID.UUID()
	if x.route.scope == tenantScope {
		scope = x.who.TenantID.UUID()
	}
	l.listed = x.who.Operation + " " + scope + " " + filters.Encode()
	if !query.Has("cursor") {
		return nil
	}
	if query.Has("page") {
		return badRequest("page_with_cursor", "Send page or cursor, not both.")
	}
	after, ok := x.server.cursors.open(l.listed, query.Get("cursor"))
	if !ok {
		return badRequest("invalid_cursor", "The cursor is not one of this list with this sort and these filters; begin again without it.")
	}
	l.after = after
	return nil
}

// Page is one page of a list, as the answer shows it.
type Page[T any] struct {
	rows   []T
	number int32
	size   int32
	next   *position
	total  int64 // -1: not asked for
	listed string
}

// pageOf makes a page of what a list query returned; each row gives its output, its place and the list's total.
func pageOf[Row, T any](l List, rows []Row, err error, each func(*Row) (out T, at position, total int64)) (Page[T], error) {
	if err != nil {
		return Page[T]{}, err
	}
	p := Page[T]{rows: make([]T, 0, min(len(rows), int(l.PageSize))), number: l.number(), size: l.PageSize, total: -1, listed: l.listed}
	if l.Count && l.after == nil && l.number() == 1 {
		p.total = 0
	}
	var last position
	for i := range rows {
		if i == int(p.size) {
			p.next = &last
			break
		}
		out, at, total := each(&rows[i])
		p.rows, last, p.total = append(p.rows, out), at, total
	}
	return p, nil
}

type pageAnswer interface {
	// counted says whether the page has the total that was asked for. A page beyond the end has no row to bring it.
	counted() bool
	page(*exchange) (rows any, page pageInfo) // rows: a pointer to them
	setTotal(pageAnswer)
}

type pageInfo struct {
	Number *int32  `json:"number" doc:"The page, from 1; null with a cursor." example:"1"`
	Size   int32   `json:"size" doc:"The rows that a page has at most." example:"50"`
	Next   *string `json:"next" doc:"The cursor of the next page; null after the last." example:"q83vASNFZ4mrze8"`
	Total  *int64  `json:"total,omitzero" doc:"With count=true: the rows of all pages." example:"1234"`
}

func (p *Page[T]) page(x *exchange) (any, pageInfo) {
	info := pageInfo{Size: p.size}
	if p.number > 0 {
		info.Number = &p.number
	}
	if p.next != nil {
		next := x.server.cursors.seal(p.listed, *p.next)
		info.Next = &next
	}
	if p.total >= 0 {
		info.Total = &p.total
	}
	return &p.rows, info
}

func (p *Page[T]) counted() bool             { return p.total >= 0 }
func (p *Page[T]) setTotal(other pageAnswer) { p.total = other.(*Page[T]).total }

// cursors seals positions: encrypted, so that they show nothing, and bound to the list that they belong to. The first seals, all open.
type cursors []seal

type seal struct {
	aead cipher.AEAD
	mac  []byte
}

func newCursors(secrets [][]byte) cursors {
	all := make(cursors, len(secrets))
	for i, secret := range secrets {
		block, err := aes.NewCipher(secret)
		if err != nil {
			panic(err) // the secret is 32 bytes
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			panic(err)
		}
		mac := sha256.Sum256(append([]byte("cursor nonce "), secret...))
		all[i] = seal{aead, mac[:]}
	}
	return all
}

// seal is deterministic, so that the same page has the same bytes: the nonce is a MAC of all that is sealed.
func (c cursors) seal(listed string, at position) string {
	plain, err := json.Marshal(at)
	if err != nil {
		panic(err) // a position always marshals
	}
	first := c[0]
	mac := hmac.New(sha256.New, first.mac)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(listed))))
	mac.Write([]byte(listed))
	mac.Write(plain)
	nonce := mac.Sum(nil)[:first.aead.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(first.aead.Seal(nonce, nonce, plain, []byte(listed)))
}

func (c cursors) open(listed, text string) (*position, bool) {
	if len(text) > maxCursor {
		return nil, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder skips
		return nil, false
	}
	for _, s := range c {
		if len(sealed) < s.aead.NonceSize() {
			return nil, false
		}
		nonce, box := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
		if plain, err := s.aead.Open(nil, nonce, box, []byte(listed)); err == nil {
			at := &position{}
			return at, json.Unmarshal(plain, at) == nil
		}
	}
	return nil, false
}
