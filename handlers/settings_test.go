package handlers

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowhouse/ids"
)

// What a tenant sets holds for it alone; what it leaves out stays, and null sets back. Everybody reads it, an admin sets it.
func TestSettings(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	of := func(r request) Settings {
		t.Helper()
		got := content[map[string]Settings](t, s.want(r, 200))["settings"]
		got.TenantID = ids.TenantID{}
		return got
	}
	untouched := Settings{OpeningHours: []string{"Mo-Fr 10:00-19:00"}, SlotMinutes: 60, Currency: "EUR", Timezone: "UTC", Reminders: true}
	for _, role := range roles {
		if diff := cmp.Diff(untouched, of(s.by(role, "GET", "/settings", ""))); diff != "" {
			t.Errorf("%s reads (-want +got):\n%s", role, diff)
		}
	}
	for _, role := range roles[1:] {
		s.want(s.by(role, "PATCH", "/settings", `{"slot_minutes":30}`), 403, "permission_denied")
	}
	of(s.by("admin", "PATCH", "/settings", `{"slot_minutes":30,"timezone":"Asia/Kolkata"}`))
	want := untouched
	want.SlotMinutes, want.Timezone, want.Currency, want.OpeningHours = 30, "Asia/Kolkata", "CHF", []string{}
	answered := of(s.by("admin", "PATCH", "/settings", `{"currency":"CHF","opening_hours":[]}`))
	if diff := cmp.Diff(want, answered) + cmp.Diff(want, of(s.by("member", "GET", "/settings", ""))); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(untouched, of(s.by("admin", "PATCH", "/settings", `{"currency":null,"opening_hours":null,"slot_minutes":null,"timezone":null}`))); diff != "" {
		t.Errorf("set back (-want +got):\n%s", diff)
	}
	s.of = s.B
	if diff := cmp.Diff(untouched, of(s.by("member", "GET", "/settings", ""))); diff != "" {
		t.Errorf("the other tenant reads (-want +got):\n%s", diff)
	}
}

// Each setting is checked, and all that is wrong said at once.
func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	for body, want := range map[string][]string{
		`{"opening_hours":["Mo 10:00-09:00"],"slot_minutes":4,"currency":"eur","timezone":"Mars/Olympus"}`: {"opening_hours:format", "slot_minutes:min", "currency:format", "timezone:format"},
		`{"opening_hours":["Mo"]}`:                                 {"opening_hours:format"},
		`{"opening_hours":["Fr-Mo 10:00-11:00"]}`:                  {"opening_hours:format"},
		`{"opening_hours":["Mo-Fr 10:00-12:00","We 11:00-13:00"]}`: {"opening_hours:format"},
		`{"opening_hours":["Mo 10:00-24:01"]}`:                     {"opening_hours:format"},
		`{"opening_hours":["Mo 10:00-12:00-13:00"]}`:               {"opening_hours:format"},
		`{"opening_hours":{"monday":[]}}`:                          {"opening_hours:type"},
		`{"slot_minutes":481}`:                                     {"slot_minutes:max"},
		`{"timezone":"Local"}`:                                     {"timezone:format"},
		`{"timezone":""}`:                                          {"timezone:format"},
		`{"timezone":"../etc/passwd"}`:                             {"timezone:format"},
		`{"audit_retention_days":29}`:                              {"audit_retention_days:min"},
		`{"theme":"dark"}`:                                         {"theme:unknown_field"},
	} {
		if got := s.want(s.by("admin", "PATCH", "/settings", body), 422); !slices.Equal(got.fields(), want) {
			t.Errorf("%s: %v, want %v", body, got, want)
		}
	}
}
