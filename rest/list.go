package rest

import (
	"net/url"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// List is embedded in the input of a list: which page of it is wanted.
type List struct {
	Page     *int32  `query:"page" validate:"min=1,max=10000000" doc:"The page, from 1. Not together with cursor." example:"1"`
	PageSize int32   `query:"page_size" validate:"min=1,max=200" default:"50" doc:"Rows a page." example:"50"`
	Cursor   *string `query:"cursor" doc:"page.next of the page before: reads on from there, at the same cost at any depth. Send the same sort and filters."`
	Count    bool    `query:"count" default:"false" doc:"Whether page.total is counted."`

	after  *Position
	listed string // what a cursor of this list is bound to
}

func (l *List) list() *List { return l }

// Position is a row's place in a list: the value that the list is sorted by, and the id.
type Position struct {
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

// Skip is the OFFSET and limit the LIMIT of the query: one row more than the page, to see whether there is a next.
func (l *List) Skip() int32  { return max(0, l.number()-1) * l.PageSize }
func (l *List) Limit() int32 { return l.PageSize + 1 }

// The After… parameters of a list query; all nil at the beginning.
func (l *List) AfterID() pgtype.UUID {
	if l.after == nil {
		return pgtype.UUID{}
	}
	return pgtype.UUID{Bytes: l.after.ID, Valid: true}
}

func (l *List) AfterTime() *time.Time {
	if l.after == nil {
		return nil
	}
	return l.after.Time
}

func (l *List) AfterText() *string {
	if l.after == nil {
		return nil
	}
	return l.after.Text
}

func (l *List) AfterNumber() *int32 {
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
	switch x.route.Scope {
	case TenantScope:
		scope = x.who.TenantID.UUID()
	case PublicScope:
		scope = url.QueryEscape(x.param("tenant_slug")) // which never changes
	}
	l.listed = x.who.Operation + " " + scope + " " + filters.Encode()
	if !query.Has("cursor") {
		return nil
	}
	if query.Has("page") {
		return BadRequest("page_with_cursor", "Send page or cursor, not both.")
	}
	after, ok := x.server.cursors.open(l.listed, query.Get("cursor"))
	if !ok {
		return BadRequest("invalid_cursor", "The cursor is not one of this list with this sort and these filters; begin again without it.")
	}
	l.after = after
	return nil
}

// Page is one page of a list, as the answer shows it.
type Page[T any] struct {
	rows   []T
	number int32
	size   int32
	next   *Position
	total  int64 // -1: not asked for
	listed string
}

// PageOf makes a page of what a list query returned; each row gives its output, its place and the list's total.
func PageOf[Row, T any](l List, rows []Row, err error, each func(*Row) (out T, at Position, total int64)) (Page[T], error) {
	if err != nil {
		return Page[T]{}, err
	}
	p := Page[T]{rows: make([]T, 0, min(len(rows), int(l.PageSize))), number: l.number(), size: l.PageSize, total: -1, listed: l.listed}
	if l.Count && l.after == nil && l.number() == 1 {
		p.total = 0
	}
	var last Position
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

// PageOfAll is the only page of what is read at once.
func PageOfAll[T any](rows []T) Page[T] { return Page[T]{rows: rows} }

type pageAnswer interface {
	// counted says whether the page has the total that was asked for. A page beyond the end has no row to bring it.
	counted() bool
	page(*exchange) (rows any, page PageInfo) // rows: a pointer to them
	setTotal(pageAnswer)
}

// PageInfo is what a list says of its page, beside the rows.
type PageInfo struct {
	Number *int32  `json:"number" doc:"The page, from 1; null with a cursor." example:"1"`
	Size   int32   `json:"size" doc:"The rows that a page has at most." example:"50"`
	Next   *string `json:"next" doc:"The cursor of the next page; null after the last." example:"q83vASNFZ4mrze8"`
	Total  *int64  `json:"total,omitzero" doc:"With count=true: the rows of all pages." example:"1234"`
}

func (p *Page[T]) page(x *exchange) (any, PageInfo) {
	info := PageInfo{Size: p.size}
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

// More says that the list goes on after the page.
func (p *Page[T]) More() bool { return p.next != nil }

func (p *Page[T]) counted() bool             { return p.total >= 0 }
func (p *Page[T]) setTotal(other pageAnswer) { p.total = other.(*Page[T]).total }
