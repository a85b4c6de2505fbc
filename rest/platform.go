package rest

import (
	"context"
	"io"
	"net/http"
	"reflect"

	"rowhouse/db"
	"rowhouse/ids"
)

// Platform is a route for superusers about all tenants, whose handler makes exactly one accessor call.
func Platform[In, Out any](h work[In, Out]) Endpoint {
	e := describe[In, Out](PlatformScope, h)
	e.run = served(func(x *exchange, in In) (Out, error) { return once(x, platformEntry, h, in) })
	return e
}

var (
	platformEntry       = entry{alone: func(x *exchange) *db.Queries { return x.server.doors.Platform(x.who) }}
	platformTenantEntry = entry{alone: func(x *exchange) *db.Queries { return x.server.doors.PlatformTenant(x.who) }}
)

// PlatformTenant is embedded in the input of a route for superusers about one tenant.
type PlatformTenant struct {
	TenantID ids.TenantID `path:"tenant_id"`
}

func (p PlatformTenant) tenant() ids.TenantID { return p.TenantID }

// PlatformOne is a route for superusers about one tenant, which the handler finds in its caller.
func PlatformOne[In interface{ tenant() ids.TenantID }, Out any](h work[In, Out]) Endpoint {
	e := describe[In, Out](PlatformScope, h)
	e.run = served(func(x *exchange, in In) (Out, error) {
		x.who.TenantID = in.tenant()
		return once(x, platformTenantEntry, h, in)
	})
	return e
}

// File is the output of a route that answers bytes which are no text.
type File struct{}

// PlatformDownload is such a route that streams a file. The handler says whether it may, and returns what writes it; a stream that breaks off does not look
// whole.
func PlatformDownload[App any, In interface{ tenant() ids.TenantID }](media, extension string, h func(ctx context.Context, app App, who Caller, in In) (write func(io.Writer) error, err error)) Endpoint {
	e := describe[In, File](PlatformScope, h)
	e.app = reflect.TypeFor[App]()
	e.Produces = []string{media}
	e.run = func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		return x.known(func(x *exchange) (answer, error) {
			x.who.TenantID = in.tenant()
			write, err := h(x.ctx, x.server.api.App.(App), x.who, in)
			if err != nil {
				return answer{}, err
			}
			a := answer{Status: http.StatusOK, Header: http.Header{
				"Content-Type":        {media},
				"Content-Disposition": {`attachment; filename="` + in.tenant().String() + "." + extension + `"`},
				"Cache-Control":       {"no-store"},
			}}
			err = a.streamed(x, func(w io.Writer, each func()) error { return write(paced{w, each}) })
			return a, err
		})
	}
	return e
}

// paced gives the client a while for each piece.
type paced struct {
	io.Writer
	each func()
}

func (p paced) Write(b []byte) (int, error) {
	p.each()
	return p.Writer.Write(b)
}

// PlatformUpload is a route for superusers that takes a file. The handler asks for it, by body, once it knows that it may; it is gone afterwards.
func PlatformUpload[App, In, Out any](media string, h func(ctx context.Context, app App, who Caller, in In, body func() (io.ReadSeeker, error)) (Out, error)) Endpoint {
	e := describe[In, Out](PlatformScope, h)
	e.app = reflect.TypeFor[App]()
	e.Accepts = []string{media}
	e.run = served(func(x *exchange, in In) (out Out, err error) {
		if err := checkContentType(x.request, media); err != nil {
			return out, err
		}
		var spool io.ReadSeekCloser
		defer func() {
			if spool != nil {
				spool.Close()
			}
		}()
		return h(x.ctx, x.server.api.App.(App), x.who, in, func() (_ io.ReadSeeker, err error) {
			if spool, err = spoolBody(x); err != nil {
				return nil, err
			}
			_, err = spool.Seek(0, io.SeekStart)
			return spool, err
		})
	})
	return e
}
