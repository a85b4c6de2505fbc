package handlers

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// answer is what is written to the client; stored as it is under an Idempotency-Key.
type answer struct {
	Status int
	Header http.Header
	Body   []byte

	stream func(http.ResponseWriter) error // instead of Body
}

// resource is an output that stands under its name in the content, has an address, and versions.
type resource interface {
	// resource returns the singular name, the path under /api/v1, and the version; 0 for what has no versions.
	resource() (name, path string, version int64)
}

// deleted is the output of a removal.
type deleted[ID any] struct {
	ID ID `json:"id"`
}

// done is the output of an action that has nothing to say.
type done struct{}

// render makes the answer of a success from a pointer to the handler's output.
func (x *exchange) render(out any) (answer, error) {
	a := answer{Status: x.route.Status, Header: http.Header{}}
	body := append(make([]byte, 0, 512), `{"success":true,"title":`...)
	body, err := jsontext.AppendQuote(body, x.route.Title)
	if err != nil {
		return a, err
	}
	body = append(body, `,"content":`...)
	switch out := out.(type) {
	case pageAnswer:
		content, page := out.page(x)
		if body, err = appendJSON(body, content); err != nil {
			return a, err
		}
		body = append(body, `,"page":`...)
		if body, err = appendJSON(body, page); err != nil {
			return a, err
		}
		if page.Next != nil {
			next := *x.request.URL
			query := next.Query()
			query.Del("page")
			query.Set("cursor", *page.Next)
			next.RawQuery = query.Encode()
			a.Header.Set("Link", "<"+next.RequestURI()+`>; rel="next"`)
		}
	case resource:
		name, path, version := out.resource()
		body = append(append(append(body, `{"`...), name...), `":`...)
		from := len(body)
		if body, err = appendJSON(body, out); err != nil {
			return a, err
		}
		if version > 0 {
			a.Header.Set("ETag", etag(version, body[from:]))
		}
		if a.Status == http.StatusCreated {
			a.Header.Set("Location", base+path)
		}
		body = append(body, '}')
	default:
		if body, err = appendJSON(body, out); err != nil {
			return a, err
		}
		if of, ok := out.(interface{ made() resource }); ok {
			_, path, _ := of.made().resource()
			a.Header.Set("Location", base+path)
		}
	}
	a.Body = append(body, '}')
	return a, nil
}

func appendJSON(body []byte, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	return append(body, text...), err
}

// refusal makes the answer of an error.
func refusal(e *Error, requestID string) answer {
	content := struct {
		Code      string       `json:"code"`
		Detail    string       `json:"detail"`
		Fields    []FieldError `json:"fields,omitzero"`
		RequestID string       `json:"request_id"`
	}{e.Code, e.Detail, e.Fields, requestID}
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

// write sends the answer; a stream's error leaves a connection that breaks off, which is how its reader learns of it.
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
	w.WriteHeader(a.Status)
	_, err := w.Write(a.Body)
	return err
}
