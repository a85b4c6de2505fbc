// Package rest is the HTTP contract: all that is true of any API of rowhouse, and nothing of a resource. It is handed an API, whose routes name a
// handler each, and does the rest: it says who is asking, reads and checks what was sent, opens the door that the route asks for, runs the
// handler, and writes what it returns, or the refusal that its error stands for. It describes the API in OpenAPI from the same routes.
//
// toy_test.go has a whole API of two routes. A request goes through these files in this order: server.go, credential.go, limits.go,
// idempotency.go, decode.go and input.go, adapters.go, then the handler, answer.go and encode.go; or errors.go, which has the table from errors
// to answers, with constraints.go. Lists are in list.go and cursor.go, streams in upload.go and download.go, conditions in condition.go.
package rest
