package rest

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// richTag is a tag as it may stand in rich text.
var richTag = func() *regexp.Regexp {
	const href, title = ` href="(https?://[^"<>/]|mailto:)[^"<>]*"`, ` title="[^"<>]*"`
	return regexp.MustCompile(`</?(p|br|strong|em|u|ul|ol|li|h[123])/?>|<a(` + href + `(` + title + `)?|` + title + `(` + href + `)?)/?>|</a>`)
}()

// harmless fails for text that holds more than rich text may.
func harmless(t *testing.T, sent, kept string) {
	t.Helper()
	if rest := richTag.ReplaceAllString(kept, ""); strings.ContainsAny(rest, "<>") {
		t.Errorf("%q gives %q, with %q outside its tags", sent, kept, rest)
	}
}

// Good markup is kept as it was sent.
func TestRichTextKept(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "plain", "It's \"fine\" – 100 %; 日本語 😀", "one\ntwo\tthree",
		"<p>one<br>two</p>", "<p>one<br/>two</p>", "<h1>a</h1><h2>b</h2><h3>c</h3>",
		"<ul>\n\t<li><strong>a</strong></li>\n\t<li><em>b</em> <u>c</u></li>\n</ul>", "<ol><li>a<li>b</ol>",
		`<a href="https://example.com/a?b=c&amp;d=e%20f#g" title="It is">x</a>`, `<a title="x" href="http://example.com">x</a>`,
		`<a href="mailto:ann@example.com?subject=Hello%20there">x</a>`, `<a title="only">x</a>`, `<a href="mailto:?subject=Hello">x</a>`,
		`<a href="https://[2001:db8::1]:8443/">x</a>`, "a &lt; b &amp;&amp; c &gt; d", "&amp;lt;script&amp;gt; &amp;#39; &amp;#13;", "1 &amp;amp 2",
	} {
		if got := sanitize(text); got != text {
			t.Errorf("%q: got %q", text, got)
		}
		harmless(t, text, text)
	}
}

// What may not stand in rich text is taken out or becomes text; the rest stays, in one spelling.
func TestRichTextSanitised(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		// elements
		`<script>alert(1)</script>a`:                                   `a`,
		`<ScRiPt src=//x>alert(1)</sCrIpT >a`:                          `a`,
		`<script/xss>alert(1)</script>a`:                               `a`,
		`<<script>alert(1)//<</script>a`:                               `&lt;a`,
		`<scr<script>ipt>alert(1)</script>a`:                           `ipt&gt;alert(1)a`,
		`a<script>alert(1)`:                                            `a`,
		`<style>p{background:url(javascript:alert(1))}</style>a`:       `a`,
		`<svg onload=alert(1)><script>alert(1)</script><p>a</p></svg>`: `<p>a</p>`,
		`<svg><style><p title="</style><img src=x onerror=alert(1)>">`: `"&gt;`,
		`<math><mi xlink:href="javascript:alert(1)">a</mi></math>`:     `a`,
		`<iframe src="javascript:alert(1)">b</iframe>a`:                `a`,
		`<object data="javascript:alert(1)">b</object>a`:               `a`,
		`<embed src=x>a`:                `a`,
		`<img src=x onerror=alert(1)>a`: `a`,
		`<img src="x` + "`" + `<p onclick=alert(1)>"` + "`" + `>a`:       `a`,
		`<form action=x><input><button formaction=x>a</button></form>`:   `a`,
		`<div><span><b><i>a</i></b></span></div>`:                        `a`,
		`<h4>a</h4><table><tr><td>b</td></tr></table>`:                   `ab`,
		`<base href="https://evil.example/"><meta http-equiv=refresh>a`:  `a`,
		`<link rel=stylesheet href=x><marquee onstart=alert(1)>a`:        `a`,
		`<noscript><p title="</noscript><img src=x onerror=alert(1)>">a`: `"&gt;a`,
		`<textarea><p onclick=alert(1)></textarea>a`:                     `&lt;p onclick=alert(1)&gt;a`,
		`<title><img src=x onerror=alert(1)></title>a`:                   `a`,
		`<xmp><p onclick=x></xmp>a`:                                      `&lt;p onclick=x&gt;a`,
		`<plaintext><script>alert(1)</script>`:                           `&lt;script&gt;alert(1)&lt;/script&gt;`,
		`<template><script>alert(1)</script>a</template>`:                `a`,
		`<x-p onclick=alert(1)>a</x-p><p:p>b</p:p>`:                      `ab`,
		`<ſcript>alert(1)</ſcript>a`:                                     `&lt;ſcript&gt;alert(1)a`,
		`<scrİpt>a</scrİpt>`:                                             `a`,
		// what is no element
		`a<!-- b -->c`:                              `ac`,
		`a<!--><script>alert(1)</script>-->c`:       `a--&gt;c`,
		`a<!--[if IE]><p>b</p><![endif]-->c`:        `ac`,
		`<!DOCTYPE html><p>a`:                       `<p>a`,
		`<?xml version="1.0"?>a<?php echo 1 ?>`:     `a`,
		`<![CDATA[<script>alert(1)</script>]]>a`:    `alert(1)]]&gt;a`,
		`a < b && c > d`:                            `a &lt; b &amp;&amp; c &gt; d`,
		`AT&T &copy; &eacute; &#65; &#x42;`:         `AT&amp;T © é A B`,
		`&lt;script&gt;alert(1)&lt;/script&gt;`:     `&lt;script&gt;alert(1)&lt;/script&gt;`,
		`&#60;script&#62;alert(1)&#x3c;/script>`:    `&lt;script&gt;alert(1)&lt;/script&gt;`,
		`&LT;p onclick=x&GT;&amp;lt;p&amp;gt;`:      `&lt;p onclick=x&gt;&amp;lt;p&amp;gt;`,
		`&am<!-- -->p;lt;script&gt;`:                `&amp;amp;lt;script&gt;`,
		`&quot;&apos;&#34;&#39;`:                    `"'"'`,
		`a&#0;b&#xD800;c&#x110000;`:                 `a�b�c�`,
		`+ADw-script+AD4-alert(1)+ADw-/script+AD4-`: `+ADw-script+AD4-alert(1)+ADw-/script+AD4-`,
		// attributes
		`<p onclick=alert(1) style="color:red" class=a id=b dir=rtl data-x=y>a</p>`: `<p>a</p>`,
		`<P/ONCLICK="alert(1)">a</P>`:                                                            `<p>a</p>`,
		"<p\nonclick\n=\nalert(1)>a</p>":                                                         `<p>a</p>`,
		`<p title=a href="https://example.com">a</p>`:                                            `<p>a</p>`,
		`<br onload=alert(1)/><br onclick=x >`:                                                   `<br><br>`,
		`<p x="><script>alert(1)</script>">a</p>`:                                                `<p>a</p>`,
		`<p x='a>b' onclick='x'>a</p>`:                                                           `<p>a</p>`,
		`<a href="https://example.com" target=_blank rel=opener ping=x onclick=x download>a</a>`: `<a href="https://example.com">a</a>`,
		`<a title='"><script>alert(1)</script>'>a</a>`:                                           `<a title="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">a</a>`,
		`<a title="&quot; onclick=&quot;alert(1)">a</a>`:                                         `<a title="&#34; onclick=&#34;alert(1)">a</a>`,
		`<a title=it's>a</a>`:                                                                    `<a title="it's">a</a>`,
		`<a href="https://example.com/&quot;onclick=alert(1)">a</a>`:                             `<a href="https://example.com/%22onclick=alert%281%29">a</a>`,
		`<a href="https://a.example" href="javascript:alert(1)">a</a>`:                           `<a href="https://a.example">a</a>`,
		// addresses
		`<a href="javascript:alert(1)">a</a>`:                                                           `a`,
		`<a href="JaVaScRiPt:alert(1)">a</a>`:                                                           `a`,
		`<a href=" javascript:alert(1)">a</a>`:                                                          `a`,
		`<a href="&#1;javascript:alert(1)">a</a>`:                                                       `a`,
		"<a href=\"java\nscript:alert(1)\">a</a>":                                                       `a`,
		`<a href="java&#x0A;script:alert(1)">a</a>`:                                                     `a`,
		`<a href="java&Tab;script&colon;alert(1)">a</a>`:                                                `a`,
		`<a href="&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)">a</a>`:        `a`,
		`<a href="&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1)">a</a>`:              `a`,
		`<a href="&#0000106avascript:alert(1)">a</a>`:                                                   `a`,
		`<a href="javascript&#58;//https://example.com/%0Aalert(1)">a</a>`:                              `a`,
		`<a href="%6A%61vascript:alert(1)">a</a>`:                                                       `a`,
		`<a href="javascript://example.com/%0Aalert(1)">a</a><a href="data://example.com/,x">b</a>`:     `ab`,
		`<a href="vbscript:msgbox(1)">a</a>`:                                                            `a`,
		`<a href="data:text/html,<script>alert(1)</script>">a</a>`:                                      `a`,
		`<a href="data:text/html;base64,PHNjcmlwdD4=">a</a>`:                                            `a`,
		`<a href="file:///etc/passwd">a</a><a href="ftp://x/">b</a>`:                                    `ab`,
		`<a href="blob:https://example.com/x">a</a><a href="tel:1">b</a>`:                               `ab`,
		`<a href="view-source:https://example.com">a</a>`:                                               `a`,
		`<a href="/path">a</a><a href="path">b</a><a href="#c">c</a><a href="?d">d</a><a href="">e</a>`: `abcde`,
		`<a href="//evil.example">a</a><a href="\\evil.example">b</a><a href="/\evil.example">c</a>`:    `abc`,
		`<a href="https:path">a</a><a href="https:/path">b</a><a href="https:///path">c</a>`:            `abc`,
		`<a href="https://a.example/?&#x2028;#">a</a><a href="mailto:a&nbsp;#">b</a>`:                   `ab`,
		`<a href="mailto:/%2fa">a</a><a href="mailto://a">b</a>`:                                        `ab`,
		`<a href="http://">a</a><a href="http:\\evil.example">b</a>`:                                    `ab`,
		`<a href="https://exa mple.com">a</a>`:                                                          `a`,
		`<a href="HTTPS://Example.com/ä b">a</a>`:                                                       `a`,
		`<a href=" HTTPS://Example.com/ä ">a</a>`:                                                       `<a href="https://Example.com/%C3%A4">a</a>`,
		`<a href=https://example.com>a</a>`:                                                             `<a href="https://example.com">a</a>`,
		`<a href="javascript:alert(1)" title="b">a</a>`:                                                 `<a title="b">a</a>`,
		// nesting and what is not closed
		`<p><strong>a`:          `<p><strong>a`,
		`a</p></div></script>b`: `a</p>b`,
		`<a href="javascript:x"><a href="https://example.com">a</a></a>`: `<a href="https://example.com">a</a>`,
		`<a><p>a</a></p>`:              `<p>a</p>`,
		`<p <script>alert(1)</script>`: `<p>alert(1)`,
		`<p onclick="alert(1)`:         ``,
		`a<p`:                          `a`,
		`a<b`:                          `a`,
		`<P><BR/><Em>a</eM >`:          `<p><br/><em>a</em>`,
	} {
		got := sanitize(sent)
		if got != want {
			t.Errorf("%q:\ngot  %q\nwant %q", sent, got, want)
		}
		harmless(t, sent, got)
	}
}

// The rules of long text hold for what was sent and for what is kept of it.
func TestRichTextRules(t *testing.T) {
	t.Parallel()
	f := Field{Name: "bio", Text: "rich", Rules: "max=10000"}
	for text, want := range map[string]string{
		" <p>a</p>\n":                          "<p>a</p>",
		"<script>x</script> a <!-- -->":        "a",
		"&nbsp;a&#32;":                         "a",
		"a\n\tb":                               "a\n\tb",
		"a\x00b":                               "control_character",
		"<p\x00>a":                             "control_character",
		"<!-- \x00 -->a":                       "control_character",
		"a\r\nb":                               "control_character",
		"a&#13;b":                              "control_character",
		"<a title='&#13;'>b</a>":               "control_character",
		"a&#1;b":                               "control_character",
		"<a title='&#x1f;'>b</a>":              "control_character",
		"a\xff":                                "encoding",
		strings.Repeat("𝄞", 10000):             strings.Repeat("𝄞", 10000),
		strings.Repeat("ä", 10001):             "max_length",
		strings.Repeat("&", 2000):              strings.Repeat("&amp;", 2000),
		strings.Repeat("&", 2001):              "max_length",
		strings.Repeat("<i>a</i>", 8000):       strings.Repeat("a", 8000),
		strings.Repeat("<i>", 64<<10/3) + "a":  "a",
		strings.Repeat("<i>", 64<<10/3) + "ab": "max_length",
	} {
		kept := text
		wrong := f.check(&kept)
		if got := kept; wrong == nil && got != want || wrong != nil && wrong.Code != want {
			t.Errorf("%.40q: got %.40q and %v, want %.40q", text, got, wrong, want)
		}
	}
}

// However bad the text, too much of it is refused at once; and sanitising all the same takes time that grows as the
// length does, less than a second where it would be minutes for its square.
func TestRichTextTime(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	f := Field{Name: "bio", Text: "rich", Rules: "max=10000"}
	for _, part := range []string{
		"<a ", "<p>", "<a>", "<object>", "&", "\"", "<p a=1 ", "<svg><style>",
	} {
		text := strings.Repeat(part, size/len(part))
		start := time.Now()
		if wrong := f.check(new(text)); wrong == nil || wrong.Code != "max_length" || wrong.Detail != "At most 64 KiB of HTML." {
			t.Errorf("%q: got %v", part, wrong)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%q: refused in %v", part, took)
		}
		start = time.Now()
		sanitize(text)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%q: sanitised in %v", part, took)
		}
	}
}

// What is sanitised is harmless, and sanitised again it is the same.
func FuzzRichText(f *testing.F) {
	for _, text := range []string{
		`<p>It's <a href="https://example.com/?a=b&amp;c" title='"x"'>a</a></p>`, `<a href="mailto:a@b?subject=%41 ">`, `<a><a title=x></a>`,
		`<script>a</script><style>b`, `<iframe></iframe></iframe><iframe>c`, `<!-- a --> b <![CDATA[c]]>`, `&#38;lt;&am<!-- -->p; &nbsp;`,
		`<a href="http://[fe80::1%25en0]:80/a;b/../%2f?#%23">`, `<a href="https://u:p%40@exa%C3%A4mple/ä?ö#ü">`, `<textarea><p></textarea><plaintext>`,
	} {
		f.Add(text)
	}
	bio := Field{Name: "bio", Text: "rich", Rules: "max=10000"}
	f.Fuzz(func(t *testing.T, text string) {
		once := text
		if bio.check(&once) != nil {
			return
		}
		harmless(t, text, once)
		twice := once
		if wrong := bio.check(&twice); wrong != nil || twice != once {
			t.Errorf("%q gives %q, which gives %q and %v", text, once, twice, wrong)
		}
	})
}

type richInput struct {
	Bio   Nullable[string] `json:"bio" validate:"max=10000" text:"rich" doc:"Who it is." example:"<p>It's <em>me</em></p>"`
	About *string          `json:"about" text:"rich" example:"<script>x</script>plain"`
}

type richOutput struct {
	Bio   *string `json:"bio" text:"rich" doc:"Who it is." example:"<p>me</p>"`
	About string  `json:"about" text:"rich" example:"<p>me</p>"`
	Notes string  `json:"notes" text:"long" example:"a"`
}

// The description says that a text is HTML, and what is kept of it.
func TestOpenAPIRichText(t *testing.T) {
	t.Parallel()
	in, out := schemasOf(t, reflect.TypeFor[richInput](), reflect.TypeFor[richOutput]())
	html := func(doc string, kind any, example string) map[string]any {
		return map[string]any{"type": kind, "description": doc, "examples": []any{example}}
	}
	const kept = "HTML, sanitised: of elements only p br strong em u a ul ol li h1 h2 h3 remain, and of attributes only a link's title " +
		"and its href, when that is an absolute address of http or https, or of mailto."
	bio := html("Who it is. "+kept, []any{"string", "null"}, "<p>It's <em>me</em></p>")
	bio["maxLength"] = 10000.0
	if diff := cmp.Diff(map[string]any{"bio": bio, "about": html(kept, "string", "plain")}, in); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{
		"bio":   html("Who it is. "+kept, []any{"null", "string"}, "<p>me</p>"),
		"about": html(kept, "string", "<p>me</p>"),
		"notes": map[string]any{"type": "string", "examples": []any{"a"}},
	}, out); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// A text tag that would do nothing is noticed before the first request: a text that was to be sanitised must not pass as
// it is.
func TestRichTextTag(t *testing.T) {
	t.Parallel()
	type word string
	for name, in := range map[string]any{
		"unknown": struct {
			Bio string `json:"bio" text:"rch"`
		}{},
		"empty": struct {
			Bio string `json:"bio" text:""`
		}{},
		"no string": struct {
			Bio int64 `json:"bio" text:"rich"`
		}{},
		"any, of a body": struct {
			Bio string `json:"bio" text:"any"`
		}{},
		"named string": struct {
			Bio Nullable[word] `json:"bio" text:"rich"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			FieldsOf(reflect.TypeOf(in))
		}()
	}
}
