package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/tenancy"
)

// Certificate says what was erased.
type Certificate struct {
	TenantID ids.TenantID     `json:"tenant_id"`
	ErasedAt time.Time        `json:"erased_at"`
	Rows     map[string]int64 `json:"rows"` // of each table that had any
	Key      string           `json:"key"`  // the public key of the signature, in base64
}

// eraseRows is how many rows go in one statement, which takes well under the statement_timeout of a server.
const eraseRows = 2000

var errTakenBack = errors.New("the tenant was taken back while it was erased")

// Erase erases a tenant that is given up and whose time has come, and what points at it: some rows at a time, each time for good, so that what is cut off
// goes on where it was. Its certificate has what this call erased: all, unless there was another, before it or beside it. pgx.ErrNoRows: there is no such
// tenant.
func (a *Archivist) Erase(ctx context.Context, doors *tenancy.Database, tenant ids.TenantID, reason string, progress Progress) (signed string, c Certificate, err error) {
	c = Certificate{TenantID: tenant, Rows: map[string]int64{}, Key: a.signer.Key()}
	for {
		if err := ctx.Err(); err != nil {
			return "", c, err
		}
		said, err := doors.System(tenant, reason).TenantErase(ctx, db.TenantEraseParams{TenantID: tenant, Most: eraseRows})
		if errors.Is(err, pgx.ErrNoRows) && len(c.Rows) > 0 {
			_, err = doors.System(tenant, reason).TenantGet(ctx, tenant)
			if errors.Is(err, pgx.ErrNoRows) { // another has come to its end
				break
			}
			err = cmp.Or(err, errTakenBack)
		}
		if err != nil && len(c.Rows) > 0 {
			return "", c, fmt.Errorf("after %v: %w", c.Rows, err)
		} else if err != nil {
			return "", c, err
		}
		table, count, _ := strings.Cut(said, " ")
		n, err := strconv.ParseInt(count, 10, 64)
		if err != nil {
			return "", c, err
		}
		c.Rows[table] += n
		progress(table, n)
		if table == "tenants" {
			break
		}
	}
	c.ErasedAt = time.Now().UTC().Truncate(time.Second)
	text, err := json.Marshal(c, json.Deterministic(true))
	return a.signer.Sign(text), c, err
}
