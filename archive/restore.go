package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	schema "rowhouse/sql"
	"rowhouse/tenancy"
)

// each reads the files of an archive in their order.
func each(from io.Reader, take func(name string, text []byte) error) error {
	plain, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPart), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer plain.Close()
	files := tar.NewReader(plain)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return refused("it is none, or a part of one: %w", err)
		}
		if header.Typeflag != tar.TypeReg || header.Size > maxPart {
			return refused("%q is no file of an archive", header.Name)
		}
		text, err := io.ReadAll(files)
		if err != nil {
			return refused("it is none, or a part of one: %w", err)
		}
		if err := take(header.Name, text); err != nil {
			return err
		}
	}
}

// verified is an archive that was read to its end: what it says of itself is true, and somebody who is trusted has signed it.
type verified struct {
	Manifest
	own      bool // it was signed here
	accounts []Account
}

// verify reads an archive and writes nothing. It fails unless every file is as the manifest says, the manifest is signed by a key of the archivist's or by
// one of those trusted, and this program knows the tables of its time.
func (a *Archivist) verify(from io.Reader, trusted []string) (v verified, err error) {
	var files []File
	var manifest, signature []byte
	err = each(from, func(name string, text []byte) error {
		switch {
		case signature != nil || manifest != nil && name != signatureName:
			return refused("something stands behind its manifest")
		case name == manifestName:
			manifest = text
		case name == signatureName:
			signature = text
		default:
			files = append(files, fileOf(name, text))
			if !strings.HasPrefix(name, accountsDir) {
				return nil
			}
			return eachLine(text, func(line []byte) error {
				var account Account
				err := json.Unmarshal(line, &account)
				v.accounts = append(v.accounts, account)
				return err
			})
		}
		return nil
	})
	if err != nil {
		return v, err
	}
	if manifest == nil || signature == nil {
		return v, refused("its end is missing")
	}
	if err := json.Unmarshal(manifest, &v.Manifest); err != nil {
		return v, refused("its manifest cannot be read: %w", err)
	}
	v.own, err = a.signer.Verify(manifest, string(signature), v.Key)
	if err != nil {
		return v, refused("%w: it was changed since it was exported", err)
	}
	if !v.own && !slices.Contains(trusted, v.Key) {
		return v, refused("it was signed with the key %s, which is none of TOKEN_SIGNING_KEYS here: if you know where it is from, --trust that key", v.Key)
	}
	if !slices.Equal(files, v.Files) {
		return v, refused("its files are not those of its manifest: it was changed since it was exported")
	}
	latest, err := schema.Latest()
	switch {
	case err != nil:
		return v, err
	case v.Format != format:
		return v, refused("it is of the format %d, and this program knows %d: it was made by another release", v.Format, format)
	case v.Schema > latest:
		return v, refused("it is of migration %d, and this program has %d: it was made by a newer one", v.Schema, latest)
	}
	return v, nil
}

// fileOf is what a manifest says of a file.
func fileOf(name string, text []byte) File {
	hash := sha256.Sum256(text)
	return File{name, int64(bytes.Count(text, []byte("\n"))), hex.EncodeToString(hash[:])}
}

func eachLine(text []byte, take func(line []byte) error) error {
	for line := range bytes.Lines(text) {
		if err := take(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return err
		}
	}
	return nil
}

// Options of an import.
type Options struct {
	As       ids.TenantID   // the id of the tenant that is made; zero: that which it had
	By       tenancy.Caller // who brings it; zero: the operator
	Trusted  []string       // who may have signed the archive, beside whoever has the archivist's own keys
	Progress Progress
}

// Imported is what an import has made.
type Imported struct {
	TenantID ids.TenantID
	Matched  int // accounts that there were
	Made     []Account
}

// Import verifies an archive and makes the tenant of it again: all of it, and the event that tells of it, or nothing. Its users are of the accounts that they were of, where the archive was
// made here and these are there; or else of the accounts that have proven the same e-mail; or else of new ones, which nobody has proven yet.
func (a *Archivist) Import(ctx context.Context, doors *tenancy.Database, from io.ReadSeeker, o Options) (made Imported, err error) {
	v, err := a.verify(bufio.NewReader(from), o.Trusted)
	if err != nil {
		return made, err
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return made, err
	}
	made.TenantID = v.TenantID
	r := &renamer{ids: map[string]string{}}
	if !o.As.IsZero() {
		made.TenantID = o.As
		r.ids[v.TenantID.UUID()] = o.As.UUID()
	}
	known := map[File]bool{}
	for _, file := range v.Files {
		known[file] = true
	}
	operator := o.By
	operator.Operation = "tenant.import"
	err = doors.Atomic(ctx, func(tx *tenancy.Tx) error {
		if err := matchAccounts(ctx, tx, operator, v, r, &made); err != nil {
			return err
		}
		err := each(bufio.NewReader(from), func(name string, text []byte) (err error) {
			if name != manifestName && name != signatureName && !known[fileOf(name, text)] {
				return refused("it was changed while it was imported")
			}
			table, _, ok := strings.Cut(strings.TrimPrefix(name, tablesDir), "/")
			if !ok || !strings.HasPrefix(name, tablesDir) {
				return nil
			}
			if table == "tenants" {
				if text, err = ownRow(text, !o.As.IsZero()); err != nil {
					return err
				}
			}
			return restore(ctx, tx, operator, made.TenantID, table, text, r, o.Progress)
		})
		if err != nil {
			return err
		}
		if err := tx.Provision(made.TenantID, operator).ArchiveRestored(ctx, made.TenantID); err != nil {
			return err
		}
		return tx.Unscoped(operator).AccountEventCreate(ctx, db.AccountEventCreateParams{
			AccountID: given(operator.AccountID), Action: operator.Operation, AboutTenant: &made.TenantID, RequestID: given(operator.RequestID), Address: given(operator.Address),
		})
	})
	return made, err
}

// given is a value, or nil where it is none.
func given[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}

// ownRow is the row of the tenant as it is put back: open, unless it was suspended.
func ownRow(text []byte, anew bool) ([]byte, error) {
	var row map[string]jsontext.Value
	if err := json.Unmarshal(text, &row); err != nil {
		return nil, err
	}
	if string(row["status"]) == `"deleting"` {
		row["status"], row["erase_at"] = jsontext.Value(`"active"`), jsontext.Value(`null`)
	}
	if anew {
		var name string
		if err := json.Unmarshal(row["name"], &name); err != nil {
			return nil, err
		}
		row["slug"] = jsontext.Value(`"` + auth.Slug(name) + `"`)
	}
	return json.Marshal(row)
}

// restore puts the rows of one file back.
func restore(ctx context.Context, tx *tenancy.Tx, operator tenancy.Caller, tenant ids.TenantID, table string, text []byte, r *renamer, progress Progress) error {
	var lines []string
	put := func() error {
		n, err := tx.Provision(tenant, operator).ArchivePut(ctx, db.ArchivePutParams{TenantID: tenant, TableName: table, Lines: lines})
		progress(table, n)
		lines = lines[:0]
		return err
	}
	err := eachLine(text, func(line []byte) error {
		if lines = append(lines, r.line(line)); len(lines) < pageRows {
			return nil
		}
		return put()
	})
	if err == nil && len(lines) > 0 {
		err = put()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", table, err)
	}
	return nil
}

// renamer writes other ids for some.
type renamer struct{ ids map[string]string }

var uuid = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func (r *renamer) line(line []byte) string {
	if len(r.ids) == 0 {
		return string(line)
	}
	return uuid.ReplaceAllStringFunc(string(line), func(id string) string {
		if other, ok := r.ids[id]; ok {
			return other
		}
		return id
	})
}

// matchAccounts finds the account that each of the archive's is here, and makes those that are missing.
func matchAccounts(ctx context.Context, tx *tenancy.Tx, operator tenancy.Caller, v verified, r *renamer, made *Imported) error {
	for some := range slices.Chunk(v.accounts, pageRows) {
		asked := db.ArchiveAccountsParams{}
		for _, account := range some {
			if v.own {
				asked.AccountIds = append(asked.AccountIds, account.ID.UUID())
			}
			asked.Emails = append(asked.Emails, account.Email)
		}
		rows, err := tx.Unscoped(operator).ArchiveAccounts(ctx, asked)
		if err != nil {
			return err
		}
		byID, byEmail := map[ids.AccountID]bool{}, map[string]*db.ArchiveAccountsRow{}
		for i := range rows {
			byID[rows[i].ID] = true
			byEmail[rows[i].Email] = &rows[i]
		}
		for _, account := range some {
			here := byEmail[account.Email]
			switch {
			case v.own && byID[account.ID]:
				made.Matched++
			case here != nil && here.EmailVerifiedAt != nil:
				r.ids[account.ID.UUID()] = here.ID.UUID()
				made.Matched++
			case here != nil:
				return refused("there is an account with the e-mail %s, which nobody has confirmed yet: it may be anybody's. Have it confirmed, or removed, first", account.Email)
			default:
				id := account.ID
				if !v.own {
					id = ids.New[ids.AccountID]()
					r.ids[account.ID.UUID()] = id.UUID()
				}
				_, err := tx.Unscoped(operator).AccountCreate(ctx, db.AccountCreateParams{
					ID: id, Username: account.Username, Spare: new(auth.SpareUsername(account.Username)), Email: account.Email, Name: account.Name, MadeIn: &made.TenantID,
				})
				if err != nil {
					return err
				}
				account.ID = id
				made.Made = append(made.Made, account)
			}
		}
	}
	return nil
}
