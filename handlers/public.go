package handlers

import (
	"cmp"
	"context"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

// PublicProfile is a profile as everybody sees it, who may be of no tenant. Neither the role nor what the tenant knows a user by is theirs to
// see.
type PublicProfile struct {
	Username  string        `json:"username" example:"ada"`
	Name      *string       `json:"name" example:"Ada Lovelace"`
	FullName  string        `json:"full_name" doc:"First and last name; without these the name, or the username." example:"Ada Lovelace"`
	Email     *string       `json:"email" doc:"Where its owner shows it to everybody." example:"ada@example.com"`
	Instagram *string       `json:"instagram" doc:"Without its @." example:"ada.engines"`
	Bio       *string       `json:"bio" text:"rich" example:"<p>Writes programs.</p>"`
	ArtistID  *ids.ArtistID `json:"artist_id" doc:"Which artist the user is, if any: that of portfolio items."`
}

func newPublicProfile(row db.User, emailShown bool) PublicProfile {
	p := newProfile(row, emailShown)
	return PublicProfile{
		Username:  p.Username,
		Name:      p.Name,
		FullName:  p.FullName,
		Email:     p.Email,
		Instagram: p.Instagram,
		Bio:       p.Bio,
		ArtistID:  p.ArtistID,
	}
}

// published is the tenant of a public page.
type published struct {
	TenantSlug string `path:"tenant_slug" limit:"tenants.slug" doc:"The slug of a tenant that is public." example:"analytical-engines-7k2mq4xz"`
}

// publicTenant finds the tenant of a public page. One that is not public, or not active, is not found, as one that never was.
func (app *App) publicTenant(ctx context.Context, who rest.Caller, of published) (ids.TenantID, error) {
	return app.doors.Unscoped(who).TenantPublic(ctx, of.TenantSlug)
}

type publicProfileListInput struct {
	rest.List
	published
	profileFilter
}

// publicProfileList reads a page of a public tenant's profiles.
func publicProfileList(ctx context.Context, app *App, who rest.Caller, in publicProfileListInput) (rest.Page[PublicProfile], error) {
	tenant, err := app.publicTenant(ctx, who, in.published)
	if err != nil {
		return rest.Page[PublicProfile]{}, err
	}
	rows, err := app.doors.System(tenant, who.Operation).ProfileList(ctx, in.query(tenant, in.List, true))
	return rest.PageOf(in.List, rows, err, func(row *db.ProfileListRow) (PublicProfile, rest.Position, int64) {
		return newPublicProfile(row.User, row.EmailShown), in.at(&row.User), row.Total
	})
}

// PublicUserGroup is an approved user group as everybody sees it.
type PublicUserGroup struct {
	ID        ids.UserGroupID `json:"id"`
	Name      string          `json:"name" example:"Rust Madrid"`
	Location  *string         `json:"location" example:"Madrid"`
	URL       *string         `json:"url" example:"https://groups.example.com/rust-madrid"`
	URLType   string          `json:"url_type" doc:"What is found there." example:"meetup"`
	StartDate *rest.Date      `json:"start_date" doc:"Since when there is the group."`
	Trusted   bool            `json:"trusted" doc:"Whether a moderator said that it is known to be good."`
}

type publicUserGroupListInput struct {
	rest.List
	published
	Sort    string  `query:"sort" validate:"oneof=name -name" doc:"By name (regardless of case); with - downwards. Newest first when left out."`
	Q       *string `query:"q" limit:"user_groups.name" doc:"User groups whose name begins so, regardless of case." example:"rust"`
	Trusted *bool   `query:"trusted" doc:"User groups that are known to be good, or that are not."`
}

// publicUserGroupList reads a page of a public tenant's approved user groups.
func publicUserGroupList(ctx context.Context, app *App, who rest.Caller, in publicUserGroupListInput) (rest.Page[PublicUserGroup], error) {
	tenant, err := app.publicTenant(ctx, who, in.published)
	if err != nil {
		return rest.Page[PublicUserGroup]{}, err
	}
	rows, err := app.doors.System(tenant, who.Operation).UserGroupList(ctx, db.UserGroupListParams{
		TenantID:       tenant,
		Approved:       new(true),
		Sort:           in.Sort,
		Q:              in.Q,
		Trusted:        in.Trusted,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		AfterNameKey:   in.AfterText(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.UserGroupListRow) (PublicUserGroup, rest.Position, int64) {
		group := row.UserGroup
		return PublicUserGroup{
			ID:        group.ID,
			Name:      group.Name,
			Location:  group.Location,
			URL:       group.Url,
			URLType:   group.UrlType,
			StartDate: rest.DateOf(group.StartDate),
			Trusted:   group.Trusted,
		}, userGroupAt(in.Sort, &row.UserGroup), row.Total
	})
}

// PublicPortfolioItem is a portfolio item that its artist shows to everybody.
type PublicPortfolioItem struct {
	ID        ids.PortfolioItemID `json:"id"`
	ArtistID  ids.ArtistID        `json:"artist_id" doc:"Whose work it is."`
	Title     string              `json:"title" example:"Fern on a forearm"`
	Caption   *string             `json:"caption" doc:"What stands under the picture." example:"Two sessions, four hours."`
	ImageURL  *string             `json:"image_url" doc:"The address of the picture." example:"https://images.example.com/fern.jpg"`
	Style     *string             `json:"style" example:"botanical"`
	BodyArea  *string             `json:"body_area" example:"forearm"`
	ColorMode string              `json:"color_mode" doc:"In colour, or in black and white (bw)." example:"color"`
	Healed    bool                `json:"healed" doc:"Whether the picture shows it healed."`
	IsCover   bool                `json:"is_cover" doc:"Whether it stands for all the artist's work; one does at most."`
}

type publicPortfolioItemListInput struct {
	rest.List
	published
	Sort     string        `query:"sort" validate:"oneof=title -title" doc:"By title (regardless of case); with - downwards. Newest first when left out."`
	Q        *string       `query:"q" limit:"portfolio_items.title" doc:"Portfolio items whose title begins so, regardless of case." example:"fern"`
	ArtistID *ids.ArtistID `query:"artist_id" doc:"Portfolio items whose artist_id is this."`
}

// publicPortfolioItemList reads a page of a public tenant's portfolio items that everybody may see.
func publicPortfolioItemList(ctx context.Context, app *App, who rest.Caller, in publicPortfolioItemListInput) (rest.Page[PublicPortfolioItem], error) {
	tenant, err := app.publicTenant(ctx, who, in.published)
	if err != nil {
		return rest.Page[PublicPortfolioItem]{}, err
	}
	rows, err := app.doors.System(tenant, who.Operation).PortfolioItemList(ctx, db.PortfolioItemListParams{
		TenantID:       tenant,
		IsPublic:       new(true),
		Sort:           in.Sort,
		Q:              in.Q,
		ArtistID:       *cmp.Or(in.ArtistID, new(ids.ArtistID)),
		OfArtist:       in.ArtistID != nil,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		AfterTitleKey:  in.AfterText(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.PortfolioItemListRow) (PublicPortfolioItem, rest.Position, int64) {
		item := row.PortfolioItem
		at := rest.Position{ID: item.ID}
		switch in.Sort {
		case "title", "-title":
			at.Text = &row.PortfolioItem.TitleKey
		default:
			at.Time = &row.PortfolioItem.CreatedAt
		}
		return PublicPortfolioItem{
			ID:        item.ID,
			ArtistID:  item.ArtistID,
			Title:     item.Title,
			Caption:   item.Caption,
			ImageURL:  item.ImageUrl,
			Style:     item.Style,
			BodyArea:  item.BodyArea,
			ColorMode: item.ColorMode,
			Healed:    item.Healed,
			IsCover:   item.IsCover,
		}, at, row.Total
	})
}
