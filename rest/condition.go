package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// etag is "<version>.<hash of the body>": If-Match compares the version, If-None-Match the whole.
func etag(version int64, body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + strconv.FormatInt(version, 10) + "." + hex.EncodeToString(sum[:8]) + `"`
}

// maxTags is how many tags a condition may list: more than anybody has of one row.
const maxTags = 100

// splitTags reads a list of entity tags (RFC 9110 §8.8.3); weak ones keep their W/.
func splitTags(text string) ([]string, bool) {
	var tags []string
	for {
		text = strings.TrimLeft(text, " \t,")
		if text == "" {
			return tags, len(tags) > 0
		}
		start := 0
		if strings.HasPrefix(text, "W/") {
			start = 2
		}
		if len(text) <= start || text[start] != '"' || len(tags) == maxTags {
			return nil, false
		}
		end := strings.IndexByte(text[start+1:], '"')
		if end < 0 || strings.ContainsFunc(text[start+1:start+1+end], func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			return nil, false
		}
		end += start + 2
		tags = append(tags, text[:end])
		text = strings.TrimLeft(text[end:], " \t")
		if text != "" && text[0] != ',' {
			return nil, false
		}
	}
}

var errIfMatch = errors.New("send the ETag that you were given, in its quotes, or several with commas between them, or *")

// parseIfMatch reads If-Match as the versions that it accepts: nil for *, and none at all for tags that are not ours. A weak tag counts
// as much as a strong one: it says that the bytes may be others, as after a proxy has compressed them, and a version is of the row.
func parseIfMatch(text string) (Versions, error) {
	if strings.TrimSpace(text) == "*" {
		return nil, nil
	}
	tags, ok := splitTags(text)
	if !ok {
		return nil, errIfMatch
	}
	versions := Versions{}
	for _, tag := range tags {
		number, _, ours := strings.Cut(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`), ".")
		version, err := strconv.ParseInt(number, 10, 64)
		if ours && err == nil && strconv.FormatInt(version, 10) == number {
			versions = append(versions, version)
		}
	}
	return versions, nil
}

// noneMatch says that If-None-Match names the tag, so that the client has this body already. Its comparison is weak
// (RFC 9110 §13.1.2); a malformed header is as if absent.
func noneMatch(header, tag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	tags, _ := splitTags(header)
	for _, t := range tags {
		if strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}
