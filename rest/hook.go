package rest

import (
	"context"
	"io"

	"github.com/go-json-experiment/json"
)

// Hook is an address at the root at which an outside service tells what has happened there. Nobody is logged in: that a message is to be
// believed, its handler finds out from the message.
type Hook struct {
	Path    string // such as /hooks/clerk
	Name    string // of the operation
	Limit   int64  // of a message, in bytes
	Refuses []*Error

	Ready func(app any) error // why no message is taken at all; nil: it is
	Take  func(ctx context.Context, app any, who Caller, message Message) (outcome string, err error)
}

// Message is what a service sends.
type Message struct {
	Header func(name string) []string
	Body   []byte
}

// take answers a message: with what became of it, or with a refusal, after which the service sends it again.
func (h *Hook) take(x *exchange) (answer, error) {
	outcome, err := h.heed(x)
	if err != nil {
		x.server.doors.Telemetry.Hook(h.Path, x.server.api.Refuse(err, false).Code)
		return answer{}, err
	}
	x.server.doors.Telemetry.Hook(h.Path, outcome)
	text, err := json.Marshal(map[string]string{"outcome": outcome})
	return jsonAnswer(text), err
}

func (h *Hook) heed(x *exchange) (outcome string, err error) {
	if err := x.limited(); err != nil {
		return "", err
	}
	if err := h.Ready(x.server.api.App); err != nil {
		return "", err
	}
	body, err := io.ReadAll(x.request.Body)
	if err != nil {
		return "", bodyError(err)
	}
	x.body = body
	return h.Take(x.ctx, x.server.api.App, x.who, Message{x.request.Header.Values, body})
}
