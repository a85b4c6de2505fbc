package tenancy

import schema "rowhouse/sql"

// A Constraint is the schema's, for packages that may not import what connects past the doors.
type Constraint = schema.Constraint

// Constraints are those of the schema.
func Constraints() []Constraint { return schema.Constraints() }
