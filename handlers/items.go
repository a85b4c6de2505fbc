package handlers

import (
	"cmp"
	"context"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const (
	itemsRead  auth.Permission = "items:read"
	itemsWrite auth.Permission = "items:write"
)

// Item is a row of items as a client sees it: what a tenant sells.
type Item struct {
	ID          ids.ItemID   `json:"id"`
	TenantID    ids.TenantID `json:"tenant_id"`
	Name        string       `json:"name" example:"Oak table"`
	Description *string      `json:"description" example:"Seats six"`
	PriceCents  int32        `json:"price_cents" doc:"Cents of the tenant's currency." example:"24900"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`

	version int64
}

func (i *Item) Resource() (name, path string, version int64) {
	return "item", "/items/" + i.ID.String(), i.version
}

func newItem(row db.Item) Item {
	return Item{row.ID, row.TenantID, row.Name, row.Description, row.PriceCents, row.CreatedAt, row.UpdatedAt, row.Version}
}

// itemFilter says which items, in which order.
type itemFilter struct {
	Sort          string  `query:"sort" validate:"oneof=name -name price_cents -price_cents" doc:"By name (regardless of case) or price_cents; with - downwards. Newest first when left out."`
	Q             *string `query:"q" limit:"items.name" doc:"Items whose name begins so, regardless of case." example:"oak"`
	MinPriceCents *int32  `query:"min_price_cents" validate:"min=0" doc:"Items whose price_cents is this or more."`
	MaxPriceCents *int32  `query:"max_price_cents" validate:"min=0" doc:"Items whose price_cents is this or less."`
}

type itemListInput struct {
	rest.List
	itemFilter
}

// itemList reads a page of the tenant's items.
func itemList(ctx context.Context, q *db.Queries, who rest.Caller, in itemListInput) (rest.Page[Item], error) {
	rows, err := q.ItemList(ctx, db.ItemListParams{
		TenantID:        who.TenantID,
		Sort:            in.Sort,
		Q:               in.Q,
		MinPriceCents:   in.MinPriceCents,
		MaxPriceCents:   in.MaxPriceCents,
		AfterID:         in.AfterID(),
		AfterCreatedAt:  in.AfterTime(),
		AfterNameKey:    in.AfterText(),
		AfterPriceCents: in.AfterNumber(),
		Skip:            in.Skip(),
		Size:            in.Limit(),
		WithTotal:       in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.ItemListRow) (Item, rest.Position, int64) {
		at := rest.Position{ID: row.Item.ID}
		switch in.Sort {
		case "name", "-name":
			at.Text = &row.Item.NameKey
		case "price_cents", "-price_cents":
			at.Number = &row.Item.PriceCents
		default:
			at.Time = &row.Item.CreatedAt
		}
		return newItem(row.Item), at, row.Total
	})
}

// itemFields are what a client says of an item.
type itemFields struct {
	Name        *string               `json:"name" validate:"min=1,max=100" example:"Oak table"`
	Description rest.Nullable[string] `json:"description" validate:"max=500" text:"long" example:"Seats six"`
	PriceCents  *int32                `json:"price_cents" validate:"min=1,max=10000000" doc:"Cents of the tenant's currency." example:"24900"`
}

type itemCreateInput struct {
	itemFields `required:"name price_cents"`
}

// itemCreate makes an item.
func itemCreate(ctx context.Context, q *db.Queries, who rest.Caller, in itemCreateInput) (Item, error) {
	row, err := q.ItemCreate(ctx, db.ItemCreateParams{
		TenantID:    who.TenantID,
		Name:        *in.Name,
		Description: in.Description.Value,
		PriceCents:  *in.PriceCents,
	})
	return newItem(row), err
}

type itemGetInput struct {
	ItemID ids.ItemID `path:"item_id"`
}

// itemGet reads an item.
func itemGet(ctx context.Context, q *db.Queries, who rest.Caller, in itemGetInput) (Item, error) {
	row, err := q.ItemGet(ctx, db.ItemGetParams{TenantID: who.TenantID, ID: in.ItemID})
	return newItem(row), err
}

type itemUpdateInput struct {
	rest.Conditional
	ItemID ids.ItemID `path:"item_id"`
	itemFields
}

// itemUpdate changes an item; a field that the client leaves out keeps its value.
func itemUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in itemUpdateInput) (Item, error) {
	row, err := q.ItemUpdate(ctx, db.ItemUpdateParams{
		TenantID:       who.TenantID,
		ID:             in.ItemID,
		IfMatch:        in.IfMatch,
		Name:           in.Name,
		DescriptionSet: in.Description.Set,
		Description:    in.Description.Value,
		PriceCents:     in.PriceCents,
	})
	return newItem(row), err
}

type itemDeleteInput struct {
	rest.Conditional
	ItemID ids.ItemID `path:"item_id"`
}

// itemDelete removes an item.
func itemDelete(ctx context.Context, q *db.Queries, who rest.Caller, in itemDeleteInput) (rest.Deleted[ids.ItemID], error) {
	id, err := q.ItemDelete(ctx, db.ItemDeleteParams{TenantID: who.TenantID, ID: in.ItemID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.ItemID]{ID: id}, err
}

// itemImport makes an item of each line.
func itemImport(ctx context.Context, q *db.Queries, who rest.Caller, lines []itemCreateInput) error {
	in := db.ItemImportParams{TenantID: who.TenantID}
	for _, line := range lines {
		in.Name = append(in.Name, *line.Name)
		in.Description = append(in.Description, *cmp.Or(line.Description.Value, new(string)))
		in.DescriptionSet = append(in.DescriptionSet, line.Description.Value != nil)
		in.PriceCents = append(in.PriceCents, *line.PriceCents)
	}
	_, err := q.ItemImport(ctx, in)
	return err
}

type itemExportInput struct {
	rest.ExportFormat
	itemFilter
}

// itemExport reads a page of the items that are exported.
func itemExport(ctx context.Context, q *db.Queries, who rest.Caller, in itemExportInput, list rest.List) (rest.Page[Item], error) {
	return itemList(ctx, q, who, itemListInput{list, in.itemFilter})
}
