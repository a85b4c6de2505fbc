package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Of the tags that there are follows the next version, whatever their order, and whatever other tags there are.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ tags, rc, patch, minor, major string }{
		{"", "v0.0.1-rc.1", "v0.0.1", "v0.1.0", "v1.0.0"},
		{"v0.0.1-rc.1", "v0.0.1-rc.2", "v0.0.1", "v0.1.0", "v1.0.0"},
		{"v0.0.1-rc.2 v0.0.1-rc.1 v0.0.1", "v0.0.2-rc.1", "v0.0.2", "v0.1.0", "v1.0.0"},
		{"v1.2.3", "v1.2.4-rc.1", "v1.2.4", "v1.3.0", "v2.0.0"},
		{"v1.2.3 v1.2.4-rc.9 v1.2.4-rc.10", "v1.2.4-rc.11", "v1.2.4", "v1.3.0", "v2.0.0"},
		{"v1.2.4-rc.1 v1.3.0 v1.2.3", "v1.3.1-rc.1", "v1.3.1", "v1.4.0", "v2.0.0"},                                    // candidates of what was never released
		{"v1.2.3 v1.2.4-rc.3 v2.0.0-rc.1", "v2.0.0-rc.2", "v1.2.4", "v1.3.0", "v2.0.0"},                               // somebody has begun candidates of more
		{"v1.9.0 v1.10.0", "v1.10.1-rc.1", "v1.10.1", "v1.11.0", "v2.0.0"},                                            // numbers, not texts
		{"1.5.0 v1.4 v01.6.0 v1.5.0+b v1.5.0-rc.0 v1.5.0-beta.1 latest", "v0.0.1-rc.1", "v0.0.1", "v0.1.0", "v1.0.0"}, // none is of ours
		{"v9999999999.0.0 v1.0.0", "v1.0.1-rc.1", "v1.0.1", "v1.1.0", "v2.0.0"},                                       // nor a number that is too large
	} {
		for kind, want := range map[string]string{"rc": c.rc, "patch": c.patch, "minor": c.minor, "major": c.major} {
			got, err := run([]string{"next", kind}, strings.NewReader(strings.Join(strings.Fields(c.tags), "\n")))
			if err != nil || got != want+"\n" {
				t.Errorf("%s after %q: got %q, %v, want %q", kind, c.tags, got, err, want)
			}
		}
	}
}

// Notes begin after the version before: those of a release tell what its candidates told, too.
func TestSince(t *testing.T) {
	t.Parallel()
	const tags = "v1.2.3\nv1.2.4-rc.1\nv1.2.4-rc.2\nv1.2.4\nv1.3.0-rc.1\nother"
	for tag, want := range map[string]string{
		"v1.2.3": "", "v1.2.4-rc.1": "v1.2.3", "v1.2.4-rc.2": "v1.2.4-rc.1", "v1.2.4": "v1.2.3", "v1.3.0-rc.1": "v1.2.4", "v1.3.0-rc.2": "v1.3.0-rc.1",
		"v1.3.0": "v1.2.4", "v0.1.0": "",
	} {
		if got, err := run([]string{"since", tag}, strings.NewReader(tags)); err != nil || got != want+"\n" {
			t.Errorf("%s: got %q, %v, want %q", tag, got, err, want)
		}
	}
}

// Notes are by the part that a subject begins with, and what begins with none stands last.
func TestNotes(t *testing.T) {
	t.Parallel()
	const log = `aaa1 Merge: of two
aaa2 rest: a third: with a colon
aaa3 webhooks, jobs: both
aaa4 wip
aaa5 rest: a first
`
	got, err := run([]string{"notes", "acme/rowhouse"}, strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	want := `### rest

- a first (aaa5)
- a third: with a colon (aaa2)

### webhooks, jobs

- both (aaa3)

### Other

- wip (aaa4)
- Merge: of two (aaa1)
`
	const checks = "\n### Checks\n\n```\ngh attestation verify rowhouse-linux-amd64 --repo acme/rowhouse\nsha256sum --check --ignore-missing SHA256SUMS\n```\n"
	if diff := cmp.Diff(want+checks, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := run([]string{"notes", "acme/rowhouse"}, strings.NewReader("")); err != nil || got != "Nothing has changed.\n"+checks {
		t.Errorf("of nothing: got %q, %v", got, err)
	}
}

// What is asked for wrongly is refused.
func TestUsage(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"":              "the usage is release next rc|patch|minor|major, release since TAG, or release notes OWNER/NAME",
		"next":          "the usage is release next rc|patch|minor|major, release since TAG, or release notes OWNER/NAME",
		"notes":         "the usage is release next rc|patch|minor|major, release since TAG, or release notes OWNER/NAME",
		"notes acme":    `"acme" is no repository such as acme/rowhouse`,
		"next huge":     `"huge" is none of rc, patch, minor and major`,
		"since 1.2.3":   `"1.2.3" is no version such as v1.2.3 or v1.2.3-rc.1`,
		"since v1.2.03": `"v1.2.03" is no version such as v1.2.3 or v1.2.3-rc.1`,
	} {
		if _, err := run(strings.Fields(words), strings.NewReader("")); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", words, err, want)
		}
	}
}

// No page that is published names an owner who is nobody: what depends on where the project is published, the notes of a release say.
func TestNobodysRepository(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		if named := placeholder.FindString(string(text)); named != "" {
			t.Errorf("%s names %s, which is nobody's", page, named)
		}
	}
}

var placeholder = regexp.MustCompile(`\b(?:OWNER|ORG|USER(?:NAME)?)/\S+|github\.com/(?:acme|example|your)\S*`)
