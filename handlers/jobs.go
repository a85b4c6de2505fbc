package handlers

import (
	"cmp"
	"context"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const (
	jobsRead  auth.Permission = "jobs:read"
	jobsWrite auth.Permission = "jobs:write"
)

// Job is something that is done for the tenant in the background.
type Job struct {
	ID         ids.JobID    `json:"id"`
	TenantID   ids.TenantID `json:"tenant_id"`
	Kind       string       `json:"kind" doc:"What is done, such as invitation.mail." example:"invitation.mail"`
	SubjectID  string       `json:"subject_id" doc:"What it is done with, such as the invitation; it may be gone." example:"invite-0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f"`
	State      string       `json:"state" limit:"jobs.state" doc:"waiting: for its time, or its turn. retrying: it failed, and will be tried again. cancelled: there was no reason left to do it, or an admin has said so. failed: for good."`
	Attempts   int32        `json:"attempts" doc:"How often it was begun." example:"1"`
	LastError  *string      `json:"last_error" doc:"Why the last attempt came to nothing." example:"the mail server refused it for now"`
	DueAt      time.Time    `json:"due_at" doc:"When it is, or was, to be begun, the next time."`
	FinishedAt *time.Time   `json:"finished_at" doc:"When it was completed, was cancelled or failed; null: not yet. Thirty days later it is gone."`
	CreatedAt  time.Time    `json:"created_at"`
	UpdatedAt  time.Time    `json:"updated_at"`

	version int64
}

func (j *Job) Resource() (name, path string, version int64) {
	return "job", "/jobs/" + j.ID.String(), j.version
}

func newJob(row db.Job) Job {
	return Job{row.ID, row.TenantID, row.Kind, row.SubjectID.As(row.SubjectType), row.State, row.Attempts, row.LastError, row.DueAt, row.FinishedAt,
		row.CreatedAt, row.UpdatedAt, row.Version}
}

type jobListInput struct {
	rest.List
	Kind      *string       `query:"kind" validate:"max=63" doc:"Jobs of this kind." example:"invitation.mail"`
	State     *string       `query:"state" limit:"jobs.state" doc:"Jobs in this state."`
	SubjectID *ids.EntityID `query:"subject_id" doc:"Jobs that are done with this."`
}

// jobList reads a page of the tenant's jobs, newest first.
func jobList(ctx context.Context, q *db.Queries, who rest.Caller, in jobListInput) (rest.Page[Job], error) {
	rows, err := q.JobList(ctx, db.JobListParams{
		TenantID:       who.TenantID,
		Kind:           in.Kind,
		State:          in.State,
		SubjectID:      *cmp.Or(in.SubjectID, new(ids.EntityID)),
		OfSubject:      in.SubjectID != nil,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.JobListRow) (Job, rest.Position, int64) {
		return newJob(row.Job), rest.Position{ID: row.Job.ID, Time: &row.Job.CreatedAt}, row.Total
	})
}

type jobGetInput struct {
	JobID ids.JobID `path:"job_id"`
}

// jobGet reads a job.
func jobGet(ctx context.Context, q *db.Queries, who rest.Caller, in jobGetInput) (Job, error) {
	row, err := q.JobGet(ctx, db.JobGetParams{TenantID: who.TenantID, ID: in.JobID})
	return newJob(row), err
}

// jobRetry has a job done at once that waits, has failed or was cancelled.
func jobRetry(ctx context.Context, q *db.Queries, who rest.Caller, in jobGetInput) (Job, error) {
	row, err := q.JobRetry(ctx, db.JobRetryParams{TenantID: who.TenantID, ID: in.JobID})
	return newJob(row), err
}

// jobCancel takes back a job that waits.
func jobCancel(ctx context.Context, q *db.Queries, who rest.Caller, in jobGetInput) (Job, error) {
	row, err := q.JobCancel(ctx, db.JobCancelParams{TenantID: who.TenantID, ID: in.JobID})
	return newJob(row), err
}
