// Command release decides what a release is called and what is said of it. It reads standard input and knows no git:
//
//	git tag --list | release next rc          the next release candidate: v1.2.4-rc.1 after v1.2.3, then v1.2.4-rc.2
//	git tag --list | release next minor       the next release: patch, minor or major
//	git tag --list | release since v1.3.0     what the notes of v1.3.0 begin after; empty: they begin with the first commit
//	git log --format='%h %s' … | release notes acme/rowhouse      with how what it has is checked, by the repository that releases it
package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	said, err := run(os.Args[1:], os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
	fmt.Print(said)
}

func run(words []string, in io.Reader) (string, error) {
	var lines []string
	scanner := bufio.NewScanner(in)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		return "", err
	}
	switch {
	case len(words) == 2 && words[0] == "next":
		version, err := next(words[1], lines)
		return version.String() + "\n", err
	case len(words) == 2 && words[0] == "since":
		tag, err := since(words[1], lines)
		return tag + "\n", err
	case len(words) == 2 && words[0] == "notes":
		if !repositoryPattern.MatchString(words[1]) {
			return "", fmt.Errorf("%q is no repository such as acme/rowhouse", words[1])
		}
		return notes(lines) + fmt.Sprintf(checks, words[1]), nil
	}
	return "", errors.New("the usage is release next rc|patch|minor|major, release since TAG, or release notes OWNER/NAME")
}

var repositoryPattern = regexp.MustCompile(`^[\w.-]+/[\w.-]+$`)

// checks end the notes. They name the repository, which no file of a project can that others begin theirs with.
const checks = `
### Checks

` + "```" + `
gh attestation verify rowhouse-linux-amd64 --repo %s
sha256sum --check --ignore-missing SHA256SUMS
` + "```" + `
`

// A version is one of semantic versioning, or a candidate for it.
type version struct{ major, minor, patch, candidate int } // candidate 0: it is the release itself

var versionPattern = regexp.MustCompile(`^v(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-rc\.([1-9]\d{0,8}))?$`)

// parse reads a tag; others are not of releases.
func parse(tag string) (v version, ok bool) {
	match := versionPattern.FindStringSubmatch(tag)
	if match == nil {
		return v, false
	}
	for i, part := range []*int{&v.major, &v.minor, &v.patch, &v.candidate} {
		*part, _ = strconv.Atoi(match[i+1]) // digits, or nothing, which is 0
	}
	return v, true
}

func (v version) String() string {
	text := fmt.Sprintf("v%d.%d.%d", v.major, v.minor, v.patch)
	if v.candidate > 0 {
		text += fmt.Sprintf("-rc.%d", v.candidate)
	}
	return text
}

// compare orders versions; candidates come before their release.
func compare(a, b version) int {
	if order := cmp.Or(cmp.Compare(a.major, b.major), cmp.Compare(a.minor, b.minor), cmp.Compare(a.patch, b.patch)); order != 0 {
		return order
	}
	switch {
	case a.candidate == b.candidate:
		return 0
	case a.candidate == 0:
		return 1
	case b.candidate == 0:
		return -1
	}
	return cmp.Compare(a.candidate, b.candidate)
}

// versions are those that the tags name, in order.
func versions(tags []string) (all []version) {
	for _, tag := range tags {
		if v, ok := parse(tag); ok {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, compare)
	return all
}

// next is the version after those of the tags; where nothing is released yet, after 0.0.0. A candidate is of the next patch, unless there are
// candidates of more.
func next(kind string, tags []string) (version, error) {
	var last, newest version
	for _, v := range versions(tags) {
		newest = v
		if v.candidate == 0 {
			last = v
		}
	}
	switch kind {
	case "major":
		return version{last.major + 1, 0, 0, 0}, nil
	case "minor":
		return version{last.major, last.minor + 1, 0, 0}, nil
	case "patch":
		return version{last.major, last.minor, last.patch + 1, 0}, nil
	case "rc":
		if newest.candidate > 0 {
			newest.candidate++
			return newest, nil
		}
		return version{last.major, last.minor, last.patch + 1, 1}, nil
	}
	return version{}, fmt.Errorf("%q is none of rc, patch, minor and major", kind)
}

// since is the tag before this one: for a release the release before, whose candidates said the same already; for a candidate also the candidate.
func since(tag string, tags []string) (string, error) {
	v, ok := parse(tag)
	if !ok {
		return "", fmt.Errorf("%q is no version such as v1.2.3 or v1.2.3-rc.1", tag)
	}
	before := ""
	for _, other := range versions(tags) {
		if compare(other, v) < 0 && (v.candidate > 0 || other.candidate == 0) {
			before = other.String()
		}
	}
	return before, nil
}

// elsewhere is where subjects stand that name no part of the project.
const elsewhere = "Other"

var subject = regexp.MustCompile(`^(\S+) (?:([a-z][\w./ -]*(?:, [\w./ -]+)*): )?(.+)$`)

// notes tell of commits, each a line with its hash and its subject, by the part of the project that the subject begins with; in the order in which
// they were made, where the lines are as git log prints them.
func notes(log []string) string {
	of := map[string][]string{}
	for _, line := range slices.Backward(log) {
		match := subject.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		part := cmp.Or(match[2], elsewhere)
		of[part] = append(of[part], fmt.Sprintf("- %s (%s)\n", match[3], match[1]))
	}
	if len(of) == 0 {
		return "Nothing has changed.\n"
	}
	parts := slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(a, b))
	})
	var text strings.Builder
	for i, part := range parts {
		if i > 0 {
			text.WriteString("\n")
		}
		text.WriteString("### " + part + "\n\n" + strings.Join(of[part], ""))
	}
	return text.String()
}

// last is 1 for the part that stands after all others.
func last(part string) int {
	if part == elsewhere {
		return 1
	}
	return 0
}
