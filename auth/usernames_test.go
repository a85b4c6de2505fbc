package auth

import (
	"regexp"
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

// A username that is made of an e-mail is one that could be stored, and tells nothing but what the address does.
func TestUsernameFrom(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]string{
		"ann@example.com":                        `ann`,
		"ann.b_c-9@example.com":                  `ann.b_c-9`,
		"änn+tag@example.com":                    `nntag`,
		"an@example.com":                         `user-[a-z2-7]{6}`,
		"日本@example.com":                         `user-[a-z2-7]{6}`,
		"":                                       `user-[a-z2-7]{6}`,
		strings.Repeat("a", 64) + "@example.com": `a{50}`,
	} {
		got := UsernameFrom(email)
		spare := SpareUsername(got)
		if !regexp.MustCompile(`^`+want+`$`).MatchString(got) || !regexp.MustCompile(`^`+want+`-[a-z2-7]{6}$`).MatchString(spare) {
			t.Errorf("%s: got %q and then %q, want %s", email, got, spare, want)
		}
		for _, name := range []string{got, spare} {
			if stored, ok := NormalizeUsername(name); !ok || stored != name {
				t.Errorf("%s: %q is no username", email, name)
			}
		}
	}
}

// A slug is words of the name and random characters, within what the database takes.
func TestSlug(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Analytical Engines":                  `analytical-engines`,
		" -- Ünder & Söhne!":                  `nder-s-hne`,
		"日本":                                  `tenant`,
		"":                                    `tenant`,
		strings.Repeat("a", 100):              `a{48}`,
		strings.Repeat("a", 47) + " " + "bcd": `a{47}`,
	} {
		if got := Slug(name); !regexp.MustCompile(`^`+want+`-[a-z2-7]{8}$`).MatchString(got) || len(got) > 63 {
			t.Errorf("%q: got %q, want %s", name, got, want)
		}
	}
	if first, second := Slug("one"), Slug("one"); first == second {
		t.Error("two slugs of one name are the same")
	}
}
