package tenancy

import schema "rowhouse/sql"

// A Constraint is the schema's, for packages that may not import what connects past the doors.
type Constraint = schema.Constraint

// Constraints are those of the schema.
func Constraints() []Constraint { return schema.Constraints() }

// A Permission is the schema's, likewise.
type Permission = schema.Permission

// Permissions are those of the schema.
func Permissions() []Permission { return schema.Permissions() }

// Meaning is what the rows of a table of the schema are.
func Meaning(table string) string { return schema.Meaning(table) }

// ConstraintOf is the name of the constraint that was broken; empty when an error is of none.
func ConstraintOf(err error) string { return schema.ConstraintOf(err) }
