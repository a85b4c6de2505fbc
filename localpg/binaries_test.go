package localpg

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"
)

// The data choose the major version; without data it is the newest that we know. PG_BIN is the only place when set.
func TestChoose(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	var dirs []string
	for _, major := range []string{"14.1", "15.9 (Debian 15.9-1)", "17.2", "16beta1", "19.0"} {
		bin := filepath.Join(dir, major[:2])
		dirs = append(dirs, bin)
		for _, name := range []string{"initdb", "postgres"} {
			write(t, filepath.Join(bin, name), version(major), 0o755)
		}
	}
	half := filepath.Join(dir, "half")
	write(t, filepath.Join(half, "postgres"), version("18.1"), 0o755)
	dirs = append(dirs, half, "", ".")
	nowhere := httptest.NewServer(http.NotFoundHandler())
	nowhere.Close()
	for _, c := range []struct {
		name, data string // what PG_VERSION says
		dirs       []string
		only       string
		want       string
	}{
		{name: "no data", want: "PostgreSQL 17 in DIR/17"},
		{name: "older data", data: "15", want: "PostgreSQL 15 in DIR/15"},
		{name: "data of a beta", data: "16", want: "PostgreSQL 16 in DIR/16"},
		{name: "data of none", data: "18", want: "DATA was written by PostgreSQL 18, and there is PostgreSQL 15 in DIR/15 PostgreSQL 17 in DIR/17 PostgreSQL 16 in DIR/16: " +
			"install PostgreSQL 18, or set PG_BIN to it, or move the directory away to begin with an empty database"},
		{name: "data of one to download", data: "17", dirs: dirs[:2], want: "DATA was written by PostgreSQL 17, and there is PostgreSQL 15 in DIR/15: " +
			"install PostgreSQL 17, or set PG_BIN to it, or move the directory away to begin with an empty database; the download failed (no cache)"},
		{name: "PG_BIN", only: dir + "/15", want: "PostgreSQL 15 in DIR/15"},
		{name: "PG_BIN of another major", only: dir + "/15", data: "17", want: "DATA was written by PostgreSQL 17, and there is PostgreSQL 15 in DIR/15: " +
			"install PostgreSQL 17, or set PG_BIN to it, or move the directory away to begin with an empty database"},
		{name: "PG_BIN too old", only: dir + "/14", want: `PG_BIN=DIR/14: want PostgreSQL 15 to 18, and this is "postgres (PostgreSQL) 14.1"`},
		{name: "PG_BIN without initdb", only: half, want: `PG_BIN=DIR/half: exec: "DIR/half/initdb": stat DIR/half/initdb: no such file or directory`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(tempDir(t), "data")
			if c.data != "" {
				write(t, filepath.Join(data, "PG_VERSION"), c.data+"\n", 0o600)
			}
			if c.dirs == nil {
				c.dirs = dirs
			}
			p := places{only: c.only, dirs: c.dirs, mirror: nowhere.URL, cache: func() (string, error) { return "", errors.New("no cache") }}
			b, err := p.choose(t.Context(), serverUser(t), data, t.Logf)
			got := b.String()
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(c.want, strings.NewReplacer(data, "DATA", dir, "DIR").Replace(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The environment names the places, in this order.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	p := environment(func(name string) string {
		return map[string]string{"PG_BIN": "/pg", "PATH": "/a:/b", "ROWHOUSE_PG_MIRROR": "http://mirror"}[name]
	})
	got := append([]string{p.only, p.mirror}, p.dirs[:2]...)
	if diff := cmp.Diff([]string{"/pg", "http://mirror", "/a", "/b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := environment(func(string) string { return "" }).mirror, mavenCentral; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Where there is no PostgreSQL it is downloaded, once, by however many at a time, with its symlinks and its modes.
func TestDownload(t *testing.T) {
	t.Parallel()
	jar := archive(t, complete()...)
	p, requests := mirror(t, jar, sum(jar))
	cache, _ := p.cache()
	want := binaries{dir: filepath.Join(cache, "postgres-"+downloadVersion, "bin"), major: 17}
	data := filepath.Join(tempDir(t), "data")
	as := serverUser(t)
	choose := func() {
		if got, err := p.choose(t.Context(), as, data, t.Logf); err != nil || got != want {
			t.Errorf("got %v and %v, want %v", got, err, want)
		}
	}
	var both sync.WaitGroup
	both.Go(choose)
	both.Go(choose)
	both.Wait()
	before := requests()
	choose()
	if after := requests(); after != before {
		t.Errorf("the cache was not used: got %d requests, want %d", after, before)
	}
	lib := filepath.Join(want.dir, "../lib")
	if got, err := os.ReadFile(filepath.Join(lib, "libpq.so")); err != nil || string(got) != "library" {
		t.Errorf("through the symlink: got %q and %v", got, err)
	}
	modes := map[string]string{}
	for _, name := range []string{"bin", "bin/postgres", "lib/libpq.so", "lib/libpq.so.5", "lib/libpq.so.5.17"} {
		info, err := os.Lstat(filepath.Join(want.dir, "..", name))
		if err != nil {
			t.Fatal(err)
		}
		modes[name] = info.Mode().String()
	}
	if diff := cmp.Diff(map[string]string{
		"bin": "drwxr-xr-x", "bin/postgres": "-rwxr-xr-x",
		"lib/libpq.so": "Lrwxrwxrwx", "lib/libpq.so.5": "-rw-r--r--", "lib/libpq.so.5.17": "-rw-r--r--",
	}, modes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantFiles(t, cache, "postgres-"+downloadVersion)
}

// An archive that is broken or reaches out of its directory is refused, in one line, and leaves nothing in the cache nor
// beside it.
func TestDownloadRefused(t *testing.T) {
	t.Parallel()
	good := archive(t, complete()...)
	with := func(entries ...tar.Header) []byte { return archive(t, append(complete(), entries...)...) }
	for _, c := range []struct {
		name     string
		jar      []byte
		checksum string
		want     string
	}{
		{name: "wrong checksum", jar: good, checksum: strings.Repeat("0", 64), want: "has the sha256 " + sum(good) + ", and should have"},
		{name: "no archive", jar: []byte("not found"), want: "not a valid zip file"},
		{name: "path up", jar: with(tar.Header{Name: "../evil"}), want: "path escapes from parent"},
		{name: "path up inside", jar: with(tar.Header{Name: "bin/../../evil"}), want: "path escapes from parent"},
		{name: "absolute path", jar: with(tar.Header{Name: "/tmp/evil"}), want: "path escapes from parent"},
		{name: "symlink up", jar: with(symlink("lib/evil", "../../evil")), want: "lib/evil: path escapes from parent"},
		{name: "absolute symlink", jar: with(symlink("evil", "/tmp")), want: "evil: path escapes from parent"},
		{name: "symlink up through a symlink", jar: with(symlink("here", "."), symlink("here/evil", "..")), want: "evil: path escapes from parent"},
		{name: "path through a symlink", jar: with(symlink("up", ".."), tar.Header{Name: "up/evil"}), want: "path escapes from parent"},
		{name: "hard link up", jar: with(tar.Header{Name: "evil", Typeflag: tar.TypeLink, Linkname: "../evil"}), want: "path escapes from parent"},
		{name: "device", jar: with(tar.Header{Name: "evil", Typeflag: tar.TypeChar}), want: "evil is of the unknown type '3'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.checksum == "" {
				c.checksum = sum(c.jar)
			}
			p, _ := mirror(t, c.jar, c.checksum)
			cache, _ := p.cache()
			_, err := p.choose(t.Context(), serverUser(t), filepath.Join(tempDir(t), "data"), t.Logf)
			wantOneLine(t, err)
			if !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v, want it to contain %q", err, c.want)
			}
			wantFiles(t, filepath.Dir(cache), "cache")
			wantFiles(t, cache)
		})
	}
}

// Where there is no PostgreSQL and no download either, Start says in one line what to do.
func TestNothing(t *testing.T) {
	t.Parallel()
	p, _ := mirror(t, nil, "")
	refusing := httptest.NewServer(http.NotFoundHandler())
	refusing.Close()
	p.mirror = refusing.URL
	_, err := start(t.Context(), Options{}, p)
	wantOneLine(t, err)
	if !strings.Contains(fmt.Sprint(err), "connection refused") {
		t.Errorf("got %v, want the reason", err)
	}
}

func wantOneLine(t *testing.T, err error) {
	t.Helper()
	const begin = "no PostgreSQL 15–18 found, and the download failed ("
	const end = "): install it with `apt-get install postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora) " +
		"or `brew install postgresql@17` (macOS), or set PG_BIN=<dir with initdb and postgres>"
	if got := fmt.Sprint(err); !strings.HasPrefix(got, begin) || !strings.HasSuffix(got, end) || strings.Contains(got, "\n") {
		t.Errorf("got %q, want one line: %s...%s", got, begin, end)
	}
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", dir, diff)
	}
}

func serverUser(t *testing.T) account {
	t.Helper()
	as, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	return as
}

// version is a program that says it is that PostgreSQL.
func version(v string) string { return "#!/bin/sh\necho 'postgres (PostgreSQL) " + v + "'\n" }

func write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), mode)); err != nil {
		t.Fatal(err)
	}
}

// contents are the files of the archives: by name, the rest being empty.
var contents = map[string]string{
	"bin/initdb": version("17.6"), "./bin/postgres": version("17.6"), "lib/libpq.so.5.17": "library",
}

func complete() []tar.Header {
	return []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o700},
		{Name: "bin/initdb", Mode: 0o700},
		{Name: "./bin/postgres", Mode: 0o755},
		{Name: "lib", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "lib/libpq.so.5.17", Mode: 0o600},
		{Name: "lib/libpq.so.5", Typeflag: tar.TypeLink, Linkname: "lib/libpq.so.5.17"},
		symlink("lib/libpq.so", "../lib/libpq.so.5"),
		symlink("lib/libgone.so", "libgone.so.1"),
	}
}

func symlink(name, target string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}
}

// archive is a jar like those of Maven Central.
func archive(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	_, manifestErr := z.Create("META-INF/MANIFEST.MF")
	inZip, zipErr := z.Create("postgres-linux-x86_64.txz")
	inXZ, xzErr := xz.NewWriter(inZip)
	if err := errors.Join(manifestErr, zipErr, xzErr); err != nil {
		t.Fatal(err)
	}
	inTar := tar.NewWriter(inXZ)
	for _, entry := range entries {
		content := contents[entry.Name]
		entry.Size = int64(len(content))
		if err := inTar.WriteHeader(&entry); err != nil {
			t.Fatal(err)
		}
		if _, err := inTar.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(inTar.Close(), inXZ.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

func sum(jar []byte) string { return fmt.Sprintf("%x", sha256.Sum256(jar)) }

// mirror serves the jar and is the only place there is; requests counts what was asked of it.
func mirror(t *testing.T, jar []byte, checksum string) (p places, requests func() int) {
	t.Helper()
	var mu sync.Mutex
	count := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		count++
		switch {
		case !strings.HasPrefix(r.URL.Path, "/io/zonky/test/postgres/embedded-postgres-binaries-"):
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, "-"+downloadVersion+".jar"):
			_, _ = w.Write(jar)
		case strings.HasSuffix(r.URL.Path, "-"+downloadVersion+".jar.sha256"):
			fmt.Fprintln(w, checksum)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	cache := filepath.Join(tempDir(t), "cache")
	p = places{mirror: server.URL, cache: func() (string, error) { return cache, os.MkdirAll(cache, 0o755) }}
	return p, func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}
