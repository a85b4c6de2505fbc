package handlers

import (
	"cmp"
	"context"
	"net/url"
	"strings"
	"time"
	"unicode"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const (
	portfolioItemsRead  auth.Permission = "portfolio:read"
	portfolioItemsWrite auth.Permission = "portfolio:write"
)

// PortfolioItem is a row of portfolio_items as a client sees it: finished work that artists show.
type PortfolioItem struct {
	ID            ids.PortfolioItemID `json:"id"`
	TenantID      ids.TenantID        `json:"tenant_id"`
	ArtistID      ids.ArtistID        `json:"artist_id" doc:"Whose work it is."`
	AppointmentID *ids.AppointmentID  `json:"appointment_id" doc:"Where it was done, if that is known."`
	Title         string              `json:"title" example:"Fern on a forearm"`
	Caption       *string             `json:"caption" doc:"What stands under the picture." example:"Two sessions, four hours."`
	ImageURL      *string             `json:"image_url" doc:"The address of the picture." example:"https://images.example.com/fern.jpg"`
	Style         *string             `json:"style" example:"botanical"`
	BodyArea      *string             `json:"body_area" example:"forearm"`
	ColorMode     string              `json:"color_mode" validate:"oneof=color bw" doc:"In colour, or in black and white (bw)."`
	Healed        bool                `json:"healed" doc:"Whether the picture shows it healed."`
	IsPublic      bool                `json:"is_public" doc:"Whether everybody may see it, or only who works in the studio."`
	IsCover       bool                `json:"is_cover" doc:"Whether it stands for all the artist's work; one does at most."`
	CreatedAt     time.Time           `json:"created_at"`
	UpdatedAt     time.Time           `json:"updated_at"`

	version int64
}

func (p *PortfolioItem) Resource() (name, path string, version int64) {
	return "portfolio_item", "/portfolio-items/" + p.ID.String(), p.version
}

func newPortfolioItem(row db.PortfolioItem) PortfolioItem {
	return PortfolioItem{
		ID:            row.ID,
		TenantID:      row.TenantID,
		ArtistID:      row.ArtistID,
		AppointmentID: row.AppointmentID,
		Title:         row.Title,
		Caption:       row.Caption,
		ImageURL:      row.ImageUrl,
		Style:         row.Style,
		BodyArea:      row.BodyArea,
		ColorMode:     row.ColorMode,
		Healed:        row.Healed,
		IsPublic:      row.IsPublic,
		IsCover:       row.IsCover,
		CreatedAt:     row.CreatedAt,
		UpdatedAt:     row.UpdatedAt,
		version:       row.Version,
	}
}

// portfolioItemFilter says which portfolio items, in which order.
type portfolioItemFilter struct {
	Sort          string             `query:"sort" validate:"oneof=title -title" doc:"By title (regardless of case); with - downwards. Newest first when left out."`
	Q             *string            `query:"q" limit:"portfolio_items.title" doc:"Portfolio items whose title begins so, regardless of case." example:"fern"`
	ArtistID      *ids.ArtistID      `query:"artist_id" doc:"Portfolio items whose artist_id is this."`
	AppointmentID *ids.AppointmentID `query:"appointment_id" doc:"Portfolio items whose appointment_id is this."`
	IsPublic      *bool              `query:"is_public" doc:"Portfolio items whose is_public is this."`
}

type portfolioItemListInput struct {
	rest.List
	portfolioItemFilter
}

// portfolioItemList reads a page of the tenant's portfolio items.
func portfolioItemList(ctx context.Context, q *db.Queries, who rest.Caller, in portfolioItemListInput) (rest.Page[PortfolioItem], error) {
	rows, err := q.PortfolioItemList(ctx, db.PortfolioItemListParams{
		TenantID:       who.TenantID,
		Sort:           in.Sort,
		Q:              in.Q,
		ArtistID:       *cmp.Or(in.ArtistID, new(ids.ArtistID)),
		OfArtist:       in.ArtistID != nil,
		AppointmentID:  in.AppointmentID,
		IsPublic:       in.IsPublic,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		AfterTitleKey:  in.AfterText(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.PortfolioItemListRow) (PortfolioItem, rest.Position, int64) {
		at := rest.Position{ID: row.PortfolioItem.ID}
		switch in.Sort {
		case "title", "-title":
			at.Text = &row.PortfolioItem.TitleKey
		default:
			at.Time = &row.PortfolioItem.CreatedAt
		}
		return newPortfolioItem(row.PortfolioItem), at, row.Total
	})
}

// portfolioItemFields are what a client says of a portfolio item.
type portfolioItemFields struct {
	ArtistID      *ids.ArtistID                    `json:"artist_id" doc:"Whose work it is."`
	AppointmentID rest.Nullable[ids.AppointmentID] `json:"appointment_id" doc:"Where it was done, if that is known."`
	Title         *string                          `json:"title" validate:"min=1,max=120" example:"Fern on a forearm"`
	Caption       rest.Nullable[string]            `json:"caption" validate:"max=500" text:"long" doc:"What stands under the picture." example:"Two sessions, four hours."`
	ImageURL      rest.Nullable[string]            `json:"image_url" validate:"max=500" doc:"The address of the picture, which begins with https://." example:"https://images.example.com/fern.jpg"`
	Style         rest.Nullable[string]            `json:"style" validate:"max=60" example:"botanical"`
	BodyArea      rest.Nullable[string]            `json:"body_area" validate:"max=60" example:"forearm"`
	ColorMode     *string                          `json:"color_mode" validate:"oneof=color bw" doc:"In colour, or in black and white (bw)."`
	Healed        *bool                            `json:"healed" doc:"Whether the picture shows it healed."`
	IsPublic      *bool                            `json:"is_public" doc:"Whether everybody may see it, or only who works in the studio."`
	IsCover       *bool                            `json:"is_cover" doc:"Whether it stands for all the artist's work; one does at most."`
}

func (in *portfolioItemFields) Problems() []rest.FieldError {
	if in.ImageURL.Value == nil {
		return nil
	}
	address, err := url.Parse(*in.ImageURL.Value)
	if err != nil || address.Scheme != "https" || address.Host == "" || strings.ContainsFunc(*in.ImageURL.Value, unicode.IsSpace) || !strings.HasPrefix(*in.ImageURL.Value, "https://") {
		return []rest.FieldError{{Field: "image_url", Code: "format", Detail: "Must be an address such as https://images.example.com/fern.jpg."}}
	}
	return nil
}

type portfolioItemCreateInput struct {
	portfolioItemFields `required:"artist_id title"`
}

// portfolioItemCreate makes a portfolio item.
func portfolioItemCreate(ctx context.Context, q *db.Queries, who rest.Caller, in portfolioItemCreateInput) (PortfolioItem, error) {
	row, err := q.PortfolioItemCreate(ctx, db.PortfolioItemCreateParams{
		TenantID:      who.TenantID,
		ArtistID:      *in.ArtistID,
		AppointmentID: in.AppointmentID.Value,
		Title:         *in.Title,
		Caption:       in.Caption.Value,
		ImageUrl:      in.ImageURL.Value,
		Style:         in.Style.Value,
		BodyArea:      in.BodyArea.Value,
		ColorMode:     in.ColorMode,
		Healed:        in.Healed,
		IsPublic:      in.IsPublic,
		IsCover:       in.IsCover,
	})
	return newPortfolioItem(row), err
}

type portfolioItemGetInput struct {
	PortfolioItemID ids.PortfolioItemID `path:"portfolio_item_id"`
}

// portfolioItemGet reads a portfolio item.
func portfolioItemGet(ctx context.Context, q *db.Queries, who rest.Caller, in portfolioItemGetInput) (PortfolioItem, error) {
	row, err := q.PortfolioItemGet(ctx, db.PortfolioItemGetParams{TenantID: who.TenantID, ID: in.PortfolioItemID})
	return newPortfolioItem(row), err
}

type portfolioItemUpdateInput struct {
	rest.Conditional
	PortfolioItemID ids.PortfolioItemID `path:"portfolio_item_id"`
	portfolioItemFields
}

// portfolioItemUpdate changes a portfolio item; a field that the client leaves out keeps its value.
func portfolioItemUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in portfolioItemUpdateInput) (PortfolioItem, error) {
	row, err := q.PortfolioItemUpdate(ctx, db.PortfolioItemUpdateParams{
		TenantID:         who.TenantID,
		ID:               in.PortfolioItemID,
		IfMatch:          in.IfMatch,
		ArtistIDSet:      in.ArtistID != nil,
		ArtistID:         *cmp.Or(in.ArtistID, new(ids.ArtistID)),
		AppointmentIDSet: in.AppointmentID.Set,
		AppointmentID:    in.AppointmentID.Value,
		Title:            in.Title,
		CaptionSet:       in.Caption.Set,
		Caption:          in.Caption.Value,
		ImageUrlSet:      in.ImageURL.Set,
		ImageUrl:         in.ImageURL.Value,
		StyleSet:         in.Style.Set,
		Style:            in.Style.Value,
		BodyAreaSet:      in.BodyArea.Set,
		BodyArea:         in.BodyArea.Value,
		ColorMode:        in.ColorMode,
		Healed:           in.Healed,
		IsPublic:         in.IsPublic,
		IsCover:          in.IsCover,
	})
	return newPortfolioItem(row), err
}

type portfolioItemDeleteInput struct {
	rest.Conditional
	PortfolioItemID ids.PortfolioItemID `path:"portfolio_item_id"`
}

// portfolioItemDelete removes a portfolio item.
func portfolioItemDelete(ctx context.Context, q *db.Queries, who rest.Caller, in portfolioItemDeleteInput) (rest.Deleted[ids.PortfolioItemID], error) {
	id, err := q.PortfolioItemDelete(ctx, db.PortfolioItemDeleteParams{TenantID: who.TenantID, ID: in.PortfolioItemID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.PortfolioItemID]{ID: id}, err
}
