package rest

import (
	"bufio"
	"bytes"
	"context"
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

	"github.com/go-json-experiment/json/jsontext"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/tenancy"
)

// The media types of streams.
const (
	NDJSON = "application/x-ndjson"
	CSV    = "text/csv" // RFC 4180
)

const (
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

// importResult is the output of an import.
type importResult struct {
	Imported int `json:"imported" doc:"Rows that were made." example:"2"`
}

// Upload is a tenant route that makes a row of each line of its body. The lines are spooled to disk and validated first, so
// that a bad one refuses the whole file; then insert is given them in chunks, in one transaction.
func Upload[Line any](p auth.Permission, insert func(ctx context.Context, q *db.Queries, who Caller, lines []Line) error) Endpoint {
	e := describe[struct{}, importResult](TenantScope, insert)
	e.Permission = p
	e.Line = reflect.TypeFor[Line]()
	e.Accepts = []string{NDJSON, CSV}
	e.run = func(x *exchange) (answer, error) {
		if err := decode(x, &struct{}{}); err != nil {
			return answer{}, err
		}
		if err := checkContentType(x.request, e.Accepts...); err != nil {
			return answer{}, err
		}
		spool, err := spoolBody(x)
		if err != nil {
			return answer{}, err
		}
		defer spool.Close()
		isCSV := strings.HasPrefix(x.request.Header.Get("Content-Type"), CSV)
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
			return answer{}, Invalid(wrong[:min(len(wrong), maxLineErrors)]...)
		}
		return x.known(func(x *exchange) (answer, error) {
			err := tenancy.Retry(x.ctx, false, func() error {
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
		})
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
	fields := FieldsOf(reflect.TypeFor[Line]())
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
			problems = body.decode(fields, reflect.ValueOf(&line).Elem(), nil)
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
	return Invalid(FieldError{"lines." + strconv.Itoa(number), "max_length", "A line has at most " + formatBytes(maxLine) + "."})
}

// record bounds how much a reader of CSV reads before left is set again: a line, and what it reads ahead.
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
		return Invalid(FieldError{"lines.1", "header", "The first line names the columns."})
	}
	byName := make(map[string]*Field)
	fields := FieldsOf(reflect.TypeFor[Line]())
	for _, f := range fields {
		byName[f.Name] = &f
	}
	columns := make([]*Field, len(header))
	for i, name := range header {
		f, ok := byName[name]
		if !ok {
			return Invalid(FieldError{"lines.1", "unknown_field", "There is no column " + quote(name) + ", or it stands twice."})
		}
		columns[i] = f
		delete(byName, name)
	}
	for name, f := range byName {
		if f.Required {
			return Invalid(FieldError{"lines.1", "required", "The column " + name + " is missing."})
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
			return Invalid(FieldError{"lines." + strconv.Itoa(malformed.StartLine), "malformed_csv", sentence(malformed.Err) + "."})
		}
		if err != nil {
			return err
		}
		number, _ = reader.FieldPos(0)
		var line Line
		var problems []FieldError
		for i, f := range columns {
			if cells[i] == "" && !f.Required {
				continue
			}
			if f.Members != nil {
				problems = append(problems, new(members).decodeObject(f, jsontext.Value(cells[i]), reflect.ValueOf(&line).Elem())...)
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
