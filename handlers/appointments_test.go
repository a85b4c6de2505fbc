package handlers

import (
	"strings"
	"testing"
)

// An appointment is made, read, found, changed and deleted by who may; to another tenant it is not there.
func TestAppointmentConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	sample := samples(w.A)

	made := w.want(w.as(admin, sample["POST /appointments"], w.A), 201)
	path := strings.TrimPrefix(made.header.Get("Location"), "/api/v1")
	appointment := content[map[string]Appointment](t, made)["appointment"]

	read := w.want(w.as(admin, call("GET", path), w.A), 200)
	w.want(w.as(admin, call("GET", path), w.A).with("If-None-Match", read.header.Get("ETag")), 304)
	if list := content[[]Appointment](t, w.want(w.as(admin, call("GET", "/appointments?page_size=200"), w.A), 200)); len(list) == 0 || list[0].ID != appointment.ID {
		t.Errorf("the newest of the list is not the appointment that was made: %+v", list)
	}

	change := call("PATCH", path).json(sample["PATCH /appointments/:appointment_id"].body)
	w.want(w.as(w.B.people["admin"], change, w.B), 404)
	w.want(w.as(admin, change, w.A).with("If-Match", `"999.stale"`), 412)
	w.want(w.as(admin, change, w.A), 200)

	w.want(w.as(w.B.people["admin"], call("DELETE", path), w.B), 404)
	w.want(w.as(admin, call("DELETE", path), w.A), 200)
	w.want(w.as(admin, call("GET", path), w.A), 404)
}
