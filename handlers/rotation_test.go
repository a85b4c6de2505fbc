package handlers

import (
	"encoding/json"
	"fmt"
	"sync"
	syncatomic "sync/atomic"
	"testing"
	"time"

	"rowhouse/auth"
	"rowhouse/rest"
)

// held is what a client was given and comes back with.
type held struct {
	access, refresh string
	cursor          string
	keyed           request  // a creation under an Idempotency-Key
	made            response // its answer
}

// Signing keys are replaced in three steps, each process started anew with the value of one step after the other, while clients come
// all the time to whichever process: none is refused. What was given before the new key signed is good until the old one is
// dropped, and what was given after it goes on. Wrong passwords are counted all along.
func TestRotation(t *testing.T) {
	t.Parallel()
	const times = 4 // as many processes as start in the first two steps
	w := newRows(t)
	config := worldConfig(func(c *Config) { c.Limits.Login = rest.Limit{Times: times, Window: 24 * time.Hour} })
	var processes [2]syncatomic.Value // of URLs
	start := func(process int, value string) {
		keys, err := auth.ParseKeys(value)
		if err != nil {
			t.Fatal(err)
		}
		_, url := w.serveWith(w.db.Server()+"&pool_max_conns=4", config, keys)
		processes[process].Store(url)
	}
	at := func(process int, r request) response {
		got, err := w.try(r, processes[process%len(processes)].Load().(string))
		if err != nil {
			t.Error(err)
		}
		return got
	}
	// The answers of every process.
	want := func(r request, status int) {
		t.Helper()
		for process := range processes {
			if got := at(process, r); got.status != status {
				t.Errorf("%s %s at process %d: got %v, want %d", r.method, r.path, process, got, status)
			}
		}
	}
	wrong := func(name string) request { return loginAs(name, "wrong harbour") }

	value, _, err := auth.NextKeys("")
	if err != nil {
		t.Fatal(err)
	}
	for process := range processes {
		start(process, value)
	}
	for n := range times {
		if got := at(n, wrong("before")); got.status != 401 {
			t.Fatalf("got %v", got)
		}
	}

	var mu sync.Mutex
	lapped := sync.NewCond(&mu)
	laps := make([]int, 3)
	var renewed syncatomic.Int64 // how often the clients have given up what they had
	stop := make(chan struct{})
	var clients sync.WaitGroup
	client := func(n int, login string) {
		var oldest held
		since := int64(-1)
		for lap := 0; ; lap++ {
			begun := renewed.Load()
			given := func(key string) held {
				return w.hold(func(r request) response { return at(lap, r) }, login, fmt.Sprintf("%s-%d-%d", key, n, lap))
			}
			if since < begun {
				oldest, since = given("oldest"), begun
			}
			fresh := given("fresh")
			for _, had := range []*held{&oldest, &fresh} {
				for process := range processes {
					w.present(func(r request) response { return at(process, r) }, had)
				}
			}
			mu.Lock()
			laps[n]++
			lapped.Broadcast()
			mu.Unlock()
			select {
			case <-stop:
				return
			default:
			}
		}
	}
	for n := range laps {
		p := w.account(fmt.Sprintf("client-%d", n))
		w.user(w.A, p, "admin")
		clients.Go(func() { client(n, p.name) })
	}
	// Every client has done all that it does, from its beginning.
	whole := func() {
		mu.Lock()
		defer mu.Unlock()
		var goal []int
		for _, n := range laps {
			goal = append(goal, n+2)
		}
		for n := range laps {
			for laps[n] < goal[n] && !t.Failed() {
				lapped.Wait()
			}
		}
	}
	whole()
	for _, want429 := range []string{"before", "before", "during"} {
		var step auth.KeyStep
		if value, step, err = auth.NextKeys(value); err != nil {
			t.Fatal(err)
		}
		if step == auth.KeyDropped {
			renewed.Add(1) // it is a day later
			whole()
		}
		for process := range processes {
			start(process, value)
			whole()
			want(wrong(want429), 429)
			if step != auth.KeyDropped {
				if got := at(process, wrong("during")); got.status != 401 {
					t.Errorf("step %d, process %d: got %v, want 401", step, process, got)
				}
			}
		}
	}
	close(stop)
	clients.Wait()
}

// hold is what somebody is given who logs in, reads a page, and creates an item under a key.
func (w *world) hold(send func(request) response, login, key string) (had held) {
	in, ok := answered200[loginAnswer](w, send(loginAs(login, password)))
	if !ok {
		return had
	}
	had.access, had.refresh = in.Content.AccessToken, in.Content.RefreshToken
	page, ok := answered200[any](w, send(had.as(w, call("GET", "/items?page_size=1"))))
	if !ok {
		return had
	}
	had.cursor = page.Page.Next
	had.keyed = call("POST", "/items").json(`{"name":"`+key+`","price_cents":1}`).with("Idempotency-Key", key)
	had.made = send(had.as(w, had.keyed))
	return had
}

// present comes with all of it; the refresh token is spent for the next.
func (w *world) present(send func(request) response, had *held) {
	answered200[any](w, send(had.as(w, call("GET", "/items?page_size=1&cursor="+had.cursor))))
	again := send(had.as(w, had.keyed))
	if again.status != 201 || again.body != had.made.body || again.header.Get("Idempotent-Replayed") != "true" {
		w.t.Errorf("the same request under its key: got %v, want %v", again, had.made)
	}
	if in, ok := answered200[loginAnswer](w, send(call("POST", "/auth/refresh").json(`{"refresh_token":"`+had.refresh+`"}`))); ok {
		had.refresh = in.Content.RefreshToken
	}
}

func (had *held) as(w *world, r request) request {
	return bearer(had.access, r).with("X-Tenant-Id", w.A.id.String())
}

// answered200 reads an answer; false, and a failure, for a refusal.
func answered200[T any](w *world, got response) (read struct {
	Content T
	Page    struct{ Next string }
}, ok bool) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(got.body), &read); err != nil || got.status != 200 {
		w.t.Errorf("got %v, want 200", got)
		return read, false
	}
	return read, true
}
