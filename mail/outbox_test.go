package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rowhouse/mail/mailtest"
)

// What is posted arrives, each message once, though the server refuses it for a while; what it refuses for ever is not
// tried again; and the log says so without naming anyone.
func TestOutbox(t *testing.T) {
	t.Parallel()
	server, log := mailtest.New(t), new(log)
	o := NewOutbox(sender(t, server.URL()), log.logger())
	o.pause = time.Millisecond
	var written atomic.Int64
	message := func(context.Context) (*Message, error) {
		return &Message{To: ann, Subject: "Hello", Text: fmt.Sprintf("mail %d\n", written.Add(1))}, nil
	}
	server.Refuse(451, 421)
	post(t, o, message)
	if got := server.Wait(ann); got != "mail 1\n" {
		t.Errorf("got %q", got)
	}
	server.Refuse(550)
	post(t, o, message)
	log.wait(t, "attempts=1", "550")
	post(t, o, message)
	if got := server.Wait(ann); got != "mail 3\n" {
		t.Errorf("got %q", got)
	}
	server.Refuse(451, 451, 451, 451, 451)
	post(t, o, message)
	log.wait(t, "attempts=4", "451")
	if err := o.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if server.Count() != 2 || written.Load() != 4 || strings.Contains(log.String(), "ann") || strings.Contains(log.String(), "mail 2") {
		t.Errorf("got %d mails, %d written, and %s", server.Count(), written.Load(), log)
	}
}

// Another attempt comes later and later, at no time that can be foretold, and not for ever; one message that waits keeps
// none from being sent.
func TestRetries(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			var at []time.Time
			var attempts, others atomic.Int64
			o := NewOutbox(senderFunc(func(_ context.Context, m Message) error {
				if m.To != ann {
					others.Add(1)
					return nil
				}
				attempts.Add(1)
				at = append(at, time.Now())
				return fmt.Errorf("busy %w", ErrTemporary)
			}), new(log).logger())
			post(t, o, to(ann))
			synctest.Wait()
			post(t, o, to("bob@example.com"))
			synctest.Wait()
			if attempts.Load() != 1 || others.Load() != 1 {
				t.Errorf("at once: %d attempts and %d others, want 1 and 1", attempts.Load(), others.Load())
			}
			if err := o.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(at) != 1+retries {
				t.Fatalf("got %d attempts, want %d", len(at), 1+retries)
			}
			for i, pause := 1, firstPause; i < len(at); i, pause = i+1, pause*pauseGrowth {
				d := at[i].Sub(at[i-1])
				if d < pause/2 || d >= pause*3/2 || seen[d] {
					t.Errorf("pause %d: got %v, want about %v, and another each time", i, d, pause)
				}
				seen[d] = true
			}
		})
	}
}

// Whoever reserves a place has one, however many come after him; nothing is written before he posts, and nothing after the end.
func TestReserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var written atomic.Int64
		count := func(context.Context) (*Message, error) {
			written.Add(1)
			return nil, nil
		}
		log := new(log)
		o := NewOutbox(senderFunc(func(context.Context, Message) error { return nil }), log.logger())
		var posts []func(func(context.Context) (*Message, error))
		for range queueSize {
			post, err := o.Reserve()
			if err != nil {
				t.Fatal(err)
			}
			posts = append(posts, post)
		}
		if _, err := o.Reserve(); !errors.Is(err, ErrFull) {
			t.Errorf("got %v, want ErrFull", err)
		}
		if err := o.Post(count); !errors.Is(err, ErrFull) {
			t.Errorf("got %v, want ErrFull", err)
		}
		synctest.Wait()
		if n := written.Load(); n != 0 {
			t.Errorf("%d are written before they were posted", n)
		}
		for _, post := range posts[1:] {
			post(count)
		}
		synctest.Wait()
		if n := written.Load(); n != queueSize-1 {
			t.Errorf("%d are written, want %d", n, queueSize-1)
		}
		if err := o.Post(count); err != nil {
			t.Errorf("with room again: %v", err)
		}
		if err := o.Close(t.Context()); err != nil {
			t.Error(err)
		}
		posts[0](count)
		if n := written.Load(); n != queueSize || !strings.Contains(log.String(), ErrClosed.Error()) {
			t.Errorf("%d are written, want %d and the one that came too late in the log: %s", n, queueSize, log)
		}
		if _, err := o.Reserve(); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}

// Some are written and sent at once, some wait, and the rest is refused at once; in the end all that was taken is sent.
func TestOutboxIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var busy, busiest, sent atomic.Int64
		o := NewOutbox(senderFunc(func(context.Context, Message) error {
			if n := busy.Add(1); n > busiest.Load() {
				busiest.Store(n)
			}
			time.Sleep(time.Second) //nolint:forbidigo // synctest's clock: it takes no time
			busy.Add(-1)
			sent.Add(1)
			return nil
		}), new(log).logger())
		start := time.Now()
		for range workers {
			post(t, o, to(ann))
		}
		synctest.Wait() // the workers have taken these
		for range queueSize {
			post(t, o, to(ann))
		}
		for range 3 {
			if err := o.Post(to(ann)); !errors.Is(err, ErrFull) {
				t.Errorf("got %v, want ErrFull", err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("posting took %v", took)
		}
		if err := o.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if busiest.Load() != workers || sent.Load() != workers+queueSize || o.left.Load() != 0 {
			t.Errorf("got at most %d at once, %d in all and %d left, want %d, %d and 0", busiest.Load(), sent.Load(), o.left.Load(), workers, workers+queueSize)
		}
	})
}

// Whatever a message is written from, and whatever sends it, may panic: the log says where, not what, and the next
// message is sent.
func TestPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent int
		log := new(log)
		o := NewOutbox(senderFunc(func(_ context.Context, m Message) error {
			if m.To == ann {
				panic("no mail for " + ann)
			}
			sent++
			return nil
		}), log.logger())
		for range 2 * workers {
			post(t, o, to(ann))
			post(t, o, func(context.Context) (*Message, error) { panic(errors.New(ann)) })
			post(t, o, func(context.Context) (*Message, error) { return []*Message{}[len(ann)], nil })
		}
		post(t, o, to("bob@example.com"))
		if err := o.Close(t.Context()); err != nil || sent != 1 {
			t.Errorf("got %v and %d sent, want 1", err, sent)
		}
		for _, want := range []string{"panic: a string", "panic: a *errors.errorString", "index out of range [15]", "outbox_test.go", "attempts=1", "attempts=0"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %s", want)
			}
		}
		if strings.Contains(log.String(), ann) {
			t.Errorf("the log names the address: %s", log)
		}
	})
}

// Nothing to write is nothing to send and nothing to say; what cannot be written is in the log, once; and a write that
// hangs is told to end.
func TestNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(log)
		o := NewOutbox(senderFunc(func(context.Context, Message) error {
			t.Error("something was sent")
			return nil
		}), log.logger())
		post(t, o, func(context.Context) (*Message, error) { return nil, nil })
		synctest.Wait()
		if log.String() != "" {
			t.Errorf("got %s, want nothing", log)
		}
		post(t, o, func(context.Context) (*Message, error) { return &Message{To: ann}, errors.New("the database is away") })
		synctest.Wait()
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "the database is away") {
			t.Errorf("got %s", got)
		}
		start := time.Now()
		post(t, o, func(ctx context.Context) (*Message, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if err := o.Close(t.Context()); err != nil || time.Since(start) != writeTimeout {
			t.Errorf("after %v: got %v, want %v", time.Since(start), err, writeTimeout)
		}
	})
}

// Close waits for all that was posted, retries included, and takes no more; when it may wait no longer, it says what is
// left, which then ends: nothing more is written.
func TestClose(t *testing.T) {
	t.Parallel()
	for _, patience := range []time.Duration{time.Hour, time.Second / 4} {
		synctest.Test(t, func(t *testing.T) {
			var written atomic.Int64
			o := NewOutbox(senderFunc(func(context.Context, Message) error {
				return fmt.Errorf("busy %w", ErrTemporary)
			}), new(log).logger())
			const posted = 3 * workers
			for range posted {
				post(t, o, func(context.Context) (*Message, error) {
					written.Add(1)
					return &Message{To: ann}, nil
				})
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := o.Close(ctx)
			if again := o.Post(to(ann)); !errors.Is(again, ErrClosed) {
				t.Errorf("posted after Close: got %v, want ErrClosed", again)
			}
			<-o.idle // the workers end in either case, or synctest finds the deadlock
			if patience == time.Hour {
				if err != nil || written.Load() != posted {
					t.Errorf("got %v and %d written, want %d", err, written.Load(), posted)
				}
				return
			}
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), fmt.Sprint(posted)) || written.Load() != workers {
				t.Errorf("got %v and %d written, want %d left of which %d were written", err, written.Load(), posted, workers)
			}
			if err := o.Close(t.Context()); err != nil {
				t.Errorf("closed again: %v", err)
			}
		})
	}
}

// Posting and closing may meet.
func TestPostWhileClosing(t *testing.T) {
	t.Parallel()
	o := NewOutbox(Nowhere(slog.New(slog.DiscardHandler)), new(log).logger())
	var posting sync.WaitGroup
	for range 8 {
		posting.Go(func() {
			for {
				switch err := o.Post(to(ann)); {
				case errors.Is(err, ErrClosed):
					return
				case err != nil && !errors.Is(err, ErrFull):
					t.Errorf("got %v", err)
				}
			}
		})
	}
	if err := o.Close(t.Context()); err != nil {
		t.Error(err)
	}
	posting.Wait()
	if o.left.Load() != 0 {
		t.Errorf("%d are left", o.left.Load())
	}
}

func to(address string) func(context.Context) (*Message, error) {
	return func(context.Context) (*Message, error) { return &Message{To: address}, nil }
}

func post(t *testing.T, o *Outbox, write func(context.Context) (*Message, error)) {
	t.Helper()
	if err := o.Post(write); err != nil {
		t.Fatal(err)
	}
}

// log is one that tests read; the zero value is ready.
type log struct {
	sync.Mutex
	bytes.Buffer
	changed chan struct{}
}

func (l *log) logger() *slog.Logger {
	l.changed = make(chan struct{})
	return slog.New(slog.NewTextHandler(l, nil))
}

func (l *log) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.Buffer.Write(p)
}

func (l *log) String() string {
	l.Lock()
	defer l.Unlock()
	return l.Buffer.String()
}

// wait waits for a line with all the parts.
func (l *log) wait(t *testing.T, parts ...string) {
	t.Helper()
	for {
		l.Lock()
		text, changed := l.Buffer.String(), l.changed
		l.Unlock()
		for line := range strings.Lines(text) {
			has := 0
			for _, part := range parts {
				if strings.Contains(line, part) {
					has++
				}
			}
			if has == len(parts) {
				return
			}
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Fatalf("no line with %q in %s", parts, text)
		}
	}
}
