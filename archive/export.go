package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"

	"rowhouse/db"
	"rowhouse/ids"
	schema "rowhouse/sql"
	"rowhouse/tenancy"
)

// writer writes files of rows.
type writer struct {
	tar      *tar.Writer
	at       time.Time
	manifest Manifest
	dir      string
	part     bytes.Buffer
	parts    int
	rows     int64
}

// add writes a row of the present directory.
func (w *writer) add(line []byte) error {
	w.part.Write(line)
	w.part.WriteByte('\n')
	w.rows++
	if w.part.Len() < partBytes {
		return nil
	}
	return w.flush()
}

// begin begins a directory.
func (w *writer) begin(dir string) error {
	err := w.flush()
	w.dir, w.parts = dir, 0
	return err
}

func (w *writer) flush() error {
	if w.rows == 0 {
		return nil
	}
	w.parts++
	name := fmt.Sprintf("%s%06d.ndjson", w.dir, w.parts)
	w.manifest.Files = append(w.manifest.Files, fileOf(name, w.part.Bytes()))
	err := w.file(name, w.part.Bytes())
	w.part.Reset()
	w.rows = 0
	return err
}

func (w *writer) file(name string, text []byte) error {
	err := w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(text)), ModTime: w.at, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = w.tar.Write(text)
	return err
}

// Export writes an archive of a tenant: what one moment had, however long it takes. pgx.ErrNoRows: there is no such tenant.
func (a *Archivist) Export(ctx context.Context, doors *tenancy.Database, tenant ids.TenantID, to io.Writer, progress Progress) (Manifest, error) {
	latest, err := schema.Latest()
	if err != nil {
		return Manifest{}, err
	}
	compressed, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return Manifest{}, err
	}
	at := time.Now().UTC().Truncate(time.Second)
	w := &writer{tar: tar.NewWriter(compressed), at: at, manifest: Manifest{Format: format, TenantID: tenant, Schema: latest, ExportedAt: at, Key: a.signer.Key()}}
	err = doors.Snapshot(ctx, func(tx *tenancy.Tx) error {
		operator := tenancy.Caller{Operation: "tenant.export"}
		if _, err := tx.Provision(tenant, operator).TenantGet(ctx, tenant); err != nil {
			return err
		}
		if err := exportAccounts(ctx, tx, tenant, operator, w); err != nil {
			return err
		}
		tables, err := tx.Provision(tenant, operator).TenantTables(ctx, tenant)
		if err != nil {
			return err
		}
		for _, table := range slices.Backward(tables) { // the tenant's own row is the first
			if err := w.begin(tablesDir + table + "/"); err != nil {
				return err
			}
			err := eachPage(ctx, tx, tenant, operator, table, func(lines [][]byte) error {
				for _, line := range lines {
					if err := w.add(line); err != nil {
						return err
					}
				}
				progress(table, int64(len(lines)))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return w.flush()
	})
	if err != nil {
		return Manifest{}, err
	}
	text, err := json.Marshal(w.manifest, jsontext.WithIndent("  "))
	if err != nil {
		return Manifest{}, err
	}
	for _, end := range []func() error{
		func() error { return w.file(manifestName, text) },
		func() error { return w.file(signatureName, []byte(a.signer.Sign(text))) },
		w.tar.Close,
		compressed.Close,
	} {
		if err := end(); err != nil {
			return Manifest{}, err
		}
	}
	return w.manifest, nil
}

// eachPage reads a table, in the order of its primary key.
func eachPage(ctx context.Context, tx *tenancy.Tx, tenant ids.TenantID, operator tenancy.Caller, table string, take func(lines [][]byte) error) error {
	var after []byte
	for {
		lines, err := tx.Provision(tenant, operator).ArchiveRead(ctx, db.ArchiveReadParams{TenantID: tenant, TableName: table, After: after, Most: pageRows})
		if err != nil || len(lines) == 0 {
			return err
		}
		if err := take(lines); err != nil {
			return err
		}
		if len(lines) < pageRows {
			return nil
		}
		after = lines[len(lines)-1]
	}
}

// exportAccounts writes who the tenant's users are.
func exportAccounts(ctx context.Context, tx *tenancy.Tx, tenant ids.TenantID, operator tenancy.Caller, w *writer) error {
	if err := w.begin(accountsDir); err != nil {
		return err
	}
	return eachPage(ctx, tx, tenant, operator, "users", func(lines [][]byte) error {
		var of []string
		for _, line := range lines {
			var user struct {
				AccountID string `json:"account_id"`
			}
			if err := json.Unmarshal(line, &user); err != nil {
				return err
			}
			of = append(of, user.AccountID)
		}
		accounts, err := tx.Unscoped(operator).ArchiveAccounts(ctx, db.ArchiveAccountsParams{AccountIds: of})
		if err != nil {
			return err
		}
		slices.SortFunc(accounts, func(a, b db.ArchiveAccountsRow) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		for _, row := range accounts {
			line, err := json.Marshal(Account{row.ID, row.Username, row.Email, row.Name, row.EmailVerifiedAt != nil})
			if err != nil {
				return err
			}
			if err := w.add(line); err != nil {
				return err
			}
		}
		return nil
	})
}
