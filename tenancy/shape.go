package tenancy

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgtype"
)

// One statement of a list serves every order, filter and cursor, and which of its indexes is right depends on what it is called
// with. To have PostgreSQL plan it for each call would cost more than to read the rows. So what tells the calls apart is written into
// the text: what is not given is NULL there, a yes or no is itself, and so is the word that chooses the order. Such a shape is planned
// once on each connection, for whatever values are left. A filter with a value is another matter: how many rows have it decides, and
// the statement is planned for each call as it is.

// Appended to the binding of a list. Without bitmaps and sorts of half a table the index that has the order wins, even where the
// planner takes a tenant for smaller than it is; a table is never read from end to end for a tenant that has most of it: the rest is
// other tenants'. What is off and has to be used all the same counts as costly, and such plans would be compiled.
const (
	andPlanOnce     = `, set_config('plan_cache_mode', 'force_generic_plan', true)` + andByIndex
	andPlanEachTime = `, set_config('plan_cache_mode', 'force_custom_plan', true)` + andByIndex
	andByIndex      = `, set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)`
)

// asList is the statement of a list in the shape that its arguments give it, and how it is to be planned.
func (d *Database) asList(sql string, args []any) (listed statement, andPlan string) {
	found, known := d.shapes.Load(sql)
	if !known {
		found, _ = d.shapes.LoadOrStore(sql, newShapes(sql))
	}
	if listed, ok := found.(*shapes).of(args); ok {
		return listed, andPlanOnce
	}
	return statement{sql, args}, andPlanEachTime
}

// shapes are those of one statement.
type shapes struct {
	pieces  []string // the text between the uses of parameters
	uses    []use    // what follows each piece but the last
	filters map[int]bool
	made    sync.Map // what is fixed → *shape
	count   atomic.Int32
}

// A use of a parameter, whose number is from 0: its value, or whether it is given at all.
type use struct {
	number int
	isNull bool
}

// A shape is a text, and which arguments it still takes.
type shape struct {
	sql  string
	kept []int
}

var (
	used = regexp.MustCompile(`\$(\d+)((?:::\w+)? IS NULL\b)?`)
	// A filter is written so in every list: a condition that holds for all rows when it is not given.
	filtering = regexp.MustCompile(`\bOR \$(\d+)(?:::\w+)? IS NULL\b`)
)

const (
	// letters are those of the words that choose an order, such as -price_cents: they need no quoting.
	letters = "abcdefghijklmnopqrstuvwxyz_-"
	// maxShapes bounds those of one statement: its orders, each from the beginning and after a cursor, with and without the total.
	maxShapes = 64
)

func newShapes(sql string) *shapes {
	s := &shapes{filters: map[int]bool{}}
	number := func(digits string) int {
		n, _ := strconv.Atoi(digits)
		return n - 1
	}
	from := 0
	for _, at := range used.FindAllStringSubmatchIndex(sql, -1) {
		s.pieces = append(s.pieces, sql[from:at[0]])
		s.uses = append(s.uses, use{number(sql[at[2]:at[3]]), at[4] >= 0})
		from = at[1]
	}
	s.pieces = append(s.pieces, sql[from:])
	for _, at := range filtering.FindAllStringSubmatch(sql, -1) {
		s.filters[number(at[1])] = true
	}
	return s
}

// of is the statement for these arguments; false where one of them is the value of a filter, or where there are too many shapes.
func (s *shapes) of(args []any) (statement, bool) {
	key := make([]byte, 0, 64)
	for i, arg := range args {
		text, fixed := fix(arg)
		if !fixed && s.filters[i] {
			return statement{}, false
		}
		key = append(append(key, text...), ',')
	}
	found, known := s.made.Load(string(key))
	if !known {
		if s.count.Load() >= maxShapes {
			return statement{}, false
		}
		if found, known = s.made.LoadOrStore(string(key), s.make(args)); !known {
			s.count.Add(1)
		}
	}
	made := found.(*shape)
	kept := make([]any, len(made.kept))
	for i, number := range made.kept {
		kept[i] = args[number]
	}
	return statement{made.sql, kept}, true
}

func (s *shapes) make(args []any) *shape {
	made := &shape{}
	var sql strings.Builder
	for i, use := range s.uses {
		sql.WriteString(s.pieces[i])
		text, fixed := fix(args[use.number])
		switch {
		case use.isNull:
			text = strconv.FormatBool(text == null)
		case !fixed:
			place := slices.Index(made.kept, use.number)
			if place < 0 {
				place = len(made.kept)
				made.kept = append(made.kept, use.number)
			}
			text = "$" + strconv.Itoa(place+1)
		}
		sql.WriteString(text)
	}
	sql.WriteString(s.pieces[len(s.uses)])
	made.sql = sql.String()
	return made
}

const null = "NULL"

// fix is what stands in the text for an argument that tells shapes apart; false for one that remains a parameter.
func fix(arg any) (text string, fixed bool) {
	switch arg := arg.(type) {
	case bool:
		return strconv.FormatBool(arg), true
	case string:
		if strings.Trim(arg, letters) == "" {
			return "'" + arg + "'", true
		}
	case pgtype.UUID:
		if !arg.Valid {
			return null, true
		}
	default:
		if v := reflect.ValueOf(arg); v.Kind() == reflect.Pointer && v.IsNil() {
			return null, true
		}
	}
	return "", false
}
