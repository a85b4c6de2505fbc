package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// queueSize is what the workers send in about a minute at half a second each: people wait no longer for an e-mail, and
	// what is queued is lost when the process dies.
	queueSize = 512

	// workers is how many messages are written and sent at once: fewer than the connections that mail servers allow one
	// client, and few beside the requests that need the same database.
	workers = 4

	// retries after the first attempt, with firstPause before the first of them and pauseGrowth times as much before each
	// next one: 21 s in all, within which a mail server has restarted.
	retries     = 3
	firstPause  = time.Second
	pauseGrowth = 4

	// writeTimeout ends what the writing of a message waits for besides the database, which the doors bound.
	writeTimeout = 10 * time.Second
)

var (
	// ErrFull says that too many messages are waiting: try again later.
	ErrFull = errors.New("too many e-mails are waiting to be sent")

	// ErrClosed says that the process is ending.
	ErrClosed = errors.New("the outbox is closed")
)

// Outbox writes and sends messages in the background, a bounded number at a time while a bounded number waits. It keeps
// them in memory: what is not sent when the process dies is lost.
type Outbox struct {
	sender Sender
	log    *slog.Logger
	pause  time.Duration

	posting sync.RWMutex // write-locked to close the queue
	closed  bool
	places  chan struct{} // in the queue, that are taken
	queue   chan write
	left    atomic.Int64 // reserved or posted, and not done with

	ctx    context.Context // ends with the patience of Close
	cancel context.CancelFunc
	idle   chan struct{} // closed when the workers have ended
}

type write = func(ctx context.Context) (*Message, error)

// NewOutbox starts the workers; Close ends them.
func NewOutbox(sender Sender, log *slog.Logger) *Outbox {
	o := &Outbox{sender: sender, log: log, pause: firstPause, places: make(chan struct{}, queueSize), queue: make(chan write, queueSize), idle: make(chan struct{})}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for w := range o.queue {
				<-o.places
				o.deliver(w)
				o.left.Add(-1)
			}
		})
	}
	go func() {
		working.Wait()
		close(o.idle)
	}()
	return o
}

// Post queues work and returns at once, with ErrFull when the queue is full and ErrClosed after Close.
//
// write is called once, even where sending is tried again. It makes the message (it may ask the database first) or
// returns nil for nothing to send. Its error is logged, so it names neither the address nor the text.
func (o *Outbox) Post(write func(ctx context.Context) (*Message, error)) error {
	post, err := o.Reserve()
	if err == nil {
		post(write)
	}
	return err
}

// Reserve takes a place in the queue for work that is not to begin yet: whoever asks for a message waits for his answer while
// nothing of it is done, so that how long that takes does not say whether there is one. Its errors are those of Post. What it
// returns posts the work, and is called once.
func (o *Outbox) Reserve() (post func(write func(ctx context.Context) (*Message, error)), err error) {
	o.posting.RLock()
	defer o.posting.RUnlock()
	if o.closed {
		return nil, ErrClosed
	}
	select {
	case o.places <- struct{}{}:
	default:
		return nil, ErrFull
	}
	o.left.Add(1)
	return func(write func(ctx context.Context) (*Message, error)) {
		o.posting.RLock()
		defer o.posting.RUnlock()
		if o.closed {
			o.log.Error("an e-mail was not written", "error", ErrClosed.Error())
			return
		}
		o.queue <- write // where a place is kept for it
	}, nil
}

// Close stops accepting, and waits until what is queued was sent, or ctx ends: it then gives up what is left, and says in
// the error how much that is.
func (o *Outbox) Close(ctx context.Context) error {
	o.posting.Lock()
	if !o.closed {
		o.closed = true
		close(o.queue)
	}
	o.posting.Unlock()
	defer o.cancel()
	select {
	case <-o.idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d e-mails were not sent: %w", o.left.Load(), context.Cause(ctx))
	}
}

// deliver survives whatever write and the sender do.
func (o *Outbox) deliver(write write) {
	if o.ctx.Err() != nil {
		return // Close has counted it
	}
	attempts := 0
	defer func() {
		switch r := recover().(type) {
		case nil:
		case runtime.Error:
			o.log.Error("an e-mail was not sent", "attempts", attempts, "error", fmt.Sprintf("panic: %v\n%s", r, debug.Stack()))
		default: // what was thrown may be part of a message
			o.log.Error("an e-mail was not sent", "attempts", attempts, "error", fmt.Sprintf("panic: a %T\n%s", r, debug.Stack()))
		}
	}()
	writing, cancel := context.WithTimeout(o.ctx, writeTimeout)
	defer cancel()
	m, err := write(writing)
	if err != nil {
		o.log.Error("an e-mail was not written", "error", err.Error())
		return
	}
	if m == nil {
		return
	}
	pause := o.pause
	for {
		attempts++
		if err = o.sender.Send(o.ctx, *m); err == nil {
			return
		}
		if !errors.Is(err, ErrTemporary) || attempts > retries || !sleep(o.ctx, pause/2+rand.N(pause)) {
			break
		}
		pause *= pauseGrowth
	}
	o.log.Error("an e-mail was not sent", "attempts", attempts, "error", err.Error())
}

// sleep says whether it could sleep to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
