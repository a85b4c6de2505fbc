package rest

import (
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// answer is what is written to the client. Under an Idempotency-Key it is stored as it is here.
type answer struct {
	Status int
	Header http.Header // Location is a path; PUBLIC_URL is put before it when it is written
	Body   []byte

	stream func(http.ResponseWriter) error // instead of Body
}

// Resource is an output that is one thing: it is written under its name, and has an address and, as most do, versions.
type Resource interface {
	// Resource returns the singular name, the path under /api/v1, and the version; 0 for what has no versions.
	Resource() (name, path string, version int64)
}

// Document is an output that is written as it is, in the media type of its operation, and not in the envelope.
type Document interface {
	// Document returns its version, and its bytes.
	Document() (version int64, body []byte)
}

// Deleted is the output of a removal.
type Deleted[ID any] struct {
	ID ID `json:"id"`
}

// Done is the output of an action that returns no data.
type Done struct{}

// render makes the answer of a success from a pointer to the handler's output. Its body is in a buffer that written takes back.
func (x *exchange) render(out any) (answer, error) {
	a := answer{Status: x.route.Status, Header: http.Header{}}
	room := bodies.Get().(*[]byte)
	x.bodies = append(x.bodies, room)
	b, err := x.appendBody((*room)[:0], &a, out)
	*room, a.Body = b, b
	return a, err
}

// appendBody appends the body of a success, and sets the headers that follow from it.
func (x *exchange) appendBody(b []byte, a *answer, out any) ([]byte, error) {
	if document, ok := out.(Document); ok {
		version, body := document.Document()
		a.Header.Set("Content-Type", x.route.Produces[0]+"; charset=utf-8")
		a.Header.Set("ETag", etag(version, body))
		return append(b, body...), nil
	}
	b, err := jsontext.AppendQuote(append(b, `{"success":true,"title":`...), x.route.Title)
	if err != nil {
		return b, err
	}
	b = append(b, `,"content":`...)
	switch out := out.(type) {
	case pageAnswer:
		rows, page := out.page(x)
		if b, err = AppendJSON(b, rows); err != nil {
			return b, err
		}
		if b, err = AppendJSON(append(b, `,"page":`...), &page); err != nil {
			return b, err
		}
		if page.Next != nil {
			next := *x.request.URL
			query := next.Query()
			query.Del("page")
			query.Set("cursor", *page.Next)
			next.RawQuery = query.Encode()
			a.Header.Set("Link", "<"+x.server.config.PublicURL+next.RequestURI()+`>; rel="next"`)
		}
	case Resource:
		name, path, version := out.Resource()
		b = append(append(append(b, `{"`...), name...), `":`...)
		from := len(b)
		if b, err = AppendJSON(b, out); err != nil {
			return b, err
		}
		if version > 0 {
			a.Header.Set("ETag", etag(version, b[from:]))
		}
		if a.Status == http.StatusCreated {
			a.Header.Set("Location", Base+path)
		}
		b = append(b, '}')
	default:
		if b, err = AppendJSON(b, out); err != nil {
			return b, err
		}
		if of, ok := out.(interface{ Made() Resource }); ok {
			_, path, _ := of.Made().Resource()
			a.Header.Set("Location", Base+path)
		}
	}
	return append(b, '}'), nil
}

// bodies are the buffers of answers that were written, to be used again. A large one is not kept: many small answers would hold its memory.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

const maxKeptBody = 64 << 10 // bytes

// written gives the buffers back to the pool; the answers in them must not be used any more.
func (x *exchange) written() {
	for _, room := range x.bodies {
		if cap(*room) <= maxKeptBody {
			bodies.Put(room)
		}
	}
}

const (
	// maxProblems is how many fields a refusal lists; of more it says how many.
	maxProblems = 100
	// maxQuoted is how many bytes of a name that the client chose a refusal repeats.
	maxQuoted = 64
)

// shortened is the beginning of what a client sent, to be repeated to it.
func shortened(text string) string {
	if len(text) <= maxQuoted {
		return text
	}
	end := maxQuoted
	for end > maxQuoted-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// refusal makes the answer of an error. It lists at most maxProblems fields, so that it stays small.
func refusal(e *Error, requestID string) answer {
	fields, more, detail := e.Fields, e.more, e.Detail
	if len(fields) > maxProblems {
		fields, more = fields[:maxProblems], more+len(fields)-maxProblems
	}
	if more > 0 {
		detail += " … and " + strconv.Itoa(more) + " more."
	}
	content := struct {
		Code      string       `json:"code"`
		Detail    string       `json:"detail"`
		Fields    []FieldError `json:"fields,omitzero"`
		RequestID string       `json:"request_id"`
	}{e.Code, detail, fields, requestID}
	body, err := json.Marshal(struct {
		Success bool   `json:"success"`
		Title   string `json:"title"`
		Content any    `json:"content"`
	}{false, e.Title, content}, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err) // strings always marshal
	}
	return answer{Status: e.Status, Header: e.header.Clone(), Body: body}
}

// write sends the answer. After an error of a stream the caller has to break the connection off: that is how the client learns of it.
func (a answer) write(w http.ResponseWriter) error {
	header := w.Header()
	for name, values := range a.Header {
		header[name] = values
	}
	if a.stream != nil {
		return a.stream(w)
	}
	if a.Status != http.StatusNotModified {
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", "application/json; charset=utf-8")
		}
		header.Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	if header.Get("Cache-Control") == "" {
		if header.Get("ETag") == "" {
			header.Set("Cache-Control", "no-store")
		} else {
			header.Set("Cache-Control", "private, no-cache")
		}
	}
	// The client has all of writeTimeout, however long the handler took. A writer without deadlines returns an error, which is no matter.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	w.WriteHeader(a.Status)
	_, err := w.Write(a.Body)
	return err
}
