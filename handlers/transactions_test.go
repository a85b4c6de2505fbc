package handlers

import (
	"slices"
	"testing"
)

// The books are written and voided, and never changed: a refund is a row of its own, an amount is not zero, and what a client cannot say is made
// by the server.
func TestTransactions(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	pay := func(more string) request {
		return s.by("assistant", "POST", "/transactions", `{"artist_id":"`+s.artist+`","method":"cash"`+more+`}`)
	}
	for more, commission := range map[string]int32{`,"amount_cents":10001`: 5001, `,"amount_cents":-10001`: -5001, `,"amount_cents":1,"concept":"Deposit"`: 1} {
		paid := content[map[string]Transaction](t, s.want(pay(more), 201))["transaction"]
		if paid.CommissionCents != commission || paid.Completes || paid.VoidedAt != nil {
			t.Errorf("%s: %+v", more, paid)
		}
	}
	for more, want := range map[string]string{
		`,"amount_cents":0`: "amount_cents:range", `,"amount_cents":10000001`: "amount_cents:max", ``: "amount_cents:required",
		`,"amount_cents":1,"commission_cents":9`: "commission_cents:unknown_field", `,"amount_cents":1,"completes":true`: "completes:unknown_field",
	} {
		if got := s.want(pay(more), 422); !slices.Equal(got.fields(), []string{want}) {
			t.Errorf("%s: %v, want %s", more, got, want)
		}
	}
	for _, foreign := range []string{s.B.own.UUID(), s.B.people["artist"].account.UUID()} {
		got := s.want(s.by("assistant", "POST", "/transactions", `{"artist_id":"`+foreign+`","method":"cash","amount_cents":1}`), 422)
		if !slices.Equal(got.fields(), []string{"artist_id:reference_not_found"}) {
			t.Errorf("another tenant's artist: %v", got)
		}
	}
}

// Voiding takes a payment out of the books, once and for good; the appointment that it was of stays completed, and what is paid for it then is a
// new transaction.
func TestTransactionVoid(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	appointment := s.make("assistant", "/appointments", s.booking(s.artist, 1, 10, ""))
	done := content[appointmentCompleted](t, s.want(s.by("assistant", "POST", "/appointments/"+appointment+"/complete", `{"method":"card"}`), 200))
	void := s.by("admin", "POST", "/transactions/"+done.TransactionID.String()+"/void", "")
	s.want(s.as(s.B.people["admin"], call("POST", "/transactions/"+done.TransactionID.String()+"/void"), s.B), 404, "not_found")
	first, again := s.want(void, 200), s.want(void, 200)
	if voided := content[map[string]Transaction](t, first)["transaction"]; voided.VoidedAt == nil || first.body != again.body || first.header.Get("ETag") != again.header.Get("ETag") {
		t.Errorf("voided: %v, and again: %v", first, again)
	}
	a := content[map[string]Appointment](t, s.want(s.by("admin", "GET", "/appointments/"+appointment, ""), 200))["appointment"]
	if a.Status != "completed" {
		t.Errorf("the appointment is %s", a.Status)
	}
	s.want(s.by("admin", "POST", "/appointments/"+appointment+"/complete", `{"method":"card"}`), 409, "state_conflict")
	s.want(s.by("assistant", "POST", "/transactions", `{"artist_id":"`+s.artist+`","appointment_id":"`+appointment+`","method":"cash","amount_cents":10001}`), 201)
}
