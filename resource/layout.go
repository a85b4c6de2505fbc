package resource

import (
	"strings"
	"unicode/utf8"
)

// aligned writes the cells of each row one below the other, a blank between them, each column as wide as its widest cell. A row may end early; a
// cell that is the last of its row widens nothing.
func aligned(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row[:max(0, len(row)-1)] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		var line strings.Builder
		for j, cell := range row {
			line.WriteString(cell)
			if j < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell)+1))
			}
		}
		lines[i] = strings.TrimRight(line.String(), " ")
	}
	return lines
}

// wrapped breaks a comment into lines of up to 120 characters, each behind the prefix.
func wrapped(prefix, text string) string {
	const width = 120
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
			b.WriteString(prefix)
			column = len(prefix)
		case column+1+utf8.RuneCountInString(word) > width:
			b.WriteString("\n" + prefix)
			column = len(prefix)
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += utf8.RuneCountInString(word)
	}
	return b.String() + "\n"
}

// listed is a list in words: a, b and c.
func listed(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}

// literal is a text as SQL has it.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
