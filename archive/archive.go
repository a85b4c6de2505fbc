// Package archive writes all that a tenant owns into one file, puts it back, and erases it. The tables are found in the database's own catalogue, so that
// a new one is in each archive without a line here.
//
// An archive is a tar file, compressed with zstd: accounts/N.ndjson and tables/TABLE/N.ndjson, a row as JSON on each line; then manifest.json, which has
// the hash of each file before it, and manifest.sig, its signature.
package archive

import (
	"errors"
	"fmt"
	"time"

	"rowhouse/auth"
	"rowhouse/ids"
)

// format is the version of the file's own shape.
const format = 1

const (
	manifestName  = "manifest.json"
	signatureName = "manifest.sig"
	accountsDir   = "accounts/"
	tablesDir     = "tables/"
)

const (
	// pageRows is how many rows are read, or written, by one statement, which takes well under the statement_timeout of a server.
	pageRows = 500
	// partBytes is from how many bytes on a file is written: of a tar file one has to know how long each is before it begins.
	partBytes = 1 << 20
	// maxPart is how long a file may be that is read: it is kept in memory. A row is at most some dozens of KiB.
	maxPart = 64 << 20
)

// Manifest says what an archive holds.
type Manifest struct {
	Format     int          `json:"format"`
	TenantID   ids.TenantID `json:"tenant_id"`
	Schema     int64        `json:"schema"` // the migration that its tables are of
	ExportedAt time.Time    `json:"exported_at"`
	Key        string       `json:"key"` // the public key of the signature, in base64
	Files      []File       `json:"files"`
}

// File is one of an archive's files, in their order.
type File struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

// Account is who a user of the tenant is, as far as an archive tells: nothing that would let anybody in.
type Account struct {
	ID       ids.AccountID `json:"id"`
	Username string        `json:"username"`
	Email    string        `json:"email"`
	Name     *string       `json:"name"`
	Proven   bool          `json:"proven"`
}

// Progress is told of each page of rows.
type Progress func(table string, rows int64)

// An Archivist writes, reads and erases.
type Archivist struct{ signer auth.Signer }

// New makes an archivist, who signs with the first of the tokens' keys and trusts what any of them has signed.
func New(tokens *auth.Tokens) *Archivist { return &Archivist{tokens.Signer("archive")} }

// ErrRefused is what is wrong with an archive that is not taken.
var ErrRefused = errors.New("the archive is refused")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
}
