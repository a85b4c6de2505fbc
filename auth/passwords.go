package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"

	"rowhouse/auth/argon2"
)

// The lengths of a new password, in characters.
const (
	minPassword = 8
	maxPassword = 255
)

// minLocalPart is the length in characters from which the local part of an e-mail address may not occur in the password:
// shorter ones, such as "me" or "bob", occur in good passwords by chance.
const minLocalPart = 4

// current is what a new hash costs: OWASP's second choice, 19 MiB (memory is in KiB) and some 13 ms, or 35 without AVX2.
var current = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Stored parameters outside of these belong to a corrupt row. The upper ones keep such a row from taking the memory or
// the cores; the lower ones matter as much, since an empty key equals the key of every password.
var (
	least = argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16}
	most  = argon2id.Params{Memory: 64 * 1024, Iterations: 8, Parallelism: 4, SaltLength: 64, KeyLength: 64}
)

// ErrBusy says that too many callers are hashing passwords: try again later.
var ErrBusy = errors.New("too many passwords are being checked")

// Passwords hashes and checks passwords, a bounded number at a time: every hash takes a core and, unless it is an older one, 19 MiB.
type Passwords struct {
	gate  gate
	dummy string
	key   func(m *argon2.Memory, password string, salt []byte, p argon2id.Params) []byte
}

// NewPasswords allows parallel hashes at once, best about the number of cores, while queue more callers wait.
func NewPasswords(parallel, queue int) *Passwords {
	return &Passwords{newGate(parallel, queue), dummyHash(), key}
}

// Load is how many passwords are being hashed at this moment, how many callers wait for that, and how many are hashed at once at most.
func (p *Passwords) Load() (hashing, waiting, most int) {
	most = cap(p.gate.memories)
	hashing = most - len(p.gate.memories)
	return hashing, max(0, len(p.gate.present)-hashing), most
}

// NormalizePassword returns the form in which a password is hashed and judged, so that the same one typed on two devices is one: every
// kind of blank is a space, and the rest is in NFC (the mappings of RFC 8265's OpaqueString). What that profile refuses besides, such
// as characters newer than its tables and the joiners within emoji, people may have chosen, and stays allowed.
func NormalizePassword(password string) string {
	return norm.NFC.String(strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Zs, c) {
			return ' '
		}
		return c
	}, password))
}

// Hash returns the hash to store. It returns ErrBusy when the queue is full.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	memory, leave, err := p.gate.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := random(current.SaltLength)
	return encode(salt, p.key(memory, NormalizePassword(password), salt, current)), nil
}

// Verify says whether the password is the one that was hashed, and whether the hash is stale: made with other parameters
// than today's, or of a form that is not normal, so that the caller hashes again. It returns ErrBusy as Hash does.
//
// The empty hash stands for an account that does not exist or has no password: as much work, always false. A wrong password that is
// not in its normal form is twice the work, whatever the hash.
//
// Admit, if not nil, is called when the caller's turn has come, right before the work; its error is then the answer. It is for
// counting attempts: of many at once, none is let through that the count no longer allows.
func (p *Passwords) Verify(ctx context.Context, password, hash string, admit func() error) (ok, stale bool, err error) {
	exists := hash != ""
	if !exists {
		hash = p.dummy
	}
	params, salt, want, err := argon2id.DecodeHash(hash)
	if err != nil {
		return false, false, fmt.Errorf("a stored password hash: %w", err)
	}
	if !between(least, *params, most) {
		return false, false, errors.New("a stored password hash: its parameters are out of range")
	}
	memory, leave, err := p.gate.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	if admit != nil {
		if err := admit(); err != nil {
			return false, false, err
		}
	}
	is := func(text string) bool {
		return subtle.ConstantTimeCompare(p.key(memory, text, salt, *params), want) == 1 && exists
	}
	normal := NormalizePassword(password)
	switch {
	case is(normal):
		return true, *params != current, nil
	case normal != password && is(password): // hashed before passwords were normalised
		return true, true, nil
	}
	return false, false, nil
}

func key(m *argon2.Memory, password string, salt []byte, p argon2id.Params) []byte {
	return m.IDKey([]byte(password), salt, p.Iterations, p.Memory, p.Parallelism, p.KeyLength)
}

// encode returns the PHC form of a key made with the current parameters.
func encode(salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", current.Memory, current.Iterations, current.Parallelism,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

func between(least, p, most argon2id.Params) bool {
	return least.Memory <= p.Memory && p.Memory <= most.Memory &&
		least.Iterations <= p.Iterations && p.Iterations <= most.Iterations &&
		least.Parallelism <= p.Parallelism && p.Parallelism <= most.Parallelism &&
		least.SaltLength <= p.SaltLength && p.SaltLength <= most.SaltLength &&
		least.KeyLength <= p.KeyLength && p.KeyLength <= most.KeyLength
}

// dummyHash is a hash under the current parameters whose key is random: no password is known to have it.
func dummyHash() string { return encode(random(current.SaltLength), random(current.KeyLength)) }

func random(n uint32) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// A gate lets a bounded number of callers in, and a bounded number wait, in the order in which they came. Who is inside has a memory.
type gate struct {
	present  chan struct{}
	memories chan *argon2.Memory // of those who are not inside
}

func newGate(parallel, queue int) gate {
	parallel, queue = max(parallel, 1), max(queue, 0)
	g := gate{make(chan struct{}, parallel+queue), make(chan *argon2.Memory, parallel)}
	for range parallel {
		g.memories <- new(argon2.Memory)
	}
	return g
}

// enter returns once the caller is in; it then calls leave, once. What it does inside cannot be cancelled, so a caller
// who has given up is not let in. The length of the queue alone bounds the wait: time would measure our own processors.
func (g gate) enter(ctx context.Context) (memory *argon2.Memory, leave func(), err error) {
	select {
	case g.present <- struct{}{}:
	default:
		return nil, nil, ErrBusy
	}
	select {
	case memory = <-g.memories:
	case <-ctx.Done():
		g.gone()
		return nil, nil, context.Cause(ctx)
	}
	leave = func() {
		g.memories <- memory
		g.gone()
	}
	if ctx.Err() != nil { // both were ready, and select takes either
		leave()
		return nil, nil, context.Cause(ctx)
	}
	return memory, leave, nil
}

// gone counts a caller out. The last one empties the memories.
func (g gate) gone() {
	if <-g.present; len(g.present) > 0 {
		return
	}
	for range cap(g.memories) {
		select {
		case memory := <-g.memories:
			*memory = argon2.Memory{}
			g.memories <- memory
		default:
			return // somebody is in already
		}
	}
}

// PasswordProblem is why a new password is refused: a code for programs and a sentence for people.
type PasswordProblem struct{ Code, Detail string }

func (p *PasswordProblem) Error() string { return p.Detail }

// CheckPassword returns the *PasswordProblem of a new password in its normal form, or nil. There are no composition rules.
func CheckPassword(password, username, email string) error {
	password = NormalizePassword(password)
	lower := strings.ToLower(password)
	contains := func(part string) bool { return part != "" && strings.Contains(lower, strings.ToLower(part)) }
	local, _, _ := strings.Cut(email, "@")
	length := utf8.RuneCountInString(password)
	switch {
	case length < minPassword:
		return &PasswordProblem{"min_length", fmt.Sprintf("A password has at least %d characters.", minPassword)}
	case length > maxPassword:
		return &PasswordProblem{"max_length", fmt.Sprintf("A password has at most %d characters.", maxPassword)}
	case commonPasswords()[lower]:
		return &PasswordProblem{"common_password", "This password is one of the most common ones."}
	case contains(username):
		return &PasswordProblem{"contains_username", "A password may not contain the username."}
	case utf8.RuneCountInString(local) >= minLocalPart && contains(local):
		return &PasswordProblem{"contains_email", "A password may not contain the e-mail address."}
	}
	return nil
}

//go:embed common_passwords.txt
var commonText string

// commonPasswords are in lower case, and none is shorter than a password may be.
var commonPasswords = sync.OnceValue(func() map[string]bool {
	common := make(map[string]bool, strings.Count(commonText, "\n"))
	for line := range strings.Lines(commonText) {
		common[strings.TrimSuffix(line, "\n")] = true
	}
	return common
})
