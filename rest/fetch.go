package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// fetchTime bounds a question to an issuer, from the look-up of its name to the last byte.
	fetchTime = 3 * time.Second
	// maxFetched is in bytes: many times what the keys of any issuer take.
	maxFetched = 256 << 10
)

// fetcher goes where the operator's configuration says, on whatever network that is; it follows nobody elsewhere.
var fetcher = &http.Client{
	Timeout:       fetchTime,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Fetch reads a JSON document of an outside issuer; it is an auth.Fetch.
func Fetch(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := fetcher.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", address, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxFetched+1))
	if err == nil && len(text) > maxFetched {
		err = errors.New("GET " + address + ": it is too long")
	}
	return text, err
}
