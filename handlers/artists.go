package handlers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const (
	artistsRead  auth.Permission = "artists:read"
	artistsWrite auth.Permission = "artists:write"
)

// Artist is a row of artists as a client sees it: who works in a studio. A user whose role is artist is one of them.
type Artist struct {
	ID             ids.ArtistID `json:"id"`
	TenantID       ids.TenantID `json:"tenant_id"`
	Name           string       `json:"name" example:"Mara Voss"`
	Bio            *string      `json:"bio" example:"<p>Fine lines and botanicals.</p>"`
	CommissionRate rest.Rate    `json:"commission_rate" doc:"The artist's share of a payment, where the appointment says no other." example:"0.6"`
	IsActive       bool         `json:"is_active" doc:"Whether the artist works here now."`
	CreatedAt      time.Time    `json:"created_at"`
	UpdatedAt      time.Time    `json:"updated_at"`

	version int64
}

func (a *Artist) Resource() (name, path string, version int64) {
	return "artist", "/artists/" + a.ID.String(), a.version
}

func newArtist(row db.Artist) Artist {
	return Artist{row.ID, row.TenantID, row.Name, row.Bio, rest.Rate(row.CommissionRate), row.IsActive, row.CreatedAt, row.UpdatedAt, row.Version}
}

// artistFilter says which artists, in which order.
type artistFilter struct {
	Sort     string  `query:"sort" validate:"oneof=name -name" doc:"By name (regardless of case); with - downwards. Newest first when left out."`
	Q        *string `query:"q" limit:"artists.name" doc:"Artists whose name begins so, regardless of case." example:"mara"`
	IsActive *bool   `query:"is_active" doc:"Artists whose is_active is this."`
}

type artistListInput struct {
	rest.List
	artistFilter
}

// artistList reads a page of the tenant's artists.
func artistList(ctx context.Context, q *db.Queries, who rest.Caller, in artistListInput) (rest.Page[Artist], error) {
	rows, err := q.ArtistList(ctx, db.ArtistListParams{
		TenantID:       who.TenantID,
		Sort:           in.Sort,
		Q:              in.Q,
		IsActive:       in.IsActive,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		AfterNameKey:   in.AfterText(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.ArtistListRow) (Artist, rest.Position, int64) {
		at := rest.Position{ID: row.Artist.ID}
		switch in.Sort {
		case "name", "-name":
			at.Text = &row.Artist.NameKey
		default:
			at.Time = &row.Artist.CreatedAt
		}
		return newArtist(row.Artist), at, row.Total
	})
}

// artistFields are what a client says of an artist.
type artistFields struct {
	Name           *string               `json:"name" validate:"min=1,max=120" example:"Mara Voss"`
	Bio            rest.Nullable[string] `json:"bio" validate:"max=10000" text:"rich" example:"<p>Fine lines and botanicals.</p>"`
	CommissionRate *rest.Rate            `json:"commission_rate" doc:"The artist's share of a payment, where the appointment says no other." example:"0.6"`
	IsActive       *bool                 `json:"is_active" doc:"Whether the artist works here now."`
}

type artistCreateInput struct {
	artistFields `required:"name"`
}

// artistCreate makes an artist.
func artistCreate(ctx context.Context, q *db.Queries, who rest.Caller, in artistCreateInput) (Artist, error) {
	row, err := q.ArtistCreate(ctx, db.ArtistCreateParams{
		TenantID:       who.TenantID,
		Name:           *in.Name,
		Bio:            in.Bio.Value,
		CommissionRate: (*float64)(in.CommissionRate),
		IsActive:       in.IsActive,
	})
	return newArtist(row), err
}

type artistGetInput struct {
	ArtistID ids.ArtistID `path:"artist_id"`
}

// artistGet reads an artist.
func artistGet(ctx context.Context, q *db.Queries, who rest.Caller, in artistGetInput) (Artist, error) {
	row, err := q.ArtistGet(ctx, db.ArtistGetParams{TenantID: who.TenantID, ID: in.ArtistID})
	return newArtist(row), err
}

type artistSlotsInput struct {
	ArtistID ids.ArtistID `path:"artist_id"`
	From     *time.Time   `query:"from" doc:"The first moment; now when left out."`
	To       *time.Time   `query:"to" doc:"The last moment, up to 31 days later; a week later when left out."`
}

// maxSlotDays bounds the time in which free times are looked for, and so their number.
const maxSlotDays = 31

func (in *artistSlotsInput) Problems() []rest.FieldError {
	switch from, to := in.within(); {
	case to.Before(from) || to.Sub(from) > maxSlotDays*24*time.Hour:
		return []rest.FieldError{{Field: "to", Code: "range", Detail: "Up to 31 days after from."}}
	case to.Year() > 9999: // which no time in an answer can have
		return []rest.FieldError{{Field: "to", Code: "range", Detail: "Up to the year 9999."}}
	}
	return nil
}

func (in *artistSlotsInput) within() (from, to time.Time) {
	from = *cmp.Or(in.From, new(time.Now()))
	return from, *cmp.Or(in.To, new(from.AddDate(0, 0, 7)))
}

// artistSlot is a time at which an artist is free.
type artistSlot struct {
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
}

type artistSlotsOutput struct {
	Slots []artistSlot `json:"slots" doc:"In their order."`
}

// artistSlots lists when an artist is free: the slots of the opening hours in which nothing is booked.
func artistSlots(ctx context.Context, q *db.Queries, who rest.Caller, in artistSlotsInput) (artistSlotsOutput, error) {
	from, to := in.within()
	free := artistSlotsOutput{Slots: []artistSlot{}}
	row, err := q.ArtistBookings(ctx, db.ArtistBookingsParams{TenantID: who.TenantID, ID: in.ArtistID, Since: from, Until: to})
	if err != nil || !row.Works {
		return free, err
	}
	settings, err := newSettings(who.TenantID, row.Given, nil)
	var booked []span
	err = errors.Join(err, json.Unmarshal(row.Booked, &booked))
	zone, zoneErr := zoneNamed(settings.Timezone)
	if err = errors.Join(err, zoneErr); err != nil {
		return free, err
	}
	hours, _ := hoursOf(settings.OpeningHours)
	for _, slot := range freeSlots(span{from, to}, hours, time.Duration(settings.SlotMinutes)*time.Minute, zone, booked) {
		free.Slots = append(free.Slots, artistSlot{slot.From, slot.To})
	}
	return free, nil
}

// maxCalendar is how many appointments a calendar shows at most, and calendarDays since how long ago they began.
const (
	maxCalendar  = 5000
	calendarDays = 90
)

// artistCalendar is what programs that show calendars read.
type artistCalendarOutput struct{ text []byte }

func (c *artistCalendarOutput) Document() (version int64, body []byte) { return 1, c.text }

// artistCalendar writes an artist's appointments as a calendar, from some months ago on; those that were cancelled too, so that programs take
// away what they have shown.
func artistCalendar(ctx context.Context, q *db.Queries, who rest.Caller, in artistGetInput) (artistCalendarOutput, error) {
	row, err := q.ArtistCalendar(ctx, db.ArtistCalendarParams{TenantID: who.TenantID, ArtistID: in.ArtistID, Since: time.Now().AddDate(0, 0, -calendarDays), Most: maxCalendar})
	if err != nil {
		return artistCalendarOutput{}, err
	}
	var entries []calendarEntry
	if err := json.Unmarshal(row.Entries, &entries); err != nil {
		return artistCalendarOutput{}, err
	}
	var text bytes.Buffer
	err = writeCalendar(&text, row.Name, entries)
	return artistCalendarOutput{text.Bytes()}, err
}

type artistUpdateInput struct {
	rest.Conditional
	ArtistID ids.ArtistID `path:"artist_id"`
	artistFields
}

// artistUpdate changes an artist; a field that the client leaves out keeps its value.
func artistUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in artistUpdateInput) (Artist, error) {
	row, err := q.ArtistUpdate(ctx, db.ArtistUpdateParams{
		TenantID:       who.TenantID,
		ID:             in.ArtistID,
		IfMatch:        in.IfMatch,
		Name:           in.Name,
		BioSet:         in.Bio.Set,
		Bio:            in.Bio.Value,
		CommissionRate: (*float64)(in.CommissionRate),
		IsActive:       in.IsActive,
	})
	return newArtist(row), err
}

type artistDeleteInput struct {
	rest.Conditional
	ArtistID ids.ArtistID `path:"artist_id"`
}

// artistDelete removes an artist.
func artistDelete(ctx context.Context, q *db.Queries, who rest.Caller, in artistDeleteInput) (rest.Deleted[ids.ArtistID], error) {
	id, err := q.ArtistDelete(ctx, db.ArtistDeleteParams{TenantID: who.TenantID, ID: in.ArtistID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.ArtistID]{ID: id}, err
}
