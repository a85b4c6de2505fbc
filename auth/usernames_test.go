package auth

import (
	"strings"
	"testing"
)

// A username has one form however it is typed, and no form when it has other characters than those allowed.
func TestNormalizeUsername(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for text, want := range map[string]string{
		"ann":     "ann",
		"Ann":     "ann",
		"Ａｎｎ":     "ann",
		"ſam":     "sam",
		"Kim":     "kim",
		"weiß":    "weiss",
		"ﬁn":      "fin",
		"𝐚𝐧𝐧":     "ann",
		"a.b_c-9": "a.b_c-9",
		long:      long,

		strings.Repeat("𝐚", 64): long,

		"":          "",
		"an":        "",
		long + "a":  "",
		" ann":      "",
		"ann\n":     "",
		"ann b":     "",
		"аnn":       "",
		"añn":       "",
		"a@n.n":     "",
		"ann\x00":   "",
		"an\u200bn": "",
		"an\xffn":   "",
		"...":       "...",
	} {
		got, ok := NormalizeUsername(text)
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q and %v, want %q", text, got, ok, want)
		}
	}
}

// An e-mail address has one form however it is typed; anything but one bare address has none.
func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	local64 := strings.Repeat("a", 64)
	label63 := strings.Repeat("b", 63)
	domain := label63 + "." + label63 + "." + strings.Repeat("c", 58) + ".de" // 189 characters: 254 with local64 and the @
	for text, want := range map[string]string{
		"ann@example.com":             "ann@example.com",
		" Ann@Example.COM\n":          "ann@example.com",
		"ann+tag@sub.example.com":     "ann+tag@sub.example.com",
		"a@b.co":                      "a@b.co",
		"o'hara_!#$%&*/=?^`{|}~@b.co": "o'hara_!#$%&*/=?^`{|}~@b.co",
		"ann@münchen.de":              "ann@xn--mnchen-3ya.de",
		"ann@MU\u0308NCHEN.de":        "ann@xn--mnchen-3ya.de",
		"ann@xn--mnchen-3ya.de":       "ann@xn--mnchen-3ya.de",
		"ann@ｅｘａｍｐｌｅ。com":             "ann@example.com",
		"Rene\u0301@example.com":      "rené@example.com",
		"RENÉ@example.com":            "rené@example.com",
		local64 + "@" + domain:        local64 + "@" + domain,

		"":                               "",
		"ann":                            "",
		"@":                              "",
		"@example.com":                   "",
		"ann@":                           "",
		"ann@b@example.com":              "",
		"ann@localhost":                  "",
		"ann@10.0.0.1":                   "",
		"ann@[10.0.0.1]":                 "",
		"ann@.com":                       "",
		"ann@example..com":               "",
		"ann@example.com.":               "",
		"ann@-example.com":               "",
		"ann@exa_mple.com":               "",
		"ann@אa.com":                     "",
		"ann@exa mple.com":               "",
		"ann@xn--a.com":                  "",
		"ann@example.com,bob@b.co":       "",
		"ann@example.com\r\nBcc: b@b.co": "",
		"Ann <ann@example.com>":          "",
		"<ann@example.com>":              "",
		`"ann"@example.com`:              "",
		"ann(x)@example.com":             "",
		"ann @example.com":               "",
		"ann\x00@example.com":            "",
		"ann\u200b@example.com":          "",
		"ann\u202e@example.com":          "",
		"ann@\x88.com":                   "",
		"ann\xff@example.com":            "",
		".ann@example.com":               "",
		"ann.@example.com":               "",
		"a..n@example.com":               "",
		"ann＠example.com":                "",
		local64 + "a@example.com":        "",
		local64 + "@" + strings.Replace(domain, "c", "cc", 1): "",
		"ann@" + label63 + "b.com":                            "",
		"ann@" + strings.Repeat("b.", 4000) + "com":           "",
	} {
		got, ok := NormalizeEmail(text)
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q and %v, want %q", text, got, ok, want)
		}
	}
}

// The form of a username's form is itself.
func FuzzNormalizeUsername(f *testing.F) {
	for _, text := range []string{"ann", "Ａｎｎ", "weiß", "a.b_c-9", "İan"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { idempotent(t, NormalizeUsername, text) })
}

// The form of an e-mail address's form is itself, and is one address in ASCII after the @.
func FuzzNormalizeEmail(f *testing.F) {
	for _, text := range []string{"ann@example.com", "Rene\u0301@MU\u0308NCHEN.de", "İ\u0307\u0323@faß.de", "ǅ@ｂ。co"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		email := idempotent(t, NormalizeEmail, text)
		local, domain, _ := strings.Cut(email, "@")
		if strings.ContainsAny(local, "\r\n <>\",") || strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
			t.Errorf("%q gives %q", text, email)
		}
	})
}

func idempotent(t *testing.T, normalize func(string) (string, bool), text string) string {
	once, ok := normalize(text)
	if !ok {
		return ""
	}
	if twice, ok := normalize(once); !ok || twice != once {
		t.Errorf("%q gives %q, which gives %q and %v", text, once, twice, ok)
	}
	return once
}
