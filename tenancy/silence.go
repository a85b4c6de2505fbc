package tenancy

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A server that is slow is told from one that is dead by what it says, never by how late we are to look. Three things make that so.
//
//   - One clock counts all budgets, in own time: time in which this process, and so in all likelihood the server, could run. It passes
//     at most by one tick each time that the clock is let run, and the slower, the more there are who want each processor.
//   - Where nothing has been heard for a while from a server that is waited for, the clock itself asks it whether it is there (question),
//     and asks the kernel for the answer. Neither needs another goroutine to be scheduled. The silence of a server that has not answered
//     its question ends all that waits for it.
//   - A connection that alone says nothing is given up after a longer while, unless something that nobody has had time to read lies there,
//     or PostgreSQL says that it is at work for it (Database.inquire): statement_timeout ends statements, nothing here.
//
// A machine without processors so makes answers late, and not wrong.
type watch struct {
	once sync.Once
	over context.Context
	end  context.CancelFunc

	now   atomic.Int64          // own time, in nanoseconds; never 0
	queue atomic.Pointer[queue] // of those who come now

	mu      sync.Mutex
	servers map[string]*server // by address
	queues  []*queue           // of those who came before, oldest first
	stuck   time.Duration      // how much of own time every connection there may be was waiting for PostgreSQL, and somebody for one of them

	served, silenced string // the host that served a new connection last, and the one that fell silent last; empty: none
}

const (
	// tick is how often the clock looks, and slack how early a tick may come and still pass for a whole one.
	tick  = 25 * time.Millisecond
	slack = tick / 10
	// connectTimeout is how long a connection that is being made may say nothing, alone: those that were swallowed while the server was
	// away must have ended soon after it is back.
	connectTimeout = 1500 * time.Millisecond
	// aloneTimeout is how long the connection of a statement may, until PostgreSQL is asked about it, and maxInquiries how often it is
	// asked: no request waits for ever.
	aloneTimeout = 5 * time.Second
	maxInquiries = 5
	// queueTimeout is that of a Database unless it is changed, and maxQueued how long anybody waits for a connection, whatever holds it.
	queueTimeout = 5 * time.Second
	maxQueued    = time.Minute
)

var (
	errSilent    = errors.New("the database server has fallen silent")
	errAlone     = errors.New("the connection has fallen silent")
	errExhausted = errors.New("all connections are held by statements that do not end")
	errClosed    = errors.New("this program is ending")
)

// queue are those who began to wait for a connection within the same tick, or nearly.
type queue struct {
	context.Context
	refuse  context.CancelCauseFunc
	waiting atomic.Int64
	came    time.Duration // own time
	stuck   time.Duration // watch.stuck, then
}

func newQueue(now, stuck time.Duration) *queue {
	q := &queue{came: now, stuck: stuck}
	q.Context, q.refuse = context.WithCancelCause(context.Background())
	return q
}

func (w *watch) open() {
	w.servers = map[string]*server{}
	w.now.Store(1)
	w.queue.Store(newQueue(1, 0))
	w.over, w.end = context.WithCancel(context.Background())
}

// start starts the clock when it is first needed.
func (d *Database) start() { d.watch.once.Do(func() { go d.run() }) }

func (d *Database) run() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	crowd := newCrowd()
	defer crowd.close()
	for last := time.Now(); ; {
		select {
		case <-ticker.C:
		case <-d.watch.over.Done():
			d.watch.rest()
			return
		}
		now := time.Now()
		passed := float64(min(now.Sub(last)+slack, tick)) / crowd.share()
		last = now
		d.look(time.Duration(math.Ceil(passed)))
	}
}

// rest takes back all that is asked.
func (w *watch) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.servers {
		s.rest(s.since)
	}
}

// giveUp ends whatever waits for any server.
func (w *watch) giveUp(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.servers {
		for l := range s.links {
			l.giveUp(why)
		}
	}
}

// join makes the caller one of the queue, which he leaves when he has a connection or none.
func (w *watch) join() *queue {
	for {
		q := w.queue.Load()
		q.waiting.Add(1)
		if w.queue.Load() == q {
			return q
		}
		q.leave() // the clock may have seen nobody in it
	}
}

func (q *queue) leave() { q.waiting.Add(-1) }

// look lets own time pass, and ends what has waited too long.
func (d *Database) look(passed time.Duration) {
	w := &d.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Duration(w.now.Add(int64(passed)))
	w.line(now)
	var silent, heard time.Duration // since when a server has been, and when one was last not
	for address, s := range w.servers {
		since := s.look(now, d.AcquireTimeout, w.queues)
		for l := range s.links {
			// Nobody waits any more for one that is being made, and it is good when the server is back: to begin it anew each time
			// would keep a server busy that has just come back to all that was begun. But where there is another host, that is asked.
			if began := time.Duration(l.since.Load()); (l.ready || l.host != "") && began != 0 && began <= since && l.stalls() {
				l.giveUp(errSilent)
			}
			d.lookAlone(l, now)
		}
		silent, heard = max(silent, since), max(heard, time.Duration(s.heard.Load()))
		if len(s.links) == 0 {
			s.rest(now)
			delete(w.servers, address)
		}
	}
	if heard > silent {
		silent = 0
	}
	d.lookAtQueues(now, passed, silent)
}

// lookAlone ends a connection that says nothing although its server does.
func (d *Database) lookAlone(l *link, now time.Duration) {
	long := d.aloneTimeout
	if !l.ready {
		long = connectTimeout
	}
	began := l.since.Load()
	switch {
	case began == 0 || now-time.Duration(began) < long || !l.stalls():
	case !l.ready:
		l.giveUp(errAlone)
	default:
		reads := l.reads.Load()
		if l.inquired != reads {
			l.inquired, l.inquiries = reads, 0
		}
		if l.inquiries++; l.inquiries > maxInquiries {
			l.giveUp(errAlone)
			return
		}
		l.since.Store(int64(now)) // as long again
		go d.inquire(l, reads)
	}
}

// line puts those who came since the last tick behind those who came before, and forgets who has gone.
func (w *watch) line(now time.Duration) {
	current := w.queue.Load()
	if current.waiting.Load() > 0 {
		w.queues = append(w.queues, current)
		w.queue.Store(newQueue(now, w.stuck))
	} else {
		current.came, current.stuck = now, w.stuck
	}
	for len(w.queues) > 0 && w.queues[0].waiting.Load() == 0 {
		w.queues = w.queues[1:]
	}
}

// lookAtQueues refuses whoever has waited for a connection since before the server fell silent, and those whom statements that do not end
// have kept from one for too long. Where a connection is held by ourselves, who have yet to read an answer or to ask the next thing, its
// turn will come.
func (d *Database) lookAtQueues(now, passed, silent time.Duration) {
	w := &d.watch
	if len(w.queues) > 0 && w.stalled() >= d.connections {
		w.stuck += passed
	}
	for len(w.queues) > 0 {
		q := w.queues[0]
		switch {
		case q.came <= silent:
			q.refuse(errSilent)
		case w.stuck-q.stuck >= max(d.QueueTimeout, d.AcquireTimeout), now-q.came >= maxQueued:
			q.refuse(errExhausted)
		default:
			return
		}
		w.queues = w.queues[1:]
	}
}

// stalled is how many connections wait for their server.
func (w *watch) stalled() (n int) {
	for _, s := range w.servers {
		if s.network == lookup {
			continue
		}
		for l := range s.links {
			if l.stalls() {
				n++
			}
		}
	}
	return n
}

// server is one address that connections lead to. Its times are own time.
type server struct {
	network, address string
	links            map[*link]struct{}
	heard            atomic.Int64 // when a connection last brought something

	since time.Duration // when it last answered, or nobody waited for it
	wait  time.Duration // how long whoever has waited since before then waits until it is asked again
	asked []*question   // since then, oldest first
}

// look asks the server whether it is there, where that is due, and returns since when it has been silent; 0: it is not, as far as is known.
// Patience is how long it may say nothing to whoever waits for it. It is asked within the first fifth of that, so that the answer, or none,
// is about the time in which he waited; so do those who are queued for a connection.
func (s *server) look(now, patience time.Duration, queues []*queue) (silent time.Duration) {
	first := patience / 5
	s.wait = max(s.wait, first)
	if heard := time.Duration(s.heard.Load()); heard > s.since {
		s.rest(heard)
		s.wait = first
	}
	var last time.Duration
	if len(s.asked) > 0 {
		last = s.asked[len(s.asked)-1].at
	}
	waited, due := false, false
	wants := func(began time.Duration) bool {
		wait := first
		if began <= s.since {
			began, wait = s.since, s.wait
		}
		return began > last && now-began >= wait
	}
	for l := range s.links {
		if began := time.Duration(l.since.Load()); began != 0 {
			waited, due = true, due || wants(began)
		}
	}
	for _, q := range queues {
		due = due || q.waiting.Load() > 0 && wants(q.came)
	}
	if !waited {
		s.rest(now)
		s.wait = first
		return 0
	}
	for _, q := range s.asked {
		if q.answered() {
			s.rest(now)
			s.wait = min(2*s.wait, patience) // a statement takes its time
			return 0
		}
	}
	if len(s.asked) > 0 && now-s.asked[0].at >= patience-first {
		silent = s.asked[0].at
		s.asked[0].close()
		s.asked = s.asked[1:]
	}
	if due {
		if q := newQuestion(s.network, s.address, now); q != nil {
			s.asked = append(s.asked, q)
		}
	}
	return silent
}

// rest takes all questions back: silence counts from then on.
func (s *server) rest(then time.Duration) {
	s.since = then
	for _, q := range s.asked {
		q.close()
	}
	s.asked = nil
}
