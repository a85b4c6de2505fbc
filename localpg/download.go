package localpg

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/ulikunitz/xz"
)

const (
	mavenCentral = "https://repo1.maven.org/maven2"

	// The builds of github.com/zonkyio/embedded-postgres-binaries: PostgreSQL as its authors wrote it, relocatable.
	downloadMajor   = 17
	downloadVersion = "17.6.0"

	// downloadLimit lets some 30 MB through a line of 1 Mbit/s.
	downloadLimit = 5 * time.Minute

	// maxDownload in bytes is several times the size of today's archives.
	maxDownload = 256 << 20
)

// cacheDir keeps what was downloaded. Root's lies outside its home, which the server's user could not enter.
func cacheDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/rowhouse", nil
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "rowhouse"), err
}

// download returns the bin directory of the cached PostgreSQL, which it fetches the first time. The cache holds a whole
// PostgreSQL or none, also when two processes download at once.
func (p places) download(ctx context.Context, logf func(string, ...any)) (bin string, err error) {
	cache, err := p.cache()
	if err != nil {
		return "", err
	}
	target := filepath.Join(cache, "postgres-"+downloadVersion)
	bin = filepath.Join(target, "bin")
	if _, err := os.Stat(target); err == nil {
		return bin, nil
	}
	archive, err := p.fetchArchive(ctx, logf)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	temporary, err := os.MkdirTemp(cache, ".postgres-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temporary)
	if err := unpack(archive, temporary); err != nil {
		return "", err
	}
	if err := os.Rename(temporary, target); err != nil {
		if _, lost := os.Stat(target); lost != nil {
			return "", err
		}
	}
	return bin, nil
}

// fetchArchive returns the tar of this platform's PostgreSQL: in xz, in a jar, beside its checksum.
func (p places) fetchArchive(ctx context.Context, logf func(string, ...any)) (io.Reader, error) {
	arch := map[string]string{"amd64": "amd64", "arm64": "arm64v8"}[runtime.GOARCH]
	if arch == "" || (runtime.GOOS != "linux" && runtime.GOOS != "darwin") {
		return nil, fmt.Errorf("there is none for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	name := "embedded-postgres-binaries-" + runtime.GOOS + "-" + arch
	url := fmt.Sprintf("%s/io/zonky/test/postgres/%s/%s/%s-%[3]s.jar", strings.TrimRight(p.mirror, "/"), name, downloadVersion, name)
	ctx, cancel := context.WithTimeout(ctx, downloadLimit)
	defer cancel()
	logf("downloading PostgreSQL %d from %s", downloadMajor, url)
	checksum, err := fetch(ctx, url+".sha256")
	if err != nil {
		return nil, err
	}
	jar, err := fetch(ctx, url)
	if err != nil {
		return nil, err
	}
	// Against a broken download; against a false one there is https.
	sum := sha256.Sum256(jar)
	if got, want := hex.EncodeToString(sum[:]), strings.TrimSpace(string(checksum)); !strings.EqualFold(got, want) {
		return nil, fmt.Errorf("%s has the sha256 %s, and should have %.64q", url, got, want)
	}
	files, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	for _, file := range files.File {
		if strings.HasSuffix(file.Name, ".txz") {
			f, err := file.Open()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", url, err)
			}
			return xz.NewReader(f)
		}
	}
	return nil, fmt.Errorf("%s holds no .txz", url)
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDownload))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return body, nil
}

// unpack writes the tar into dir, where everyone may read and run it, and refuses one that reaches out of dir.
func unpack(archive io.Reader, dir string) error {
	root, err := os.OpenRoot(dir) // it refuses what lies outside, behind a symlink too
	if err != nil {
		return err
	}
	defer root.Close()
	entries := tar.NewReader(archive)
	for {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = unpackEntry(root, entry, entries)
		}
		if err != nil {
			return fmt.Errorf("unpacking PostgreSQL: %w", err)
		}
	}
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return root.Chmod(name, 0o755) // whatever the umask
		case entry.Type() == fs.ModeSymlink:
			if _, err := root.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("unpacking PostgreSQL: %w", err)
			}
		}
		return nil
	})
}

func unpackEntry(root *os.Root, entry *tar.Header, content io.Reader) error {
	name := path.Clean(entry.Name)
	if entry.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch entry.Typeflag {
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if entry.Mode&0o111 != 0 {
			mode = 0o755
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Chmod(mode), f.Close())
	case tar.TypeSymlink:
		return root.Symlink(entry.Linkname, name) // unpack looks where it leads once all is there
	case tar.TypeLink:
		return root.Link(path.Clean(entry.Linkname), name)
	}
	return fmt.Errorf("%s is of the unknown type %q", name, entry.Typeflag)
}
