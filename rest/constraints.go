package rest

import (
	"slices"
	"strings"

	"rowhouse/tenancy"
)

// constraints are those of the schema, read once: to read them takes two milliseconds.
var constraints = tenancy.Constraints()

// broken is what a broken constraint means to a client, by the constraint's name. It is said where the constraint is made, by its comment;
// what only a mistake of the server can break is not here, and so is errInternal.
var broken = func() map[string]*Error {
	all := map[string]*Error{}
	for _, c := range constraints {
		switch {
		case c.Code == "" || c.Code == "internal":
		case c.Code == "not_found":
			all[c.Name] = ErrNotFound
		case c.Code == "invalid_idempotency_key":
			all[c.Name] = BadRequest(c.Code, c.Words)
		case c.Kind == "foreign key":
			e := *ErrReference
			e.Fields = []FieldError{{c.Field, c.Code, c.Words}}
			all[c.Name] = &e
		case c.Field != "":
			all[c.Name] = Invalid(FieldError{c.Field, c.Code, c.Words})
		default:
			all[c.Name] = Conflict(c.Code, c.Words)
		}
	}
	return all
}()

// Broken is the refusal of a broken constraint. It panics when there is none that a client can break.
func Broken(constraint string) *Error {
	e, ok := broken[constraint]
	if !ok {
		panic("no constraint " + constraint + " has words for a client")
	}
	return e
}

// Breaks says that an error is of a broken constraint, and of that one.
func Breaks(err error, constraint string) bool { return tenancy.ConstraintOf(err) == constraint }

// collisions are the refusals of the constraints by which a row that the operation writes may be in the way of another: those of the table
// that its path is called after, as far as what they compare stands in its input, or in the lines of an upload.
func (r *Route) collisions() (refusals []*Error) {
	fields := FieldsOf(r.Input)
	switch {
	case r.Line != nil:
		fields = FieldsOf(r.Line)
	case !strings.HasSuffix(r.Name, "Create") && !strings.HasSuffix(r.Name, "Update"):
		return nil
	}
	_, path, _ := strings.Cut(r.Pattern, " /")
	table, _, _ := strings.Cut(path, "/")
	given := func(column string) bool {
		return slices.ContainsFunc(fields, func(f Field) bool { return f.Source == "json" && f.Name == strings.TrimSuffix(column, "_key") })
	}
	for _, c := range constraints {
		across := c.Kind == "unique" || c.Kind == "exclusion"
		if across && c.Table == strings.ReplaceAll(table, "-", "_") && !slices.ContainsFunc(c.Columns, func(column string) bool { return !given(column) }) {
			refusals = append(refusals, Broken(c.Name))
		}
	}
	return refusals
}
