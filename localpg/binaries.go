package localpg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The majors that rowhouse supports.
const oldestMajor, newestMajor = 15, 18

// advice ends the error of a machine without PostgreSQL.
const advice = "install it with `apt-get install postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora) " +
	"or `brew install postgresql@17` (macOS), or set PG_BIN=<dir with initdb and postgres>"

// binaries is a directory with initdb and postgres, of one major version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

func (b binaries) String() string { return fmt.Sprintf("PostgreSQL %d in %s", b.major, b.dir) }

// places is where to look for binaries.
type places struct {
	only   string   // when set, nowhere else
	dirs   []string // of equal majors, the first
	mirror string   // base URL of a Maven repository, asked when dirs have none
	cache  func() (string, error)
}

// environment reads PG_BIN, PATH and ROWHOUSE_PG_MIRROR, and knows where packages put PostgreSQL outside the PATH.
func environment(getenv func(string) string) places {
	p := places{
		only:   getenv("PG_BIN"),
		dirs:   filepath.SplitList(getenv("PATH")),
		mirror: cmp.Or(getenv("ROWHOUSE_PG_MIRROR"), mavenCentral),
		cache:  cacheDir,
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
	} {
		found, _ := filepath.Glob(pattern) // errs only on a malformed pattern
		p.dirs = append(p.dirs, found...)
	}
	return p
}

// choose returns the binaries of the data's major version, or where there are no data yet the newest.
func (p places) choose(ctx context.Context, as account, data string, logf func(string, ...any)) (binaries, error) {
	want, err := majorOf(data)
	if err != nil {
		return binaries{}, err
	}
	if p.only != "" {
		b, err := inspect(ctx, as, p.only)
		switch {
		case err != nil:
			return binaries{}, fmt.Errorf("PG_BIN=%s: %w", p.only, err)
		case want != 0 && want != b.major:
			return binaries{}, mismatch(data, want, []binaries{b})
		}
		return b, nil
	}
	var best binaries
	var found []binaries
	for _, dir := range p.dirs {
		if !filepath.IsAbs(dir) {
			continue
		}
		b, err := inspect(ctx, as, dir)
		if err != nil {
			continue
		}
		found = append(found, b)
		if b.major > best.major && (want == 0 || want == b.major) {
			best = b
		}
	}
	switch {
	case ctx.Err() != nil: // then no inspection said anything
		return binaries{}, context.Cause(ctx)
	case best.major != 0:
		return best, nil
	case want != 0 && want != downloadMajor:
		return binaries{}, mismatch(data, want, found)
	}
	dir, err := p.download(ctx, logf)
	if err == nil {
		best, err = inspect(ctx, as, dir)
	}
	switch {
	case err != nil && len(found) > 0:
		return binaries{}, fmt.Errorf("%w; the download failed (%w)", mismatch(data, want, found), err)
	case err != nil:
		return binaries{}, fmt.Errorf("no PostgreSQL %d–%d found, and the download failed (%w): %s", oldestMajor, newestMajor, err, advice)
	}
	return best, nil
}

// majorOf is the major version that wrote the data, 0 when there are none.
func majorOf(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
		return 0, fmt.Errorf("%s is there but was not made by PostgreSQL: move it away or choose another directory", data)
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func mismatch(data string, want int, found []binaries) error {
	there := "nothing"
	if len(found) > 0 {
		there = strings.Trim(fmt.Sprint(found), "[]")
	}
	return fmt.Errorf("%s was written by PostgreSQL %d, and there is %s: install PostgreSQL %d, or set PG_BIN to it, "+
		"or move the directory away to begin with an empty database", data, want, there, want)
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspect asks dir's postgres for its version, as the account that will have to run it.
func inspect(ctx context.Context, as account, dir string) (binaries, error) {
	dir, err := filepath.Abs(dir) // PG_BIN may be relative, to a directory that the account is not in
	b := binaries{dir: dir}
	if err != nil {
		return b, err
	}
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(b.path(name)); err != nil {
			return b, err
		}
	}
	out, err := as.command(ctx, "/", b.path("postgres"), "--version").Output()
	if err != nil {
		return b, fmt.Errorf("%s --version: %w", b.path("postgres"), err)
	}
	version := strings.TrimSpace(string(out))
	if match := versionPattern.FindStringSubmatch(version); match != nil {
		b.major, _ = strconv.Atoi(match[1])
	}
	if b.major < oldestMajor || b.major > newestMajor {
		return b, fmt.Errorf("want PostgreSQL %d to %d, and this is %q", oldestMajor, newestMajor, version)
	}
	return b, nil
}
