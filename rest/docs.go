package rest

import (
	"bytes"
	"compress/gzip"
	"embed"
	"net/http"
	"strings"
	"sync"
)

// The page at /docs is Swagger UI 5.35.0, files of the npm package swagger-ui-dist as they are published. The page,
// docs.css and docs.js are ours.
//
//go:embed docs
var docsFiles embed.FS

// docsPolicy lets the page load from and speak to this server alone.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var docsPages = []root{
	asset("/docs", "index.html", "text/html"),
	asset("/docs/docs.css", "docs.css", "text/css"),
	asset("/docs/docs.js", "docs.js", "text/javascript"),
	asset("/docs/swagger-ui-bundle.js", "swagger-ui-bundle.js", "text/javascript"),
	asset("/docs/swagger-ui-bundle.js.LICENSE.txt", "swagger-ui-bundle.js.LICENSE.txt", "text/plain"),
	asset("/docs/swagger-ui.css", "swagger-ui.css", "text/css"),
}

func docs() []root { return docsPages }

// asset serves a file of the page. It is packed at its first use, once for all servers of the process.
func asset(path, name, media string) root {
	load := sync.OnceValue(func() *forms {
		body, err := docsFiles.ReadFile("docs/" + name)
		if err != nil {
			panic(err) // embedded
		}
		return formsOf(body, media+"; charset=utf-8")
	})
	return root{path, func(x *exchange) (answer, error) { return load().of(x), nil }}
}

// forms are an answer that is the same for everybody, plain and in gzip.
type forms struct{ plain, packed answer }

func formsOf(body []byte, media string) *forms {
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = w.Write(body) // a bytes.Buffer takes everything
	_ = w.Close()
	f := &forms{assetAnswer(body, media), assetAnswer(packed.Bytes(), media)}
	f.packed.Header.Set("Content-Encoding", "gzip")
	return f
}

// of is the form that the client takes.
func (f *forms) of(x *exchange) answer {
	x.writer.Header().Add("Vary", "Accept-Encoding")
	if takesGzip(x.request.Header.Get("Accept-Encoding")) {
		return f.packed
	}
	return f.plain
}

func assetAnswer(body []byte, media string) answer {
	return answer{Status: http.StatusOK, Body: body, Header: http.Header{
		"Content-Type":            {media},
		"Content-Security-Policy": {docsPolicy},
		"Referrer-Policy":         {"no-referrer"},
		"Cache-Control":           {"public, no-cache"},
		"Etag":                    {etag(1, body)},
	}}
}

// takesGzip reads Accept-Encoding (RFC 9110 §12.5.3) as far as gzip is named; a weight of 0 refuses it.
func takesGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, weighted := strings.Cut(strings.TrimSpace(part), ";")
		if coding == "gzip" {
			return !weighted || strings.Trim(weight, " q=.0") != ""
		}
	}
	return false
}
