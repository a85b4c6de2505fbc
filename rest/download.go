package rest

import (
	"bufio"
	"context"
	"encoding"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/tenancy"
	"strconv"
	"strings"
	"time"
)

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

// ExportFormat is embedded in the input of an export.
type ExportFormat struct {
	Format string `query:"format" validate:"oneof=csv ndjson" doc:"csv or ndjson; when left out, what Accept asks for, or else ndjson."`
}

func (f ExportFormat) format(r *http.Request) string {
	switch {
	case f.Format != "":
		return f.Format
	case strings.Contains(r.Header.Get("Accept"), CSV):
		return "csv"
	}
	return "ndjson"
}

// Download is a tenant route that streams a list: page after page of it, each through the door, so that whoever loses the
// right to read loses it in the middle too. A stream that breaks off must not look whole. Since HTTP/1.1 it does not, for its end is
// written; to an older client, for which a body ends where the connection does, it is answered when it is whole, with its length.
func Download[In interface{ format(*http.Request) string }, Row any](p auth.Permission, name string, page func(ctx context.Context, q *db.Queries, who Caller, in In, list List) (Page[Row], error)) Endpoint {
	e := describe[In, Row](TenantScope, page)
	e.Permission = p
	e.Produces = []string{NDJSON, CSV}
	e.run = func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		return x.known(func(x *exchange) (answer, error) {
			read := func(after *Position) (rows Page[Row], err error) {
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
			media := map[string]string{"csv": CSV, "ndjson": NDJSON}[format]
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
			err = a.streamed(x, all)
			return a, err
		})
	}
	return e
}

// hurry gives the client a while to take what is written next.
func hurry(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(downloadPace))
}

// streamed has write write the body when the answer is sent: whenever it calls each, the client has a while to take what comes next.
func (a *answer) streamed(x *exchange, write func(w io.Writer, each func()) error) error {
	switch {
	case x.request.Method == http.MethodHead:
		a.stream = func(w http.ResponseWriter) error {
			w.WriteHeader(a.Status)
			return nil
		}
	case x.request.ProtoAtLeast(1, 1):
		a.stream = func(w http.ResponseWriter) error {
			w.WriteHeader(a.Status)
			return write(w, func() { hurry(w) })
		}
	default:
		return a.spooled(write)
	}
	return nil
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
			if lines, err = AppendJSON(lines, &rows[i]); err != nil {
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
	var columns [][]int
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Row]()) {
		if name, ok := f.Tag.Lookup("json"); ok {
			header, columns = append(header, name), append(columns, f.Index)
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
				cells[c] = cell(row.FieldByIndex(column))
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
