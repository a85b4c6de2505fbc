package handlers

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the image that the server runs in has no zones

	"github.com/go-json-experiment/json"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const (
	settingsRead  auth.Permission = "settings:read"
	settingsWrite auth.Permission = "settings:write"
)

// Settings are what a tenant has set for itself, and what holds of the rest.
type Settings struct {
	TenantID     ids.TenantID `json:"tenant_id"`
	OpeningHours []string     `json:"opening_hours" doc:"When the studio is open, in the tenant's time zone, each as schema.org writes it; of a day that none names, it is closed." example:"[\"Tu-Fr 10:00-19:00\",\"Sa 10:00-14:00\"]"`
	SlotMinutes  int32        `json:"slot_minutes" doc:"How long the free times are that are offered for an appointment." example:"60"`
	Currency     string       `json:"currency" doc:"ISO 4217: of which all amounts are hundredths." example:"EUR"`
	Timezone     string       `json:"timezone" doc:"IANA: where the tenant's days begin and end." example:"Europe/Madrid"`
	Reminders    bool         `json:"reminders" doc:"Whether clients who have an e-mail are reminded of an appointment on the day before."`

	AuditRetentionDays *int32 `json:"audit_retention_days" doc:"How many days the audit log is kept; null: for ever." example:"365"`
}

// settingsOutput shows the settings as a thing of their own, which has no version: each is changed by itself.
type settingsOutput struct {
	Settings Settings `json:"settings"`
}

// Shown are the settings alone.
func (o *settingsOutput) Shown() any { return &o.Settings }

// newSettings are those of a tenant that has set what the object says.
func newSettings(tenant ids.TenantID, given []byte, err error) (Settings, error) {
	if err != nil {
		return Settings{}, err
	}
	var set struct {
		OpeningHours *[]string `json:"opening_hours"`
		SlotMinutes  *int32    `json:"slot_minutes"`
		Currency     *string   `json:"currency"`
		Timezone     *string   `json:"timezone"`
		Reminders    *bool     `json:"reminders"`

		AuditRetentionDays *int32 `json:"audit_retention_days"`
	}
	if err := json.Unmarshal(given, &set); err != nil {
		return Settings{}, err
	}
	s := Settings{tenant, []string{"Mo-Fr 10:00-19:00"}, 60, "EUR", "UTC", true, set.AuditRetentionDays}
	take(&s.OpeningHours, set.OpeningHours)
	take(&s.SlotMinutes, set.SlotMinutes)
	take(&s.Currency, set.Currency)
	take(&s.Timezone, set.Timezone)
	take(&s.Reminders, set.Reminders)
	return s, nil
}

func take[T any](to, given *T) {
	if given != nil {
		*to = *given
	}
}

type settingsGetInput struct{}

// settingsGet reads the tenant's settings.
func settingsGet(ctx context.Context, q *db.Queries, who rest.Caller, _ settingsGetInput) (settingsOutput, error) {
	given, err := q.SettingsGet(ctx, who.TenantID)
	settings, err := newSettings(who.TenantID, given, err)
	return settingsOutput{settings}, err
}

type settingsUpdateInput struct {
	OpeningHours rest.Nullable[[]string] `json:"opening_hours" validate:"max=50" doc:"Each one or more days, and a part of them: Mo 09:30-12:00, or Mo-Fr 10:00-19:00. null: Mo-Fr 10:00-19:00." example:"[\"Tu-Fr 10:00-19:00\",\"Sa 10:00-14:00\"]"`
	SlotMinutes  rest.Nullable[int32]    `json:"slot_minutes" validate:"min=5,max=480" doc:"null: 60." example:"30"`
	Currency     rest.Nullable[string]   `json:"currency" validate:"max=3" doc:"Three letters of ISO 4217; null: EUR. Amounts stay the numbers that they are." example:"EUR"`
	Timezone     rest.Nullable[string]   `json:"timezone" validate:"max=64" doc:"A zone of the IANA database; null: UTC." example:"Europe/Madrid"`
	Reminders    rest.Nullable[bool]     `json:"reminders" doc:"null: true. It holds of the reminders that are already planned too." example:"false"`

	AuditRetentionDays rest.Nullable[int32] `json:"audit_retention_days" validate:"min=30,max=36500" doc:"Older events are deleted, once a day; null: none." example:"365"`
}

var currencies = regexp.MustCompile(`^[A-Z]{3}$`)

func (in *settingsUpdateInput) Problems() (wrong []rest.FieldError) {
	if in.OpeningHours.Value != nil {
		if _, fault := hoursOf(*in.OpeningHours.Value); fault != "" {
			wrong = append(wrong, rest.FieldError{Field: "opening_hours", Code: "format", Detail: fault})
		}
	}
	if in.Currency.Value != nil && !currencies.MatchString(*in.Currency.Value) {
		wrong = append(wrong, rest.FieldError{Field: "currency", Code: "format", Detail: "Must be a code of ISO 4217 such as EUR."})
	}
	if in.Timezone.Value != nil {
		if _, err := zoneNamed(*in.Timezone.Value); err != nil {
			wrong = append(wrong, rest.FieldError{Field: "timezone", Code: "format", Detail: "Must be a time zone such as Europe/Madrid."})
		}
	}
	return wrong
}

// zoneNamed is the zone of a name; Local, which is the server's, and the empty name are of none.
func zoneNamed(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		name = "/"
	}
	return time.LoadLocation(name)
}

// settingsUpdate sets what is sent; null sets it back to what holds of who sets nothing.
func settingsUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in settingsUpdateInput) (settingsOutput, error) {
	sent := map[string]any{}
	put(sent, "opening_hours", in.OpeningHours)
	put(sent, "slot_minutes", in.SlotMinutes)
	put(sent, "currency", in.Currency)
	put(sent, "timezone", in.Timezone)
	put(sent, "reminders", in.Reminders)
	put(sent, "audit_retention_days", in.AuditRetentionDays)
	changes, err := json.Marshal(sent)
	if err != nil {
		return settingsOutput{}, err
	}
	given, err := q.SettingsUpdate(ctx, db.SettingsUpdateParams{TenantID: who.TenantID, Changes: changes})
	settings, err := newSettings(who.TenantID, given, err)
	return settingsOutput{settings}, err
}

func put[T any](sent map[string]any, key string, field rest.Nullable[T]) {
	if field.Set {
		sent[key] = field.Value
	}
}

// schemaDays are the days of a week as schema.org writes them.
var schemaDays = []string{"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"}

// hoursOf reads opening hours; fault says what is wrong with them.
func hoursOf(texts []string) (hours openingHours, fault string) {
	week := []*[]opening{&hours.Monday, &hours.Tuesday, &hours.Wednesday, &hours.Thursday, &hours.Friday, &hours.Saturday, &hours.Sunday}
	for i, text := range texts {
		fault := "Number " + strconv.Itoa(i+1) + " must be days and a part of them, such as Mo-Fr 10:00-19:00."
		days, times, _ := strings.Cut(text, " ")
		first, last, ranged := strings.Cut(days, "-")
		if !ranged {
			last = first
		}
		begin, end, _ := strings.Cut(times, "-")
		from, fromErr := clockOf(begin)
		to, toErr := clockOf(end)
		a, z := slices.Index(schemaDays, first), slices.Index(schemaDays, last)
		if fromErr != nil || toErr != nil || a < 0 || z < a {
			return openingHours{}, fault
		}
		for _, day := range week[a : z+1] {
			*day = append(*day, opening{from, to})
		}
	}
	return hours, hours.fault()
}
