package handlers

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"rowhouse/archive"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

// PlatformTenant is a tenant as a superuser sees it.
type PlatformTenant struct {
	Tenant
	EraseAt *time.Time `json:"erase_at" doc:"When all that it owns is erased, if it is given up by then; null: never."`
}

// Resource says where it is.
func (t *PlatformTenant) Resource() (name, path string, version int64) {
	return "tenant", "/platform/tenants/" + t.ID.String(), t.version
}

func newPlatformTenant(row db.Tenant) PlatformTenant {
	return PlatformTenant{newTenant(row), row.EraseAt}
}

type platformTenantListInput struct {
	rest.List
	Sort   string  `query:"sort" validate:"oneof=name -name" doc:"By name, regardless of case; with - downwards. Newest first when left out."`
	Q      *string `query:"q" limit:"tenants.name" doc:"Tenants whose name begins so, regardless of case." example:"analytical"`
	Status *string `query:"status" limit:"tenants.status" doc:"Tenants of this status." example:"suspended"`
}

// platformTenantList reads a page of all tenants.
func platformTenantList(ctx context.Context, q *db.Queries, who rest.Caller, in platformTenantListInput) (rest.Page[PlatformTenant], error) {
	rows, err := q.PlatformTenantList(ctx, db.PlatformTenantListParams{
		AccountID:      who.AccountID,
		Sort:           in.Sort,
		Q:              in.Q,
		Status:         in.Status,
		AfterID:        in.AfterID(),
		AfterNameKey:   in.AfterText(),
		AfterCreatedAt: in.AfterTime(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.PlatformTenantListRow) (PlatformTenant, rest.Position, int64) {
		at := rest.Position{ID: row.Tenant.ID, Time: &row.Tenant.CreatedAt}
		if in.Sort != "" {
			at = rest.Position{ID: row.Tenant.ID, Text: &row.Tenant.NameKey}
		}
		return newPlatformTenant(row.Tenant), at, row.Total
	})
}

// platformTenantGet reads a tenant, whatever its status.
func platformTenantGet(ctx context.Context, q *db.Queries, who rest.Caller, _ rest.PlatformTenant) (PlatformTenant, error) {
	row, err := q.TenantGet(ctx, who.TenantID)
	return newPlatformTenant(row), err
}

type tenantStatsOutput struct {
	Tables []tableStats `json:"tables"`
}

type tableStats struct {
	Name string `json:"name" example:"items"`
	Rows int64  `json:"rows" example:"12"`
}

// tenantStats counts the rows that a tenant has in each table; in those that are not listed it has none.
func tenantStats(ctx context.Context, q *db.Queries, who rest.Caller, _ rest.PlatformTenant) (out tenantStatsOutput, err error) {
	counts, err := q.TenantCount(ctx, who.TenantID)
	if err == nil && len(counts) == 0 {
		err = rest.ErrNotFound
	}
	out.Tables = []tableStats{}
	for _, c := range counts {
		if c.RowCount > 0 {
			out.Tables = append(out.Tables, tableStats{c.TableName, c.RowCount})
		}
	}
	return out, err
}

// platformTenantUsage is tenantUsage, for a superuser.
func platformTenantUsage(ctx context.Context, q *db.Queries, who rest.Caller, _ rest.PlatformTenant) (usageOutput, error) {
	out, err := tenantUsage(ctx, q, who, struct{}{})
	if err == nil && len(out.Usage) == 0 {
		err = rest.ErrNotFound
	}
	return out, err
}

type tenantQuotaInput struct {
	rest.PlatformTenant
	Subject string               `path:"subject" doc:"What the quota is of: a subject that its usage lists." example:"items"`
	Maximum rest.Nullable[int64] `json:"maximum" required:"true" validate:"min=0" doc:"How many the tenant may have; null: as many as it likes." example:"10000"`
}

// tenantQuota sets how much a tenant may have of something. What there is stays when a quota is set below it.
func tenantQuota(ctx context.Context, q *db.Queries, who rest.Caller, in tenantQuotaInput) (usageOutput, error) {
	text, err := json.Marshal(map[string]*int64{in.Subject: in.Maximum.Value})
	if err != nil {
		return usageOutput{}, err
	}
	if n, err := q.QuotaSet(ctx, db.QuotaSetParams{TenantID: who.TenantID, Quotas: text}); err != nil {
		return usageOutput{}, err
	} else if n == 0 {
		return usageOutput{}, rest.ErrNotFound
	}
	return tenantUsage(ctx, q, who, struct{}{})
}

// tenantSuspend has nobody enter an active tenant.
func tenantSuspend(ctx context.Context, q *db.Queries, who rest.Caller, _ rest.PlatformTenant) (PlatformTenant, error) {
	row, err := q.TenantSuspend(ctx, who.TenantID)
	return inState(ctx, q, who, row, err)
}

// tenantResume opens a tenant again, also one that is given up and not yet to be erased.
func tenantResume(ctx context.Context, q *db.Queries, who rest.Caller, _ rest.PlatformTenant) (PlatformTenant, error) {
	row, err := q.TenantResume(ctx, who.TenantID)
	return inState(ctx, q, who, row, err)
}

// inState tells a tenant that is not in a state for a change from one that is not there.
func inState(ctx context.Context, q *db.Queries, who rest.Caller, changed db.Tenant, err error) (PlatformTenant, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err = q.TenantGet(ctx, who.TenantID); err == nil {
			err = errTenant
		}
	}
	return newPlatformTenant(changed), err
}

type tenantEraseInput struct {
	rest.PlatformTenant
	Confirm *string `json:"confirm" required:"true" limit:"tenants.name" doc:"The tenant's name, to be sure." example:"Analytical Engines"`
}

// tenantErase gives a tenant up without a grace: it cannot be taken back, and a job erases it after the head start that it leaves to the command.
func tenantErase(ctx context.Context, q *db.Queries, who rest.Caller, in tenantEraseInput) (PlatformTenant, error) {
	row, err := q.TenantEraseNow(ctx, db.TenantEraseNowParams{TenantID: who.TenantID, Confirm: *in.Confirm})
	return newPlatformTenant(row), err
}

// tenantExport streams an archive of a tenant; the account's log says that it was taken.
func tenantExport(ctx context.Context, app *App, who rest.Caller, _ rest.PlatformTenant) (write func(io.Writer) error, err error) {
	if _, err := app.doors.PlatformTenant(who).TenantGet(ctx, who.TenantID); err != nil {
		return nil, err
	}
	err = app.doors.Unscoped(who).AccountEventCreate(ctx, db.AccountEventCreateParams{
		AccountID: &who.AccountID, Action: who.Operation, AboutTenant: &who.TenantID, RequestID: &who.RequestID, Address: &who.Address,
	})
	if err != nil {
		return nil, err
	}
	return func(to io.Writer) error {
		_, err := app.archivist.Export(ctx, app.doors, who.TenantID, to, func(string, int64) {})
		return err
	}, nil
}

type tenantImportInput struct {
	As *string `query:"as" doc:"The id of the tenant that is made, or new for one of its own; that which it had when left out." example:"new"`
}

type tenantImportOutput struct {
	TenantID        ids.TenantID `json:"tenant_id"`
	AccountsMatched int          `json:"accounts_matched" doc:"Accounts that there were." example:"3"`
	AccountsMade    int          `json:"accounts_made" doc:"Accounts that were made, whose e-mail nobody has proven." example:"1"`
}

// tenantImport makes a tenant of an archive that was signed here.
func tenantImport(ctx context.Context, app *App, who rest.Caller, in tenantImportInput, body func() (io.ReadSeeker, error)) (out tenantImportOutput, err error) {
	options := archive.Options{By: who, Progress: func(string, int64) {}}
	if in.As != nil && *in.As == "new" {
		options.As = ids.New[ids.TenantID]()
	} else if in.As != nil {
		if err := options.As.Parse(*in.As); err != nil || options.As.IsZero() {
			return out, rest.Invalid(rest.FieldError{Field: "as", Code: "format", Detail: "The id of a tenant, or new."})
		}
	}
	if _, err := app.doors.Platform(who).PlatformTenantList(ctx, db.PlatformTenantListParams{AccountID: who.AccountID, Size: 1}); err != nil {
		return out, err
	}
	file, err := body()
	if err != nil {
		return out, err
	}
	made, err := app.archivist.Import(ctx, app.doors, file, options)
	if errors.Is(err, archive.ErrRefused) {
		return out, rest.Invalid(rest.FieldError{Field: "body", Code: "archive", Detail: err.Error()})
	} else if err != nil {
		return out, err
	}
	return tenantImportOutput{made.TenantID, made.Matched, len(made.Made)}, nil
}
