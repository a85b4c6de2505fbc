//go:build !worker

package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/tenancy"
)

const demoPassword = "harbour-lights"

// The demonstration. Its ids are fixed so that documentation can name them.
var demoTenants = []struct {
	id, name string
	users    []demoUser
	items    []db.ItemCreateParams
	kind     string // it has what a studio has besides, or a community, or neither
}{
	{
		id: "0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f", name: "Harbour Furniture",
		users: []demoUser{{"ada", "admin"}, {"ben", "assistant"}, {"cleo", "artist"}, {"dora", "member"}},
		items: []db.ItemCreateParams{
			{Name: "Oak table", Description: text("Seats six"), PriceCents: 24900},
			{Name: "Oak chair", PriceCents: 8900},
			{Name: "Pine bench", Description: text("For the hall"), PriceCents: 12900},
			{Name: "Walnut shelf", PriceCents: 17900},
		},
	},
	{
		id: "0190a6c0-7b1e-7cc3-98c4-dc0c0c073990", name: "Northside Ceramics",
		users: []demoUser{{"ada", "member"}, {"emil", "admin"}, {"fay", "assistant"}},
		items: []db.ItemCreateParams{
			{Name: "Blue bowl", Description: text("Hand-thrown"), PriceCents: 3400},
			{Name: "Tea pot", PriceCents: 5900},
			{Name: "Tile, glazed", PriceCents: 1200},
		},
	},
	{
		id: "0190a6c0-7b1e-7cc3-98c4-dc0c0c073991", name: "Inkwell Tattoo",
		users: []demoUser{{"iris", "admin"}, {"jon", "assistant"}, {"mara", "artist"}},
		kind:  "studio",
	},
	{
		id: "0190a6c0-7b1e-7cc3-98c4-dc0c0c073992", name: "Riverside Makers",
		users: []demoUser{{"kim", "admin"}, {"lena", "assistant"}, {"milo", "member"}, {"nia", "member"}, {"otto", "member"}},
		kind:  "community",
	},
}

type demoUser struct{ username, role string }

// demoPeople are a tenant's users by username, and its artists.
type demoPeople struct {
	tenant  ids.TenantID
	users   map[string]ids.UserID
	artists map[string]ids.ArtistID
}

// seed makes the demo data in one transaction, unless they are there.
func seed(ctx context.Context, url string) error {
	doors, err := tenancy.Open(ctx, url)
	if err != nil {
		return err
	}
	defer doors.Close()
	doors.AcquireTimeout = operatorWait // beside all that a start does on a small machine
	if err := doors.Reach(ctx, false); err != nil {
		return err
	}
	system := tenancy.Caller{Operation: "demo.seed"}
	if _, err := doors.Unscoped(system).AccountByLogin(ctx, "ada"); !errors.Is(err, pgx.ErrNoRows) {
		return err // nil: an earlier start made them
	}
	hash, err := auth.NewPasswords(1, 1).Hash(ctx, demoPassword)
	if err != nil {
		return err
	}
	proven := time.Now()
	return doors.Atomic(ctx, func(tx *tenancy.Tx) error {
		accounts := map[string]db.Account{}
		for _, demo := range demoTenants {
			var tenant ids.TenantID
			if err := tenant.Parse(demo.id); err != nil {
				return err
			}
			for _, u := range demo.users {
				if _, made := accounts[u.username]; made {
					continue
				}
				account, err := tx.Unscoped(system).AccountCreate(ctx, db.AccountCreateParams{
					ID: ids.New[ids.AccountID](), Username: u.username, Email: u.username + "@example.com", Name: text(strings.ToUpper(u.username[:1]) + u.username[1:]), PasswordHash: &hash,
					EmailVerifiedAt: &proven,
				})
				if err != nil {
					return err
				}
				accounts[u.username] = account
			}
			q := tx.Provision(tenant, system)
			slug := strings.ToLower(strings.ReplaceAll(demo.name, " ", "-"))
			if _, err := q.TenantCreate(ctx, db.TenantCreateParams{TenantID: tenant, Name: demo.name, Slug: slug}); err != nil {
				return err
			}
			people := demoPeople{tenant, map[string]ids.UserID{}, map[string]ids.ArtistID{}}
			for _, u := range demo.users {
				account := accounts[u.username]
				user := db.UserCreateParams{
					TenantID: tenant, ID: ids.New[ids.UserID](), AccountID: account.ID, Username: account.Username, Email: &account.Email, Name: account.Name, Role: u.role,
				}
				if u.role == "artist" {
					artist, err := q.ArtistCreate(ctx, db.ArtistCreateParams{TenantID: tenant, Name: *account.Name})
					if err != nil {
						return err
					}
					user.ArtistID = &artist.ID
					people.artists[u.username] = artist.ID
				}
				made, err := q.UserCreate(ctx, user)
				if err != nil {
					return err
				}
				people.users[u.username] = made.User.ID
			}
			for _, item := range demo.items {
				item.TenantID = tenant
				if _, err := q.ItemCreate(ctx, item); err != nil {
					return err
				}
			}
			var err error
			switch demo.kind {
			case "studio":
				err = demoStudio(ctx, q, people)
			case "community":
				err = demoCommunity(ctx, q, people)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// The studio has the same appointments in each of nine weeks, in turns with each of its clients. Of those that ended before today the states take
// turns, as of those to come; what is completed was paid, by each method in turn.
const (
	demoSettings = `{"timezone":"Europe/Madrid","opening_hours":["Tu-Fr 10:00-19:00","Sa 10:00-14:00"],"slot_minutes":60,"currency":"EUR"}`
	demoZone     = "Europe/Madrid"
	demoBefore   = 4 // weeks before the one that has today
	demoWeeks    = 9
)

var demoClients = []db.ClientCreateParams{
	{Name: "Lucía Ferrer", Phone: text("+34 600 000 011"), Email: text("lucia@example.com"), Instagram: text("lucia.dibuja")},
	{Name: "Tom Baker", Phone: text("+34 600 000 012")},
	{Name: "Aya Nakamura", Email: text("aya@example.com"), Notes: text("Allergic to latex.")},
	{Name: "Peter Holm", Phone: text("+34 600 000 014"), Email: text("peter@example.com")},
	{Name: "Zofia Nowak", Instagram: text("zofia.n")},
}

var demoWeek = []struct {
	day         time.Weekday
	hour, hours int
	artist      string
	priceCents  int32
	notes       string
}{
	{time.Tuesday, 10, 2, "mara", 18000, "Fern, left forearm."},
	{time.Tuesday, 15, 1, "theo", 7000, "Three letters on a wrist."},
	{time.Wednesday, 11, 3, "theo", 27000, "Koi, second session."},
	{time.Thursday, 10, 1, "mara", 8000, "Swallow behind an ear."},
	{time.Thursday, 16, 3, "mara", 25500, "Peonies, shoulder."},
	{time.Friday, 12, 2, "theo", 16000, "Compass, calf."},
	{time.Friday, 17, 2, "mara", 17500, "Touch-up and a moth."},
	{time.Saturday, 10, 3, "mara", 24000, "Oak branch, ribs."},
}

var (
	demoPast    = []string{"completed", "completed", "completed", "cancelled", "completed", "completed", "no show"}
	demoFuture  = []string{"scheduled", "scheduled", "on_hold"}
	demoMethods = []string{"card", "cash", "transfer"}
)

var demoPortfolio = []struct {
	artist, title, style, bodyArea, colorMode string
	public, cover                             bool
}{
	{"mara", "Fern on a forearm", "botanical", "forearm", "bw", true, true},
	{"mara", "Peonies", "botanical", "shoulder", "color", true, false},
	{"mara", "Moth, unhealed", "fine line", "calf", "bw", false, false},
	{"theo", "Koi", "japanese", "back", "color", true, true},
}

func demoStudio(ctx context.Context, q *db.Queries, people demoPeople) error {
	tenant, artists := people.tenant, people.artists
	if _, err := q.TenantUpdate(ctx, db.TenantUpdateParams{TenantID: tenant, IsPublic: new(true)}); err != nil {
		return err
	}
	if _, err := q.SettingsUpdate(ctx, db.SettingsUpdateParams{TenantID: tenant, Changes: []byte(demoSettings)}); err != nil {
		return err
	}
	theo, err := q.ArtistCreate(ctx, db.ArtistCreateParams{TenantID: tenant, Name: "Theo", CommissionRate: new(0.6)}) // who logs in nowhere
	if err != nil {
		return err
	}
	artists["theo"] = theo.ID
	var clients []ids.ClientID
	for _, c := range demoClients {
		c.TenantID = tenant
		client, err := q.ClientCreate(ctx, c)
		if err != nil {
			return err
		}
		clients = append(clients, client.ID)
	}

	zone, err := time.LoadLocation(demoZone)
	if err != nil {
		return err
	}
	now := time.Now().In(zone)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	sunday := now.Day() - int(now.Weekday()) - 7*demoBefore
	for n := range demoWeeks * len(demoWeek) {
		visit := demoWeek[n%len(demoWeek)]
		day := sunday + 7*(n/len(demoWeek)) + int(visit.day)
		a := db.AppointmentCreateParams{
			TenantID: tenant, ClientID: clients[n%len(clients)], ArtistID: artists[visit.artist], PriceCents: visit.priceCents, Notes: &visit.notes,
			StartsAt: time.Date(now.Year(), now.Month(), day, visit.hour, 0, 0, 0, zone),
			EndsAt:   time.Date(now.Year(), now.Month(), day, visit.hour+visit.hours, 0, 0, 0, zone),
		}
		state := demoFuture[n%len(demoFuture)]
		if a.EndsAt.Before(today) {
			state = demoPast[n%len(demoPast)]
		}
		if err := demoAppointment(ctx, q, a, state, demoMethods[n%len(demoMethods)]); err != nil {
			return err
		}
	}
	if _, err := q.TransactionCreate(ctx, db.TransactionCreateParams{
		TenantID: tenant, ArtistID: artists["mara"], AmountCents: -5000, Method: "card", Concept: text("A deposit, returned"), PaidAt: new(today.Add(-time.Hour)),
	}); err != nil {
		return err
	}
	for _, p := range demoPortfolio {
		if _, err := q.PortfolioItemCreate(ctx, db.PortfolioItemCreateParams{
			TenantID: tenant, ArtistID: artists[p.artist], Title: p.title, Style: &p.style, BodyArea: &p.bodyArea, ColorMode: &p.colorMode,
			IsPublic: &p.public, IsCover: &p.cover,
		}); err != nil {
			return err
		}
	}
	return nil
}

// demoAppointment makes an appointment that has come to a state. What is completed is paid when it ended, as AppointmentComplete, which pays now,
// would have then.
func demoAppointment(ctx context.Context, q *db.Queries, a db.AppointmentCreateParams, state, method string) error {
	if state != "cancelled" && state != "no show" {
		a.Status = &state
	}
	made, err := q.AppointmentCreate(ctx, a)
	switch {
	case err != nil:
		return err
	case a.Status == nil:
		_, err = q.AppointmentCancel(ctx, db.AppointmentCancelParams{TenantID: a.TenantID, ID: made.ID, NoShow: state == "no show"})
	case state == "completed":
		_, err = q.TransactionCreate(ctx, db.TransactionCreateParams{
			TenantID: a.TenantID, AppointmentID: &made.ID, ArtistID: a.ArtistID, AmountCents: a.PriceCents, Method: method, PaidAt: &a.EndsAt,
		})
	}
	return err
}

// The community: its members, among its users, and its groups. Nia has not joined.
var demoMembers = []struct {
	username, membershipType, legalName, city string
	votes, affirmed                           bool
}{
	{"kim", "managing", "Kim Andersson", "Bilbao", true, true},
	{"lena", "supporting", "Lena Maria Fuchs", "Bilbao", true, true},
	{"milo", "basic", "Milo Santos", "Getxo", true, false},
	{"otto", "fellow", "Otto Brandt", "Donostia", false, false},
}

var demoGroups = []struct {
	name, location, url, urlType string
	approved, trusted            bool
}{
	{"Riverside Woodwork", "Bilbao", "https://groups.example.com/woodwork", "meetup", true, true},
	{"Open Looms", "Getxo", "https://groups.example.com/looms", "meetup", true, false},
	{"Makers' Letters", "", "https://lists.example.com/letters", "distribution_list", true, false},
	{"Repair Sundays", "Donostia", "https://groups.example.com/repair", "other", false, false},
}

func demoCommunity(ctx context.Context, q *db.Queries, people demoPeople) error {
	tenant := people.tenant
	if _, err := q.TenantUpdate(ctx, db.TenantUpdateParams{TenantID: tenant, IsPublic: new(true)}); err != nil {
		return err
	}
	for _, m := range demoMembers {
		made, err := q.MembershipCreate(ctx, db.MembershipCreateParams{
			TenantID: tenant, UserID: text(people.users[m.username].UUID()), MembershipType: &m.membershipType, LegalName: m.legalName, EmailAddress: m.username + "@example.com",
			City: &m.city, CodeOfConduct: true, Votes: &m.votes,
		})
		if err == nil && m.affirmed {
			_, err = q.MembershipAffirmVote(ctx, db.MembershipAffirmVoteParams{TenantID: tenant, ID: made.Membership.ID})
		}
		if err != nil {
			return err
		}
	}
	for _, g := range demoGroups {
		group := db.UserGroupCreateParams{TenantID: tenant, Name: g.name, Url: &g.url, UrlType: &g.urlType}
		if g.location != "" {
			group.Location = &g.location
		}
		made, err := q.UserGroupCreate(ctx, group)
		if err == nil && g.approved {
			_, err = q.UserGroupApprove(ctx, db.UserGroupApproveParams{TenantID: tenant, ID: made.ID})
		}
		if err == nil && g.trusted {
			_, err = q.UserGroupMarkTrusted(ctx, db.UserGroupMarkTrustedParams{TenantID: tenant, ID: made.ID})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func text(s string) *string { return &s }
