package rest

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/microcosm-cc/bluemonday"
)

// maxRichText bounds rich text before it is sanitised, in bytes: room for 10 000 characters of up to four bytes, the most
// that is kept, and for the markup of a word processor that is not.
const maxRichText = 64 << 10

const richElements = "p br strong em u a ul ol li h1 h2 h3"

// richDoc says in the API's description what sanitising keeps.
const richDoc = "HTML, sanitised: of elements only " + richElements + " remain, and of attributes only a link's title " +
	"and its href, when that is an absolute address of http or https, or of mailto."

var richPolicy = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(strings.Fields(richElements)...)
	p.AllowAttrs("href", "title").OnElements("a")
	for _, scheme := range []string{"http", "https", "mailto"} {
		p.AllowURLSchemeWithCustomPolicy(scheme, richAddress)
	}
	return p
}()

// richAddress refuses what leads elsewhere in another place, as http:path does, and what would be another address when
// it is sanitised again.
func richAddress(u *url.URL) bool {
	if strings.ContainsFunc(u.String(), unicode.IsSpace) {
		return false
	}
	if u.Scheme == "mailto" {
		return u.Host == "" && u.Path == ""
	}
	return u.Host != ""
}

// The policy escapes more than HTML asks for, and a carriage return, which would escape the rule on control characters.
var overEscaped = strings.NewReplacer("&#39;", "'", "&#13;", "\r")

// sanitize keeps of HTML what is harmless, and that as it was sent, though in one spelling: its result is the result's
// own. Elements are not balanced; whoever shows the text gives it an element of its own.
func sanitize(text string) string {
	parts := strings.Split(overEscaped.Replace(richPolicy.Sanitize(text)), "<") // which stands only before a tag, as > after one
	for i, part := range parts {
		tag := strings.IndexByte(part, '>') + 1
		parts[i] = part[:tag] + strings.ReplaceAll(part[tag:], "&#34;", `"`)
	}
	return strings.Join(parts, "<")
}
