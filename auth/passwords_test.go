package auth

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"rowhouse/auth/argon2"
)

var cheap = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// A hash verifies its own password only; no hash verifies none; and a hash of other parameters says so, but only to who
// knows the password.
func TestHashVerify(t *testing.T) {
	t.Parallel()
	p := NewPasswords(2, 8)
	const password = " correct horse "
	fresh, err := p.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(fresh, want) {
		t.Errorf("got %s, want %s…", fresh, want)
	}
	if again, err := p.Hash(t.Context(), password); err != nil || again == fresh {
		t.Errorf("again: got %s and error %v, want another salt", again, err)
	}
	older, err := argon2id.CreateHash(password, &cheap)
	if err != nil {
		t.Fatal(err)
	}
	other, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 96, Iterations: 2, Parallelism: 2, SaltLength: 8, KeyLength: 24})
	if err != nil {
		t.Fatal(err)
	}
	type answer struct{ OK, Stale bool }
	for _, c := range []struct {
		password, hash string
		want           answer
	}{
		{password, fresh, answer{OK: true}},
		{strings.TrimSpace(password), fresh, answer{}},
		{password, older, answer{OK: true, Stale: true}},
		{password, other, answer{OK: true, Stale: true}},
		{"another", older, answer{}},
		{"", older, answer{}},
		{password, "", answer{}},
	} {
		ok, stale, err := p.Verify(t.Context(), c.password, c.hash, nil)
		if diff := cmp.Diff(c.want, answer{ok, stale}); diff != "" || err != nil {
			t.Errorf("%q with %q: error %v; want, got: %s", c.password, c.hash, err, diff)
		}
	}
}

// The same password is one password however a device composes its accents and whatever blank its space bar makes: it is hashed in one
// form, and a hash that was made of another form is good for who types that form, and stale.
func TestPasswordForms(t *testing.T) {
	t.Parallel()
	const (
		nfc   = "caf\u00e9 \uac01 cr\u00e8me"
		nfd   = "cafe\u0301 \u1100\u1161\u11a8 cre\u0300me"
		blank = "caf\u00e9\u00a0\uac01\u3000cr\u00e8me"
	)
	p := NewPasswords(2, 8)
	fresh, err := p.Hash(t.Context(), nfd)
	if err != nil {
		t.Fatal(err)
	}
	old := func(password string) string {
		hash, err := argon2id.CreateHash(password, &current)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	type answer struct{ OK, Stale bool }
	for _, c := range []struct {
		name, password, hash string
		want                 answer
	}{
		{"NFC", nfc, fresh, answer{OK: true}},
		{"NFD", nfd, fresh, answer{OK: true}},
		{"another blank", blank, fresh, answer{OK: true}},
		{"without accents", "cafe \uac01 creme", fresh, answer{}},
		{"compatibility forms are others", "ﬁne words", old("fine words"), answer{}},
		{"NFD of an old NFC", nfd, old(nfc), answer{OK: true}},
		{"NFD of an old NFD", nfd, old(nfd), answer{OK: true, Stale: true}},
		{"a blank of an old blank", blank, old(blank), answer{OK: true, Stale: true}},
		{"wrong, NFD", nfd + "!", old(nfd), answer{}},
		{"of nobody, NFD", nfd, "", answer{}},
	} {
		ok, stale, err := p.Verify(t.Context(), c.password, c.hash, nil)
		if diff := cmp.Diff(c.want, answer{ok, stale}); diff != "" || err != nil {
			t.Errorf("%s: error %v; want, got: %s", c.name, err, diff)
		}
	}
}

// A wrong password is hashed as often for an account that does not exist as for one that does: once, or twice where it has two forms.
func TestPasswordFormsTellNothing(t *testing.T) {
	t.Parallel()
	p := NewPasswords(1, 0)
	known, err := p.Hash(t.Context(), "the right one")
	if err != nil {
		t.Fatal(err)
	}
	hashed := 0
	p.key = func(m *argon2.Memory, password string, salt []byte, params argon2id.Params) []byte {
		hashed++
		return key(m, password, salt, params)
	}
	for password, want := range map[string]int{"wrong, caf\u00e9": 1, "wrong, cafe\u0301": 2} {
		for name, hash := range map[string]string{"known": known, "unknown": ""} {
			hashed = 0
			if ok, _, err := p.Verify(t.Context(), password, hash, nil); ok || err != nil {
				t.Errorf("%s: got %v and error %v", name, ok, err)
			}
			if hashed != want {
				t.Errorf("%+q of an account that is %s: hashed %d times, want %d", password, name, hashed, want)
			}
		}
	}
}

// Normalising twice is normalising once, and what stands in a password of one form stands in the others.
func FuzzNormalizePassword(f *testing.F) {
	f.Add("cafe\u0301\u00a0x")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		once := NormalizePassword(text)
		for name, other := range map[string]string{"again": NormalizePassword(once), "NFD": NormalizePassword(norm.NFD.String(text)), "NFC": NormalizePassword(norm.NFC.String(text))} {
			if other != once {
				t.Errorf("%+q: %s: got %+q, want %+q", text, name, other, once)
			}
		}
	})
}

// An unknown account costs what a known one costs, and no password opens it, in two processes not even the same.
func TestDummy(t *testing.T) {
	t.Parallel()
	one, two := NewPasswords(1, 0), NewPasswords(1, 0)
	params, _, _, err := argon2id.DecodeHash(one.dummy)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(current, *params); diff != "" {
		t.Errorf("want, got: %s", diff)
	}
	if one.dummy == two.dummy {
		t.Error("two processes share a dummy")
	}
	known, err := argon2id.CreateHash("known", &cheap)
	if err != nil {
		t.Fatal(err)
	}
	one.dummy = known
	if ok, _, err := one.Verify(t.Context(), "known", "", nil); ok || err != nil {
		t.Errorf("the dummy's own password: got %v and %v, want false", ok, err)
	}
}

// A corrupt stored hash is an error before anything is computed, and the error repeats nothing of it.
func TestCorruptHash(t *testing.T) {
	t.Parallel()
	p := NewPasswords(1, 0)
	const salt, key = "c2FsdHNhbHRzYWx0c2FsdA", "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U"
	for _, hash := range []string{
		"x", "$argon2id$", "$2a$10$" + salt + key,
		"$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=18$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=65537,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=4294967295,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=255$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat(key[:40], 100),
	} {
		ok, _, err := p.Verify(t.Context(), "password", hash, nil)
		if ok || err == nil {
			t.Errorf("%s: got %v and %v, want an error", hash, ok, err)
		} else if strings.Contains(err.Error(), salt) || strings.Contains(err.Error(), key) {
			t.Errorf("%s: the error repeats it: %v", hash, err)
		}
	}
}

// Of a hundred callers at once, as many as allowed are inside, as many as the queue takes wait, the rest are refused;
// and in the end all who waited have been inside.
func TestGateIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const parallel, queue = 3, 10
		g := newGate(parallel, queue)
		var inside, busiest, entered, refused atomic.Int64
		for range 100 {
			go func() {
				_, leave, err := g.enter(t.Context())
				if err != nil {
					if !errors.Is(err, ErrBusy) {
						t.Errorf("got %v, want ErrBusy", err)
					}
					refused.Add(1)
					return
				}
				n := inside.Add(1)
				for m := busiest.Load(); n > m && !busiest.CompareAndSwap(m, n); m = busiest.Load() {
				}
				entered.Add(1)
				time.Sleep(time.Second) //nolint:forbidigo // synctest's clock: it takes no time
				inside.Add(-1)
				leave()
			}()
		}
		synctest.Wait()
		if inside.Load() != parallel || refused.Load() != 100-parallel-queue {
			t.Errorf("at once: %d inside and %d refused, want %d and %d", inside.Load(), refused.Load(), parallel, 100-parallel-queue)
		}
		time.Sleep(time.Minute) //nolint:forbidigo // synctest's clock: it takes no time
		synctest.Wait()
		if busiest.Load() != parallel || entered.Load() != parallel+queue {
			t.Errorf("in all: at most %d inside and %d entered, want %d and %d", busiest.Load(), entered.Load(), parallel, parallel+queue)
		}
		if len(g.present) != 0 || len(g.memories) != cap(g.memories) {
			t.Errorf("%d present and %d inside after all left", len(g.present), cap(g.memories)-len(g.memories))
		}
	})
}

// Who waits is let in, however late; who gives up is not, and keeps no place.
func TestGateWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1)
		_, leave, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		late := make(chan func())
		go func() {
			_, leave, err := g.enter(t.Context())
			if err != nil {
				t.Errorf("after a minute: got %v", err)
				leave = func() {}
			}
			late <- leave
		}()
		time.Sleep(time.Minute) //nolint:forbidigo // synctest's clock: it takes no time
		leave()
		leave = <-late
		gone, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := g.enter(gone); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller's own deadline: got %v, want it", err)
		}
		leave()
		for range 50 { // as often as a fair choice between two open ways would not go the same one
			if _, _, err := g.enter(gone); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("a free place for who has given up: got %v, want the caller's deadline", err)
			}
		}
		if len(g.present) != 0 || len(g.memories) != cap(g.memories) {
			t.Errorf("%d present and %d inside after all left", len(g.present), cap(g.memories)-len(g.memories))
		}
	})
}

// Each who is inside has a memory of his own, and after a crowd none is kept.
func TestGateMemories(t *testing.T) {
	t.Parallel()
	g := newGate(2, 40)
	for range 50 {
		var all sync.WaitGroup
		var taken sync.Map
		for range 40 {
			all.Go(func() {
				memory, leave, err := g.enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if _, twice := taken.LoadOrStore(memory, nil); twice {
					t.Error("two have one memory")
				}
				key(memory, "password", []byte("somesalt"), cheap)
				taken.Delete(memory)
				leave()
			})
		}
		all.Wait()
		for range cap(g.memories) {
			memory := <-g.memories
			if !reflect.ValueOf(*memory).IsZero() {
				t.Fatal("a memory is kept")
			}
			g.memories <- memory
		}
	}
}

// A memory goes from one caller to the next while there is one, and when there is none it is given up.
func TestGateMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1)
		first, leave, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		key(first, "password", []byte("somesalt"), cheap)
		kept := !reflect.ValueOf(*first).IsZero() // not where argon2 is the library
		go func() {
			second, leave, err := g.enter(t.Context())
			if err != nil || reflect.ValueOf(*second).IsZero() == kept {
				t.Errorf("who waited: error %v, want the memory of the first", err)
				return
			}
			leave()
		}()
		synctest.Wait()
		leave()
		synctest.Wait()
		third, _, err := g.enter(t.Context())
		if err != nil || !reflect.ValueOf(*third).IsZero() {
			t.Errorf("who came when all had left: error %v, want an empty memory", err)
		}
	})
}

// An unknown account is work in the caller's memory like a known one, and what Admit refuses is no work at all; whatever comes of it,
// the place is free again.
func TestVerifyWorks(t *testing.T) {
	t.Parallel()
	p := NewPasswords(1, 1)
	refusal := errors.New("refused")
	var memory argon2.Memory
	key(&memory, "password", []byte("somesalt"), cheap)
	keeps := !reflect.ValueOf(memory).IsZero() // not where argon2 is the library
	known, err := p.Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	p.gate.present <- struct{}{} // as if somebody waited, so that the memory is kept
	for _, c := range []struct {
		hash  string
		admit error
		works bool
	}{{known, nil, keeps}, {"", nil, keeps}, {known, refusal, false}, {"", refusal, false}} {
		memory := <-p.gate.memories
		*memory = argon2.Memory{}
		p.gate.memories <- memory
		_, _, err := p.Verify(t.Context(), "password", c.hash, func() error { return c.admit })
		if worked := !reflect.ValueOf(*memory).IsZero(); worked != c.works || !errors.Is(err, c.admit) {
			t.Errorf("%+v: got error %v, and that it worked is %v", c, err, worked)
		}
		if len(p.gate.memories) != 1 || len(p.gate.present) != 1 {
			t.Errorf("%+v: its place is not free", c)
		}
	}
}

// Parameters at the edge of what is taken are taken, and those beyond are not.
func TestParametersAtTheEdge(t *testing.T) {
	t.Parallel()
	for _, edge := range []argon2id.Params{least, most} {
		if !between(least, edge, most) {
			t.Errorf("%+v is refused", edge)
		}
	}
	for i := range reflect.TypeFor[argon2id.Params]().NumField() {
		for edge, step := range map[*argon2id.Params]int{&least: -1, &most: 1} {
			beyond := *edge
			field := reflect.ValueOf(&beyond).Elem().Field(i)
			field.SetUint(uint64(int(field.Uint()) + step))
			if between(least, beyond, most) {
				t.Errorf("%+v is taken", beyond)
			}
		}
	}
}

// All that computes a hash passes the gate, for an unknown account as for a known one.
func TestHashingIsGated(t *testing.T) {
	t.Parallel()
	p := NewPasswords(1, 0)
	_, leave, err := p.gate.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	_, hashErr := p.Hash(t.Context(), "password")
	_, _, knownErr := p.Verify(t.Context(), "password", p.dummy, nil)
	_, _, unknownErr := p.Verify(t.Context(), "password", "", nil)
	for name, err := range map[string]error{"Hash": hashErr, "Verify": knownErr, "Verify, unknown": unknownErr} {
		if !errors.Is(err, ErrBusy) {
			t.Errorf("%s: got %v, want ErrBusy", name, err)
		}
	}
}

// A new password is refused for these reasons only, characters being counted and not bytes.
func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ password, username, email, want string }{
		{"7 chars", "", "", "min_length"},
		{"ééééééé", "", "", "min_length"},
		{"éééééééé", "", "", ""},
		{strings.Repeat("e\u0301", 7), "", "", "min_length"},
		{strings.Repeat("e\u0301", 8), "", "", ""},
		{strings.Repeat("e\u0301", 255), "", "", ""},
		{strings.Repeat("e\u0301", 256), "", "", "max_length"},
		{"xx rene\u0301e xx", "", "ren\u00e9e@example.com", "contains_email"},
		{"xx ren\u00e9e xx", "", "ren\u00e9e@example.com", "contains_email"},
		{strings.Repeat("é", 255), "", "", ""},
		{strings.Repeat("x", 256), "", "", "max_length"},
		{"password", "", "", "common_password"},
		{"PassWord1", "", "", "common_password"},
		{"jennifer", "", "", "common_password"},
		{"password and more", "", "", ""},
		{"xx Ann.Smith xx", "ann.smith", "", "contains_username"},
		{"xx annsmith xx", "ann.smith", "", ""},
		{"xx AnnS xx", "", "anns@example.com", "contains_email"},
		{"xx anns xx", "", "ANNS@example.com", "contains_email"},
		{"xx ann xx", "", "ann@example.com", ""},
		{"xx example.com xx", "", "anns@example.com", ""},
		{"        ", "", "", ""},
	} {
		got := ""
		var problem *PasswordProblem
		if err := CheckPassword(c.password, c.username, c.email); errors.As(err, &problem) {
			got = problem.Code
		} else if err != nil {
			t.Errorf("%q: got a %T", c.password, err)
		}
		if got != c.want {
			t.Errorf("%q of %q, %q: got %q, want %q", c.password, c.username, c.email, got, c.want)
		}
	}
}

// The list is as the lookup needs it: lower case, sorted, without repetition, and nothing that is refused as too short.
func TestCommonPasswords(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSuffix(commonText, "\n"), "\n")
	if !slices.IsSorted(lines) || len(commonPasswords()) != len(lines) || len(lines) < 5000 {
		t.Errorf("%d lines, %d passwords, want as many, sorted, and some thousands", len(lines), len(commonPasswords()))
	}
	for _, line := range lines {
		if line != strings.ToLower(strings.TrimSpace(line)) || len(line) < minPassword {
			t.Errorf("%q is never found", line)
		}
	}
}
