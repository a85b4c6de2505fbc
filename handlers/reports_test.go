package handlers

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"rowhouse/testdb"
)

// entry is a line of the books as a test keeps them.
type entry struct {
	artist, method     string
	paid               time.Time
	amount, commission int64
	void               bool
}

// totals are those of the entries that count.
func totals(books []entry, counts func(entry) bool) (sum ReportTotals) {
	for _, e := range books {
		if e.void || !counts(e) {
			continue
		}
		sum.add(ReportTotals{1, max(e.amount, 0), min(e.amount, 0), e.amount, e.commission})
	}
	return sum
}

func (s studio) report(role, query string) Report {
	s.t.Helper()
	return content[Report](s.t, s.want(s.by(role, "GET", "/reports/financial?"+query, ""), 200))
}

// named is what a line is of.
func (l ReportLine) named() string {
	switch {
	case l.Day != nil:
		return l.Day.Time().Format(time.DateOnly)
	case l.ArtistID != nil:
		return l.ArtistID.UUID()
	}
	return *l.Method
}

// After thousands of payments, refunds, completed appointments and voids, in several hands at the same time, every report is what the books say,
// by day, artist and method, of all and of one.
func TestReportsAreTheBooks(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	s.db.Exec(`DELETE FROM transactions`)
	const hands, each = 8, 1250
	zone := zoneOf(t, "Europe/Madrid")
	s.want(s.by("admin", "PATCH", "/settings", `{"timezone":"Europe/Madrid"}`), 200)
	rates := map[string]float64{s.artist: 0.5}
	for _, rate := range []float64{0.3333, 0.65, 1} {
		rates[s.make("admin", "/artists", fmt.Sprintf(`{"name":"Artist","commission_rate":%v}`, rate))] = rate
	}
	for id := range rates { // their ids as reports have them
		if _, plain, ok := strings.Cut(id, "-"); ok && strings.HasPrefix(id, "artist-") {
			rates[plain] = rates[id]
			delete(rates, id)
		}
	}
	var artists []string
	for id := range rates {
		artists = append(artists, id)
	}
	slices.Sort(artists)
	methods := []string{"cash", "card", "transfer", "other"}

	var hand sync.WaitGroup
	books := make([][]entry, hands)
	for n := range hands {
		hand.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			paths := []string{} // of the entry of the same index
			for step := range each {
				artist, method := artists[random.IntN(len(artists))], methods[random.IntN(len(methods))]
				switch what := random.IntN(10); {
				case what < 6 || len(paths) == 0:
					e := entry{artist: artist, method: method, paid: time.Date(2026, 1, 1, 0, 0, random.IntN(365*86_400), 0, zone), amount: int64(1 + random.IntN(50_000))}
					if random.IntN(4) == 0 {
						e.amount = -e.amount
					}
					e.commission = share(e.amount, rates[artist])
					made := s.want(s.by("admin", "POST", "/transactions", fmt.Sprintf(`{"artist_id":%q,"amount_cents":%d,"method":%q,"paid_at":%q}`, artist, e.amount, method, e.paid.Format(time.RFC3339))), 201)
					books[n], paths = append(books[n], e), append(paths, made.header.Get("Location")[len("/api/v1"):])
				case what < 8:
					i := random.IntN(len(paths))
					s.want(s.by("admin", "POST", paths[i]+"/void", ""), 200) // again, it changes nothing
					books[n][i].void = true
				default:
					at, price := time.Now().AddDate(1+n, 0, 0).Add(time.Duration(step)*time.Hour).UTC(), int64(random.IntN(50_000))
					id := s.make("admin", "/appointments", fmt.Sprintf(`{"client_id":%q,"artist_id":%q,"starts_at":%q,"ends_at":%q,"price_cents":%d,"commission_rate":0.25,"status":"on_hold"}`,
						s.client, artist, at.Format(time.RFC3339), at.Add(time.Minute).Format(time.RFC3339), price))
					if random.IntN(3) == 0 {
						s.want(s.by("admin", "POST", "/appointments/"+id+"/cancel", ""), 200)
						continue
					}
					done := content[appointmentCompleted](t, s.want(s.by("admin", "POST", "/appointments/"+id+"/complete", fmt.Sprintf(`{"method":%q}`, method)), 200))
					e := entry{artist: artist, method: method, paid: time.Now(), amount: price, commission: share(price, 0.25)}
					if done.TransactionID == nil {
						continue
					}
					books[n], paths = append(books[n], e), append(paths, "/transactions/"+done.TransactionID.UUID())
				}
			}
		})
	}
	hand.Wait()
	all := slices.Concat(books...)

	random := rand.New(rand.NewPCG(2, 2))
	for range 100 {
		from := time.Date(2026, 1, 1+random.IntN(365), 0, 0, 0, 0, zone)
		to := from.AddDate(0, 0, random.IntN(90))
		by, artist, method := []string{"day", "artist", "method"}[random.IntN(3)], "", ""
		query := fmt.Sprintf("from=%s&to=%s&group_by=%s", from.Format(time.DateOnly), to.Format(time.DateOnly), by)
		if random.IntN(3) == 0 {
			artist = artists[random.IntN(len(artists))]
			query += "&artist_id=" + artist
		}
		if random.IntN(3) == 0 {
			method = methods[random.IntN(len(methods))]
			query += "&method=" + method
		}
		within := func(e entry) bool {
			return !e.paid.Before(from) && e.paid.Before(to.AddDate(0, 0, 1)) && (artist == "" || e.artist == artist) && (method == "" || e.method == method)
		}
		lines := map[string]ReportTotals{}
		for _, e := range all {
			if within(e) && !e.void {
				of := map[string]string{"day": e.paid.In(zone).Format(time.DateOnly), "artist": e.artist, "method": e.method}[by]
				sum := lines[of]
				sum.add(totals([]entry{e}, within))
				lines[of] = sum
			}
		}
		got := s.report("admin", query)
		told := map[string]ReportTotals{}
		for _, line := range got.Lines {
			told[line.named()] = line.ReportTotals
		}
		if diff := gocmp.Diff(lines, told); diff != "" || got.Total != totals(all, within) || !slices.IsSortedFunc(got.Lines, func(a, b ReportLine) int { return cmp.Compare(a.named(), b.named()) }) {
			t.Fatalf("%s: total %+v, want %+v; (-want +got):\n%s", query, got.Total, totals(all, within), diff)
		}
	}
	t.Attr("books", fmt.Sprint(len(all)))
}

// share is an artist's part of an amount: half a cent goes away from zero.
func share(amount int64, rate float64) int64 {
	cents := math.Abs(float64(amount)) * math.Round(rate*10_000) // ten-thousandths of a cent, exactly
	rounded := int64(math.Floor((cents + 5_000) / 10_000))
	if amount < 0 {
		return -rounded
	}
	return rounded
}

// A day of a report is the tenant's: from its first moment to its last, where it has 23 or 25 hours, where zones are apart by parts of an hour,
// and where midnight comes twice or not at all.
func TestReportDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, day string }{
		{"UTC", "2026-03-01"},
		{"Europe/Madrid", "2026-03-29"},       // of 23 hours
		{"Europe/Madrid", "2026-10-25"},       // of 25
		{"Asia/Kolkata", "2026-06-01"},        // 5½ hours ahead
		{"Asia/Kathmandu", "2026-06-01"},      // 5¾
		{"America/Sao_Paulo", "2018-11-04"},   // begins at one
		{"America/Havana", "2026-11-01"},      // midnight comes twice
		{"Australia/Lord_Howe", "2026-04-05"}, // the clocks go back by half an hour
		{"Pacific/Apia", "2011-12-31"},        // the day before is none
	} {
		t.Run(c.zone+" "+c.day, func(t *testing.T) {
			t.Parallel()
			s := newStudio(t)
			zone := zoneOf(t, c.zone)
			s.want(s.by("admin", "PATCH", "/settings", `{"timezone":"`+c.zone+`"}`), 200)
			day, err := time.ParseInLocation(time.DateOnly, c.day, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			s.db.Exec(`DELETE FROM transactions`)
			s.db.Exec(`INSERT INTO transactions (tenant_id, artist_id, amount_cents, method, paid_at)
				SELECT $1, $2, 1, 'cash', moment
				  FROM generate_series($3::timestamptz - interval '4 days', $3::timestamptz + interval '4 days', interval '15 minutes') AS quarter (at)
				 CROSS JOIN LATERAL (VALUES (at), (at - interval '1 microsecond')) AS both_sides (moment)`, s.of.id, s.artist, day)
			paid := testdb.Value[[]time.Time](s.db, `SELECT array_agg(paid_at) FROM transactions`)
			whole := s.report("admin", fmt.Sprintf("from=%s&to=%s", day.AddDate(0, 0, -2).Format(time.DateOnly), day.AddDate(0, 0, 2).Format(time.DateOnly)))
			for add := -2; add <= 2; add++ {
				name := day.AddDate(0, 0, add).Format(time.DateOnly)
				var want int64
				for _, at := range paid {
					if at.In(zone).Format(time.DateOnly) == name {
						want++
					}
				}
				alone := s.report("admin", "from="+name+"&to="+name)
				if alone.Total.Transactions != want {
					t.Errorf("%s alone has %d, want %d", name, alone.Total.Transactions, want)
				}
				var line int64
				for _, l := range whole.Lines {
					if l.named() == name {
						line = l.Transactions
					}
				}
				if line != want {
					t.Errorf("of %s in five days there are %d, want %d", name, line, want)
				}
			}
		})
	}
}

// An admin sees any report, an assistant totals of days alone, an artist what is his own, and nobody else any.
func TestReportsAreLimited(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	other := s.of.own.UUID()
	s.db.Exec(`DELETE FROM transactions`)
	pay := func(artist string, amount int, method string) string {
		return s.make("admin", "/transactions", fmt.Sprintf(`{"artist_id":%q,"amount_cents":%d,"method":%q,"paid_at":"2026-03-01T12:00:00Z"}`, artist, amount, method))
	}
	pay(s.artist, 10_000, "cash")
	pay(s.artist, -3_000, "card")
	pay(other, 5_001, "cash")
	s.want(s.by("admin", "POST", "/transactions/"+pay(other, 70_000, "other")+"/void", ""), 200)
	const march = "from=2026-03-01&to=2026-03-31"
	for _, c := range []struct {
		role, query string
		want        ReportTotals
	}{
		{"admin", "", ReportTotals{3, 15_001, -3_000, 12_001, 6_001}},
		{"admin", "&group_by=artist", ReportTotals{3, 15_001, -3_000, 12_001, 6_001}},
		{"admin", "&artist_id=" + other, ReportTotals{1, 5_001, 0, 5_001, 2_501}},
		{"admin", "&method=card", ReportTotals{1, 0, -3_000, -3_000, -1_500}},
		{"assistant", "", ReportTotals{3, 15_001, -3_000, 12_001, 6_001}},
		{"artist", "", ReportTotals{2, 10_000, -3_000, 7_000, 3_500}},
		{"artist", "&group_by=method", ReportTotals{2, 10_000, -3_000, 7_000, 3_500}},
		{"artist", "&group_by=artist&artist_id=" + s.artist, ReportTotals{2, 10_000, -3_000, 7_000, 3_500}},
		{"artist", "&artist_id=" + other, ReportTotals{}},
	} {
		if got := s.report(c.role, march+c.query); got.Total != c.want {
			t.Errorf("%s, %s: got %+v, want %+v", c.role, c.query, got.Total, c.want)
		}
	}
	for _, more := range []string{"&group_by=artist", "&group_by=method", "&artist_id=" + s.artist, "&method=cash"} {
		s.want(s.by("assistant", "GET", "/reports/financial?"+march+more, ""), 403, "permission_denied")
		s.want(s.by("assistant", "GET", "/reports/financial/export?"+march+more, ""), 403, "permission_denied")
	}
	s.want(s.by("member", "GET", "/reports/financial?"+march, ""), 403, "permission_denied")
	for query, wrong := range map[string]string{
		"":                              "from:required to:required",
		"from=2026-03-02&to=2026-03-01": "to:range",
		"from=2026-03-02&to=2036-03-10": "to:range",
		"from=2026-02-30&to=2026-03-01": "from:format to:range",
		march + "&group_by=week":        "group_by:one_of",
		march + "&method=gold":          "method:one_of",
	} {
		if got := s.want(s.by("admin", "GET", "/reports/financial?"+query, ""), 422); strings.Join(got.fields(), " ") != wrong {
			t.Errorf("%s: got %v, want %s", query, got.fields(), wrong)
		}
	}

	table := s.want(s.by("assistant", "GET", "/reports/financial/export?format=csv&"+march, ""), 200)
	const want = "day,artist_id,method,transactions,income_cents,refund_cents,total_cents,commission_cents\n2026-03-01,,,3,15001,-3000,12001,6001\n"
	if media := table.header.Get("Content-Type"); table.body != want || media != "text/csv; charset=utf-8" {
		t.Errorf("as a table (%s):\n%s", media, table.body)
	}
}
