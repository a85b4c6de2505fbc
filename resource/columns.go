package resource

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A columnSpec is a column as the command line asks for it: name:kind(limits)? with :options behind it, and ="an example" at the end. The ? lets it
// be null.
//
//	name:text(1..100):sort="Oak table" price_cents:cents(1..):sort state:enum(draft,live) starts_on:date? team:ref(teams)?
type columnSpec struct {
	name    string
	kind    string
	limits  []string     // what stands in the parentheses, at its commas or dots
	members []columnSpec // of a JSON document: what stands in the braces
	null    bool
	options []string
	example string
}

// kinds are those of columns: the type in SQL, and what of them the parentheses hold.
var kinds = map[string]struct {
	sql    string
	limits string // nothing, bounds, words, a table or a default; or members, in braces
	member kind   // of a field of a JSON document; empty: it can be none
}{
	"text":  {"text", "bounds", text},
	"rich":  {"text", "bounds", ""},
	"int":   {"integer", "bounds", integer},
	"cents": {"integer", "bounds", integer},
	"bool":  {"boolean", "default", boolean},
	"date":  {"date", "", date},
	"time":  {"timestamptz", "", instant},
	"rate":  {"numeric(5,4)", "", rate},
	"enum":  {"text", "words", enum},
	"ref":   {"uuid", "table", ""},
	"range": {"", "ends", ""},
	"json":  {"jsonb", "members", ""},
}

// options are what may stand behind a kind.
var options = map[string]string{
	"unique": "no two rows of a tenant have the same",
	"sort":   "the list can be sorted by it; a text regardless of case",
	"filter": "the list can be filtered by it",
	"search": "the list is searched by how it begins, regardless of case",
}

var (
	specPattern = regexp.MustCompile(`^([a-z][a-z0-9_]*):([a-z]+)(?:\(([^()]*)\)|\{([^{}]*)\})?(\?)?((?::[a-z]+)*)(?:=(?:"([^"]*)"|([^"\s]\S*)))?(?:\s+|$)`)
	wordPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// reserved are the columns that every table has, or that mean something of their own.
var reserved = strings.Fields("tenant_id id version created_at updated_at archived_at user_id")

// specsOf reads columns, or the members of a JSON document.
func specsOf(text string) (all []columnSpec, err error) {
	rest := strings.TrimSpace(text)
	for rest != "" {
		found := specPattern.FindStringSubmatch(rest)
		if found == nil {
			word, _, _ := strings.Cut(rest, " ")
			return nil, fmt.Errorf(`%q is not name:kind(limits)? with :options and ="example" behind it, such as price_cents:cents(1..):sort=4900`, word)
		}
		rest = rest[len(found[0]):]
		w := columnSpec{name: found[1], kind: found[2], null: found[5] == "?", example: found[7] + found[8]}
		if found[6] != "" {
			w.options = strings.Split(found[6][1:], ":")
		}
		if err = w.limit(found[3]); err == nil {
			err = w.hold(found[4])
		}
		if err == nil {
			err = w.admits(w.example)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		if slices.ContainsFunc(all, func(other columnSpec) bool { return other.name == w.name }) {
			return nil, fmt.Errorf("%s: there is such a column already", w.name)
		}
		all = append(all, w)
	}
	return all, nil
}

// columnSpecs reads COLUMNS. Its errors say which column is wrong, and what would be right.
func columnSpecs(text string) (all []columnSpec, err error) {
	if all, err = specsOf(text); err != nil {
		return nil, fmt.Errorf("COLUMNS: %w", err)
	}
	for _, w := range all {
		if slices.Contains(reserved, w.name) {
			return nil, fmt.Errorf("COLUMNS: %s: that name is taken: every table has such a column, or OWN or WITH makes it", w.name)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("COLUMNS: no column; a resource has one at least, such as name:text(1..100):sort")
	}
	if !slices.ContainsFunc(all, func(w columnSpec) bool { return w.has("search") }) {
		if i := slices.IndexFunc(all, func(w columnSpec) bool { return w.kind == "text" && !w.null }); i >= 0 {
			all[i].options = append(all[i].options, "search")
		}
	}
	var sorts, searched []string
	for _, w := range all {
		// What is searched, what text is unique, and where a range begins, has the index to be sorted by.
		if w.has("sort") || w.has("search") || w.kind == "text" && w.has("unique") && !w.null || w.kind == "range" && !w.null {
			sorts = append(sorts, w.name)
		}
		if w.has("search") {
			searched = append(searched, w.name)
		}
	}
	if len(sorts) > maxSorts {
		return nil, fmt.Errorf("COLUMNS: a list has at most %d sorts besides newest first, and these are %s", maxSorts, strings.Join(sorts, ", "))
	}
	if len(searched) > 1 {
		return nil, fmt.Errorf("COLUMNS: one column is searched by q, and these are %s", strings.Join(searched, ", "))
	}
	return all, nil
}

// maxSorts are those of a list besides newest first: each costs an index.
const maxSorts = 3

func (w *columnSpec) has(option string) bool { return slices.Contains(w.options, option) }

// limit takes in what stands in the parentheses, and looks at the options.
func (w *columnSpec) limit(text string) error {
	kind, known := kinds[w.kind]
	if !known {
		return fmt.Errorf("there is no kind %s; there are bool, cents, date, enum, int, json, range, rate, ref, rich, text and time", w.kind)
	}
	for _, option := range w.options {
		if options[option] == "" {
			return fmt.Errorf("there is no option %s; there are filter, search, sort and unique", option)
		}
	}
	split := func(by string) {
		for part := range strings.SplitSeq(text, by) {
			w.limits = append(w.limits, strings.TrimSpace(part))
		}
	}
	switch kind.limits {
	case "bounds":
		if split(".."); text == "" {
			w.limits = []string{"", ""}
		}
		if len(w.limits) != 2 {
			return fmt.Errorf("%s(%s) is not %[1]s(from..to), of which either may be left out", w.kind, text)
		}
		var ends [2]int64
		for i, end := range w.limits {
			n, err := strconv.ParseInt(cmp.Or(end, "0"), 10, 32)
			if err != nil {
				return fmt.Errorf("%s is no whole number of 32 bits", end)
			}
			ends[i] = n
		}
		isText := kind.sql == "text"
		switch {
		case isText && w.limits[1] == "":
			return fmt.Errorf("a text has a length, such as %s(1..100)", w.kind)
		case isText && (ends[0] < 0 || ends[1] < 1), w.limits[0] != "" && w.limits[1] != "" && ends[0] > ends[1]:
			return fmt.Errorf("nothing is from %s to %s", w.limits[0], w.limits[1])
		case isText && !w.null && w.kind != "rich" && ends[0] < 1:
			w.limits[0] = "1" // what must be said is not empty
		}
	case "words":
		split(",")
		for _, word := range w.limits {
			if !wordPattern.MatchString(word) {
				return fmt.Errorf("enum(%s) is not enum(word,word,…), each of small letters, digits and underscores", text)
			}
		}
		if len(w.limits) < 2 {
			return fmt.Errorf("an enum of one word says nothing")
		}
	case "table":
		if w.limits = []string{text}; !wordPattern.MatchString(text) {
			return fmt.Errorf("ref(%s) is not ref(table)", text)
		}
		if !strings.HasSuffix(w.name, "_id") {
			w.name += "_id"
		}
	case "default":
		if w.limits = []string{cmp.Or(text, "false")}; w.limits[0] != "true" && w.limits[0] != "false" {
			return fmt.Errorf("bool(%s) is not bool(true) or bool(false), which is what it is when it is left out", text)
		}
	case "ends":
		if w.limits = []string{text}; !slices.Contains([]string{"date", "time", "int"}, text) {
			return fmt.Errorf("range(%s) is not range(date), range(time) or range(int)", text)
		}
	default:
		if text != "" {
			return fmt.Errorf("%s has nothing in parentheses", w.kind)
		}
	}
	return w.fits()
}

// admits looks at an example, where there is one: it must be a value that the column takes.
func (w *columnSpec) admits(example string) error {
	size, of := int64(utf8.RuneCountInString(example)), " characters"
	var err error
	switch w.kind {
	case "int", "cents":
		size, err = strconv.ParseInt(example, 10, 32)
		of = ""
	case "enum":
		if !slices.Contains(w.limits, example) {
			err = errors.New("none of the words")
		}
	case "date":
		_, err = time.Parse(time.DateOnly, example)
	case "time":
		_, err = time.Parse(time.RFC3339, example)
	}
	switch {
	case example == "":
		return nil
	case err != nil:
		return fmt.Errorf("the example %s is no %s that it takes", example, w.kind)
	case kinds[w.kind].limits != "bounds":
		return nil
	}
	if least := w.bound(0); least != nil && size < *least {
		return fmt.Errorf("the example %s is below its least, %d%s", example, *least, of)
	}
	if most := w.bound(1); most != nil && size > *most {
		return fmt.Errorf("the example %s is beyond its most, %d%s", example, *most, of)
	}
	return nil
}

// bound is one of the two limits, nil where there is none.
func (w *columnSpec) bound(i int) *int64 {
	n, err := strconv.ParseInt(w.limits[i], 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// hold takes in the members of a JSON document, which stand in the braces.
func (w *columnSpec) hold(text string) (err error) {
	if w.kind != "json" {
		if text != "" {
			return fmt.Errorf("%s has nothing in braces", w.kind)
		}
		return nil
	}
	if w.members, err = specsOf(text); err != nil {
		return err
	}
	if len(w.members) == 0 {
		return fmt.Errorf("a JSON document has members, such as json{street:text(1..100) city:text(..100)?}")
	}
	for _, member := range w.members {
		switch {
		case kinds[member.kind].member == "":
			return fmt.Errorf("%s: a member of a JSON document is a bool, cents, a date, an enum, an int, a rate, a text or a time", member.name)
		case len(member.options) > 0:
			return fmt.Errorf("%s: a member of a JSON document has no options: what is searched, sorted or unique is a column", member.name)
		}
	}
	return nil
}

// fits looks at what does not go together.
func (w *columnSpec) fits() error {
	switch {
	case w.null && w.kind == "bool":
		return fmt.Errorf("a bool is true or false; for three answers take an enum")
	case w.has("sort") && (w.null || !slices.Contains([]string{"text", "int", "cents", "date", "time"}, w.kind)):
		return fmt.Errorf("a list is sorted by a text, a number or a time that is never null")
	case w.has("search") && w.kind != "text":
		return fmt.Errorf("what is searched is a text")
	case w.has("unique") && !slices.Contains([]string{"text", "int", "date", "ref"}, w.kind):
		return fmt.Errorf("unique may be a text, a number, a date or a reference")
	case w.has("filter") && !slices.Contains([]string{"bool", "enum", "ref", "int", "cents", "date", "time"}, w.kind):
		return fmt.Errorf("a text is found by search; a filter is of a bool, an enum, a reference, a number or a time")
	case (w.kind == "range" || w.kind == "json") && len(w.options) > 0:
		return fmt.Errorf("a %s has no options", w.kind)
	}
	return nil
}
