package auth

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// The lengths of a username, in characters.
const (
	minUsername = 3
	maxUsername = 64
)

// The longest an e-mail address and its local part may be, in bytes (RFC 5321, 4.5.3.1).
const (
	maxEmail     = 254
	maxLocalPart = 64
)

// The longest text, in bytes, that is looked at: all that one of the right length could have been made from.
const (
	maxUsernameInput = maxUsername * 4
	maxEmailInput    = maxEmail * 4
)

var usernamePattern = regexp.MustCompile(fmt.Sprintf(`^[a-z0-9._-]{%d,%d}$`, minUsername, maxUsername))

// NormalizeUsername returns the form of a username that is stored, compared and unique; false when there is none.
func NormalizeUsername(text string) (string, bool) {
	if len(text) > maxUsernameInput {
		return "", false
	}
	text = cases.Fold().String(norm.NFKC.String(text)) // a Caser has state: one per call
	if !usernamePattern.MatchString(text) {
		return "", false
	}
	return text, true
}

// UsernameFrom makes a username of an e-mail's local part.
func UsernameFrom(email string) string {
	local, _, _ := strings.Cut(email, "@")
	kept := strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.ContainsRune("._-", c) {
			return c
		}
		return -1
	}, local)
	if len(kept) < minUsername {
		kept = "user-" + randomSuffix(6)
	}
	return kept[:min(len(kept), 50)]
}

// SpareUsername is what an account is called when the username that was made for it is taken.
func SpareUsername(username string) string { return username + "-" + randomSuffix(6) }

// Slug makes the public name of a tenant: of its name, and of random characters, so that it tells nothing of others.
func Slug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return !('a' <= c && c <= 'z' || '0' <= c && c <= '9') })
	text := strings.Join(words, "-")
	text = strings.Trim(text[:min(len(text), 48)], "-")
	if text == "" {
		text = "tenant"
	}
	return text + "-" + randomSuffix(8)
}

func randomSuffix(length int) string { return strings.ToLower(rand.Text()[:length]) }

// domains maps as browsers do, and refuses what the DNS does not carry.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// NormalizeEmail returns the form of an e-mail address that is stored, compared and unique, its domain in ASCII; false
// when the text is anything but one bare address. Send mail to this form and never to the text: that another text maps
// to it proves nothing about who reads the other's mail.
func NormalizeEmail(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if len(text) > maxEmailInput || !utf8.ValidString(text) {
		return "", false
	}
	local, domain, ok := strings.Cut(text, "@")
	if !ok {
		return "", false
	}
	local = norm.NFC.String(strings.ToLower(norm.NFC.String(local)))
	domain, err := domains.ToASCII(domain)
	email := local + "@" + domain
	if err != nil || len(email) > maxEmail || !isLocalPart(local) || !isMailDomain(domain) {
		return "", false
	}
	return email, true
}

// isLocalPart says whether the text is words joined by single dots: RFC 5322's dot-atom with the letters, marks and
// digits of all scripts, and so without quotes, comments, blanks or control and format characters.
func isLocalPart(text string) bool {
	if len(text) > maxLocalPart {
		return false
	}
	for word := range strings.SplitSeq(text, ".") {
		if word == "" || strings.ContainsFunc(word, notInLocalPart) {
			return false
		}
	}
	return true
}

func notInLocalPart(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// isMailDomain says whether an ASCII domain has a dot and ends in a name: not "localhost", not "10.0.0.1".
func isMailDomain(domain string) bool {
	dot := strings.LastIndexByte(domain, '.')
	return dot > 0 && dot+1 < len(domain) && 'a' <= domain[dot+1] && domain[dot+1] <= 'z'
}
