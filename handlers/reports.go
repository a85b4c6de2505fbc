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

const reportsLimited auth.Permission = "reports:limited"

// maxReport is how many days a report may be of: ten years.
const maxReport = 3660

// Report is what was earned from one day to another, in the tenant's time zone.
type Report struct {
	From    rest.Date    `json:"from"`
	To      rest.Date    `json:"to"`
	GroupBy string       `json:"group_by" example:"day"`
	Lines   []ReportLine `json:"lines"`
	Total   ReportTotals `json:"total"`
}

// ReportLine is what was earned on a day, by an artist, or by a method of payment.
type ReportLine struct {
	Day      *rest.Date    `json:"day" doc:"Of a report by day."`
	ArtistID *ids.ArtistID `json:"artist_id" doc:"Of a report by artist."`
	Method   *string       `json:"method" doc:"Of a report by method." example:"card"`
	ReportTotals
}

// ReportTotals are sums, without what is void.
type ReportTotals struct {
	Transactions    int64 `json:"transactions" example:"12"`
	IncomeCents     int64 `json:"income_cents" doc:"Of what was paid." example:"298800"`
	RefundCents     int64 `json:"refund_cents" doc:"Of what was paid back: nothing, or less." example:"-24900"`
	TotalCents      int64 `json:"total_cents" doc:"Both together." example:"273900"`
	CommissionCents int64 `json:"commission_cents" doc:"What of it is the artists'." example:"136950"`
}

func (sum *ReportTotals) add(line ReportTotals) {
	sum.Transactions += line.Transactions
	sum.IncomeCents += line.IncomeCents
	sum.RefundCents += line.RefundCents
	sum.TotalCents += line.TotalCents
	sum.CommissionCents += line.CommissionCents
}

type reportFinancialInput struct {
	From     *rest.Date    `query:"from" required:"true" doc:"The first day." example:"2027-03-01"`
	To       *rest.Date    `query:"to" required:"true" doc:"The last day." example:"2027-03-31"`
	GroupBy  string        `query:"group_by" validate:"oneof=day artist method" default:"\"day\"" doc:"What each line is of."`
	ArtistID *ids.ArtistID `query:"artist_id" doc:"What this artist has earned."`
	Method   *string       `query:"method" limit:"transactions.method" doc:"What was paid in this way."`
}

func (in *reportFinancialInput) Problems() (wrong []rest.FieldError) {
	if in.From == nil || in.To == nil {
		return nil
	}
	switch days := in.To.Time().Sub(*in.From.Time()) / (24 * time.Hour); {
	case days < 0:
		wrong = append(wrong, rest.FieldError{Field: "to", Code: "range", Detail: "Not before from."})
	case days >= maxReport:
		wrong = append(wrong, rest.FieldError{Field: "to", Code: "range", Detail: "Less than ten years after from."})
	}
	return wrong
}

// reportFinancial adds up what was paid.
func reportFinancial(ctx context.Context, q *db.Queries, who rest.Caller, in reportFinancialInput) (Report, error) {
	report := Report{From: *in.From, To: *in.To, GroupBy: in.GroupBy, Lines: []ReportLine{}}
	rows, err := q.ReportFinancial(ctx, db.ReportFinancialParams{
		TenantID: who.TenantID,
		GroupBy:  in.GroupBy,
		FromDay:  *in.From.Time(),
		ToDay:    *in.To.Time(),
		ArtistID: *cmp.Or(in.ArtistID, new(ids.ArtistID)),
		OfArtist: in.ArtistID != nil,
		Method:   in.Method,
		Limited:  in.GroupBy == "day" && in.ArtistID == nil && in.Method == nil,
	})
	for _, row := range rows {
		line := ReportLine{ReportTotals: ReportTotals{row.Transactions, row.IncomeCents, row.RefundCents, row.TotalCents, row.CommissionCents}}
		switch in.GroupBy {
		case "day":
			line.Day = new(rest.Date)
			err = cmp.Or(err, line.Day.UnmarshalText([]byte(row.OfWhat)))
		case "artist":
			line.ArtistID = new(ids.ArtistID)
			err = cmp.Or(err, line.ArtistID.Parse(row.OfWhat))
		case "method":
			line.Method = &row.OfWhat
		}
		report.Lines = append(report.Lines, line)
		report.Total.add(line.ReportTotals)
	}
	return report, err
}

type reportFinancialExportInput struct {
	rest.ExportFormat
	reportFinancialInput
}

// reportFinancialExport is the lines of a report, for spreadsheets.
func reportFinancialExport(ctx context.Context, q *db.Queries, who rest.Caller, in reportFinancialExportInput, _ rest.List) (rest.Page[ReportLine], error) {
	report, err := reportFinancial(ctx, q, who, in.reportFinancialInput)
	return rest.PageOfAll(report.Lines), err
}
