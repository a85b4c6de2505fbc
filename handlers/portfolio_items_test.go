package handlers

import (
	"fmt"
	"strings"
	"testing"
)

// A portfolio item is made, read, found, changed and deleted by who may; to another tenant it is not there.
func TestPortfolioItemConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	sample := samples(w.A)

	made := w.want(w.as(admin, sample["POST /portfolio-items"], w.A), 201)
	path := strings.TrimPrefix(made.header.Get("Location"), "/api/v1")
	portfolioItem := content[map[string]PortfolioItem](t, made)["portfolio_item"]

	read := w.want(w.as(admin, call("GET", path), w.A), 200)
	w.want(w.as(admin, call("GET", path), w.A).with("If-None-Match", read.header.Get("ETag")), 304)
	if list := content[[]PortfolioItem](t, w.want(w.as(admin, call("GET", "/portfolio-items?page_size=200"), w.A), 200)); len(list) == 0 || list[0].ID != portfolioItem.ID {
		t.Errorf("the newest of the list is not the portfolio item that was made: %+v", list)
	}

	change := call("PATCH", path).json(sample["PATCH /portfolio-items/:portfolio_item_id"].body)
	w.want(w.as(w.B.people["admin"], change, w.B), 404)
	w.want(w.as(admin, change, w.A).with("If-Match", `"999.stale"`), 412)
	w.want(w.as(admin, change, w.A), 200)

	w.want(w.as(w.B.people["admin"], call("DELETE", path), w.B), 404)
	w.want(w.as(admin, call("DELETE", path), w.A), 200)
	w.want(w.as(admin, call("GET", path), w.A), 404)
}

// A member sees what is public, in lists and their totals too; who works in the studio all; an artist changes his own. An artist has one cover,
// and a picture an address that begins with https.
func TestPortfolio(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	s.db.Exec(`DELETE FROM portfolio_items`)
	other := s.of.own.UUID()
	item := func(artist, more string) string { return `{"artist_id":"` + artist + `","title":"Fern"` + more + `}` }
	shown := "/portfolio-items/" + s.make("artist", "/portfolio-items", item(s.artist, `,"is_public":true,"is_cover":true`))
	hidden := "/portfolio-items/" + s.make("artist", "/portfolio-items", item(s.artist, ``))
	theirs := "/portfolio-items/" + s.make("admin", "/portfolio-items", item(other, `,"is_public":true,"is_cover":true`))
	for role, total := range map[string]int{"admin": 3, "assistant": 3, "artist": 3, "member": 2} {
		list := s.want(s.by(role, "GET", "/portfolio-items?count=true", ""), 200)
		if rows := content[[]PortfolioItem](t, list); len(rows) != total || !strings.Contains(list.body, fmt.Sprintf(`"total":%d`, total)) {
			t.Errorf("%s sees %v", role, list)
		}
	}
	s.want(s.by("member", "GET", shown, ""), 200)
	s.want(s.by("member", "GET", hidden, ""), 404, "not_found")
	s.want(s.by("member", "PATCH", shown, `{"title":"Mine"}`), 403, "permission_denied")
	s.want(s.by("assistant", "POST", "/portfolio-items", item(s.artist, ``)), 403, "permission_denied")
	s.want(s.by("artist", "POST", "/portfolio-items", item(other, ``)), 403, "permission_denied")
	s.want(s.by("artist", "PATCH", theirs, `{"title":"Mine"}`), 403, "forbidden")
	s.want(s.by("artist", "DELETE", theirs, ""), 403, "forbidden")
	s.want(s.by("artist", "PATCH", hidden, `{"is_cover":true}`), 409, "conflict")
	s.want(s.by("artist", "PATCH", shown, `{"is_cover":false}`), 200)
	s.want(s.by("artist", "PATCH", hidden, `{"is_cover":true}`), 200)
	for _, address := range []string{"http://images.example.com/a.jpg", "javascript:alert(1)", "https://", "https://a b", "//images.example.com"} {
		if got := s.want(s.by("artist", "PATCH", hidden, `{"image_url":"`+address+`"}`), 422); strings.Join(got.fields(), "") != "image_url:format" {
			t.Errorf("%s: %v", address, got)
		}
	}
}
