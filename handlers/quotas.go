package handlers

import (
	"context"
	"strings"
	"time"

	"rowhouse/db"
	"rowhouse/rest"
)

// Usage is how much of something the tenant has, and may have.
type Usage struct {
	Subject  string     `json:"subject" doc:"Rows of a table, by its name; jobs that are not done; requests_per_minute, requests_per_day." example:"items"`
	Used     *int64     `json:"used" doc:"How many there are; of requests those that were counted since the window began, and null where no quota of them is set." example:"37"`
	Maximum  *int64     `json:"maximum" doc:"The quota; null: none is set." example:"100"`
	ResetsAt *time.Time `json:"resets_at" doc:"Of requests: when the window ends that they are counted in; null: none has been since the last ended."`
}

// usageOutput shows all subjects as one thing.
type usageOutput struct {
	Usage []Usage `json:"usage"`
}

// tenantUsage says how much the tenant in scope has of all that there may be quotas of.
func tenantUsage(ctx context.Context, q *db.Queries, who rest.Caller, _ struct{}) (usageOutput, error) {
	rows, err := q.TenantUsage(ctx, who.TenantID)
	out := usageOutput{make([]Usage, len(rows))}
	for i, row := range rows {
		out.Usage[i] = Usage{row.Subject, &row.Used, row.Maximum, row.ResetsAt}
		if row.Maximum == nil && strings.HasPrefix(row.Subject, "requests_") {
			out.Usage[i].Used = nil
		}
	}
	return out, err
}
