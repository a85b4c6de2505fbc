package handlers

import (
	"bufio"
	"bytes"
	"context"
	"encoding"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/tenancy"
)

const (
	mediaNDJSON = "application/x-ndjson"
	mediaCSV    = "text/csv"

	// maxLine is in bytes: longer than any line that could be valid.
	maxLine = 64 << 10
	// maxLineErrors is how many bad lines are told at once.
	maxLineErrors = 100
	// importChunk is how many lines one statement inserts, exportPage how many rows one trip reads: enough that trips do
	// not count, few enough that memory does not.
	importChunk = 2000
	exportPage  = 1000
	// uploadTime bounds an upload, and downloadPace the time in which a client must take a page of a download.
	uploadTime   = 5 * time.Minute
	downloadPace = 30 * time.Second
	// spoolChunk is how much of a spooled download a client must take in that time, in bytes: about what a page has.
	spoolChunk = 1 << 20
)

// newSpool makes a temporary file that is gone when it is closed, or when the process ends: it has no name.
func newSpool() (*os.File, error) {
	spool, err := os.CreateTemp("", "rowhouse-spool-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(spool.Name()); err != nil {
		spool.Close()
		return nil, err
	}
	return spool, nil
}

// importResult is the output of an import.
type importResult struct {
	Imported int `json:"imported" doc:"Rows that were made." example:"2"`
}

// upload is a tenant route that makes a row of each line of its body. The lines are spooled to disk and validated first, so
// that a bad one refuses the whole file; then insert is given them in chunks, in one transaction.
func upload[Line any](p auth.Permission, insert func(ctx context.Context, q *db.Queries, who Caller, lines []Line) error) endpoint {
	e := describe[struct{}, importResult](tenantScope, insert)
	e.permission = p
	e.line = reflect.TypeFor[Line]()
	e.accepts = []string{mediaNDJSON, mediaCSV}
	e.run = func(x *exchange) (answer, error) {
		if err := decode(x, &struct{}{}); err != nil {
			return answer{}, err
		}
		if err := checkContentType(x.request, e.accepts...); err != nil {
			return answer{}, err
		}
		spool, err := spoolBody(x)
		if err != nil {
			return answer{}, err
		}
		defer spool.Close()
		isCSV := strings.HasPrefix(x.request.Header.Get("Content-Type"), mediaCSV)
		var wrong []FieldError
		total := 0
		err = eachLine(spool, isCSV, func(number int, line Line, problems []FieldError) error {
			total++
			for _, problem := range problems {
				problem.Field = strings.TrimSuffix(fmt.Sprintf("lines.%d.%s", number, problem.Field), ".")
				wrong = append(wrong, problem)
			}
			if len(wrong) >= maxLineErrors {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return answer{}, err
		}
		if wrong != nil {
			return answer{}, invalid(wrong[:min(len(wrong), maxLineErrors)]...)
		}
		err = tenancy.Retry(x.ctx, false, func() error {
			return x.server.doors.Atomic(x.ctx, func(tx *tenancy.Tx) error {
				q := tx.Enter(x.who, p)
				chunk := make([]Line, 0, importChunk)
				flush := func() error {
					err := insert(x.ctx, q, x.who, chunk)
					chunk = chunk[:0]
					return err
				}
				err := eachLine(spool, isCSV, func(_ int, line Line, _ []FieldError) error {
					chunk = append(chunk, line)
					if len(chunk) < importChunk {
						return nil
					}
					return flush()
				})
				if err == nil && (len(chunk) > 0 || total == 0) {
					err = flush() // an empty file is asked for its permission too
				}
				return err
			})
		})
		if err != nil {
			return answer{}, err
		}
		return x.render(&importResult{total})
	}
	return e
}

var errEnough = errors.New("enough errors")

// spoolBody writes the body to a spool, which the caller closes.
func spoolBody(x *exchange) (*os.File, error) {
	control := http.NewResponseController(x.writer)
	_ = control.SetReadDeadline(time.Now().Add(uploadTime))
	_ = control.SetWriteDeadline(time.Now().Add(uploadTime + writeTimeout)) // the answer comes after it
	spool, err := newSpool()
	if err != nil {
		return nil, err
	}
	body := &tracked{r: x.request.Body}
	if _, err := io.Copy(spool, body); err != nil {
		spool.Close()
		if body.err != nil {
			return nil, bodyError(body.err)
		}
		return nil, err
	}
	return spool, nil
}

// tracked remembers the reader's own error, to tell it from the writer's.
type tracked struct {
	r   io.Reader
	err error
}

func (t *tracked) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}

// eachLine reads the spooled file from its beginning and gives each line to do, numbered from 1 as an editor counts them.
func eachLine[Line any](spool *os.File, isCSV bool, do func(number int, line Line, problems []FieldError) error) error {
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if isCSV {
		return eachCSV(spool, do)
	}
	fields := fieldsOf(reflect.TypeFor[Line]())
	lines := bufio.NewScanner(spool)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	number := 0
	for lines.Scan() {
		number++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		var line Line
		var problems []FieldError
		body, err := readObject(text, fields)
		var malformed *Error
		if errors.As(err, &malformed) {
			problems = []FieldError{{"", malformed.Code, malformed.Detail}}
		} else {
			problems = decodeMembers(body, fields, reflect.ValueOf(&line).Elem(), nil)
		}
		if err := do(number, line, problems); err != nil {
			return err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return longLine(number + 1)
	} else if err != nil {
		return err
	}
	return nil
}

func longLine(number int) error {
	return invalid(FieldError{"lines." + strconv.Itoa(number), "max_length", "A line has at most " + formatBytes(maxLine) + "."})
}

// record lets a reader of CSV read no more than a line may have, and what it reads ahead, until left is set again.
type record struct {
	r    io.Reader
	left int
}

const maxRecord = maxLine + 4096 // bufio reads so much ahead

func (l *record) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, bufio.ErrTooLong
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// eachCSV is eachLine for CSV (RFC 4180) with a header line. An empty cell of a field that may be left out is left out.
func eachCSV[Line any](spool io.Reader, do func(number int, line Line, problems []FieldError) error) error {
	limited := &record{spool, maxRecord}
	buffered := bufio.NewReader(limited)
	if mark, _ := buffered.Peek(3); string(mark) == "\uFEFF" {
		_, _ = buffered.Discard(3)
	}
	reader := csv.NewReader(buffered)
	reader.ReuseRecord = true
	header, err := reader.Read()
	if errors.Is(err, bufio.ErrTooLong) {
		return longLine(1)
	}
	if err != nil {
		return invalid(FieldError{"lines.1", "header", "The first line names the columns."})
	}
	byName := make(map[string]*field)
	fields := fieldsOf(reflect.TypeFor[Line]())
	for _, f := range fields {
		byName[f.name] = &f
	}
	columns := make([]*field, len(header))
	for i, name := range header {
		f, ok := byName[name]
		if !ok {
			return invalid(FieldError{"lines.1", "unknown_field", "There is no column " + quote(name) + ", or it stands twice."})
		}
		columns[i] = f
		delete(byName, name)
	}
	for name, f := range byName {
		if f.required {
			return invalid(FieldError{"lines.1", "required", "The column " + name + " is missing."})
		}
	}
	for number := 1; ; {
		limited.left = maxRecord
		cells, err := reader.Read()
		if err == io.EOF {
			return nil
		}
		if errors.Is(err, bufio.ErrTooLong) {
			return longLine(number + 1)
		}
		var malformed *csv.ParseError
		if errors.As(err, &malformed) {
			return invalid(FieldError{"lines." + strconv.Itoa(malformed.StartLine), "malformed_csv", sentence(malformed.Err) + "."})
		}
		if err != nil {
			return err
		}
		number, _ = reader.FieldPos(0)
		var line Line
		var problems []FieldError
		for i, f := range columns {
			if cells[i] == "" && !f.required {
				continue
			}
			target := f.target(reflect.ValueOf(&line).Elem())
			problem := f.parse(unguarded(cells[i]), target)
			if problem == nil {
				problem = f.check(target)
			}
			if problem != nil {
				problems = append(problems, *problem)
			}
		}
		if err := do(number, line, judge(&line, fields, problems)); err != nil {
			return err
		}
	}
}

// A spreadsheet runs a cell that begins like a formula, also in the wide forms that are typed with Chinese or Japanese letters. In CSV
// such text is written after an apostrophe, and read without.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

func guarded(cell string) string {
	if rest := strings.TrimLeft(cell, "'"); strings.IndexAny(rest, formulaStarts) == 0 {
		return "'" + cell
	}
	return cell
}

func unguarded(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && guarded(rest) != rest {
		return rest
	}
	return cell
}

// exportFormat is embedded in the input of an export.
type exportFormat struct {
	Format string `query:"format" validate:"oneof=csv ndjson" doc:"csv or ndjson; when left out, what Accept asks for, or else ndjson."`
}

func (f exportFormat) format(r *http.Request) string {
	switch {
	case f.Format != "":
		return f.Format
	case strings.Contains(r.Header.Get("Accept"), mediaCSV):
		return "csv"
	}
	return "ndjson"
}

// download is a tenant route that streams a list: page after page of it, each through the door, so that whoever loses the
// right to read loses it in the middle too. A stream that breaks off must not look whole. Since HTTP/1.1 it does not, for its end is
// written; to an older client, for which a body ends where the connection does, it is answered when it is whole, with its length.
func download[In interface{ format(*http.Request) string }, Row any](p auth.Permission, name string, page func(ctx context.Context, q *db.Queries, who Caller, in In, list List) (Page[Row], error)) endpoint {
	e := describe[In, Row](tenantScope, page)
	e.permission = p
	e.produces = []string{mediaNDJSON, mediaCSV}
	e.run = func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		read := func(after *position) (rows Page[Row], err error) {
			list := List{PageSize: exportPage, after: after}
			err = tenancy.Retry(x.ctx, true, func() error {
				rows, err = page(x.ctx, x.server.doors.Enter(x.who, p), x.who, in, list)
				return err
			})
			return rows, err
		}
		rows, err := read(nil)
		if err != nil {
			return answer{}, err
		}
		format := in.format(x.request)
		media := map[string]string{"csv": mediaCSV, "ndjson": mediaNDJSON}[format]
		a := answer{Status: http.StatusOK, Header: http.Header{
			"Content-Type":        {media + "; charset=utf-8"},
			"Content-Disposition": {`attachment; filename="` + name + "." + format + `"`},
			"Cache-Control":       {"no-store"},
		}}
		all := func(w io.Writer, each func()) error {
			out := bufio.NewWriterSize(w, 64<<10)
			write := ndjsonWriter[Row](out)
			if format == "csv" {
				write = csvWriter[Row](out)
			}
			for {
				each()
				if err := write(rows.rows); err != nil {
					return err
				}
				if rows.next == nil {
					return out.Flush()
				}
				if rows, err = read(rows.next); err != nil {
					return err
				}
			}
		}
		switch {
		case x.request.Method == http.MethodHead:
			a.stream = func(w http.ResponseWriter) error {
				w.WriteHeader(a.Status)
				return nil
			}
		case x.request.ProtoAtLeast(1, 1):
			a.stream = func(w http.ResponseWriter) error {
				w.WriteHeader(a.Status)
				return all(w, func() { hurry(w) })
			}
		default:
			err = a.spooled(all)
		}
		return a, err
	}
	return e
}

// hurry gives the client a while to take what is written next.
func hurry(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(downloadPace))
}

// spooled has write put the whole body into a spool, out of which it is then sent.
func (a *answer) spooled(write func(w io.Writer, each func()) error) error {
	spool, err := newSpool()
	if err != nil {
		return err
	}
	if err = write(spool, func() {}); err == nil {
		var size int64
		size, err = spool.Seek(0, io.SeekEnd)
		a.Header.Set("Content-Length", strconv.FormatInt(size, 10))
	}
	if err == nil {
		_, err = spool.Seek(0, io.SeekStart)
	}
	if err != nil {
		spool.Close()
		return err
	}
	a.stream = func(w http.ResponseWriter) error {
		defer spool.Close()
		w.WriteHeader(a.Status)
		for {
			hurry(w)
			if _, err := io.CopyN(w, spool, spoolChunk); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

func ndjsonWriter[Row any](w io.Writer) func([]Row) error {
	var lines []byte
	return func(rows []Row) (err error) {
		lines = lines[:0]
		for i := range rows {
			if lines, err = appendJSON(lines, &rows[i]); err != nil {
				return err
			}
			lines = append(lines, '\n')
		}
		_, err = w.Write(lines)
		return err
	}
}

func csvWriter[Row any](w io.Writer) func([]Row) error {
	var header []string
	var columns []int
	t := reflect.TypeFor[Row]()
	for i := range t.NumField() {
		if name, ok := t.Field(i).Tag.Lookup("json"); ok {
			header, columns = append(header, name), append(columns, i)
		}
	}
	out := csv.NewWriter(w)
	begun := false
	return func(rows []Row) error {
		if !begun {
			begun = true
			if err := out.Write(header); err != nil {
				return err
			}
		}
		cells := make([]string, len(columns))
		for i := range rows {
			row := reflect.ValueOf(&rows[i]).Elem()
			for c, column := range columns {
				cells[c] = cell(row.Field(column))
			}
			if err := out.Write(cells); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	}
}

// cell is a value as CSV shows it; null is empty.
func cell(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch value := v.Interface().(type) {
	case string:
		return guarded(value)
	case time.Time:
		return value.Format(time.RFC3339Nano)
	case encoding.TextMarshaler:
		text, _ := value.MarshalText()
		return string(text)
	default:
		return fmt.Sprint(value)
	}
}
