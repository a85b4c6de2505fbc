//go:build !worker

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rowhouse/archive"
	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/tenancy"
)

// tenantOf is a command of one tenant, by its id.
func tenantOf(use, short, long string, run func(ctx context.Context, doors *tenancy.Database, tenant ids.TenantID, out io.Writer) error) *cobra.Command {
	return &cobra.Command{
		Use:   use + " TENANT",
		Short: short,
		Long:  short + "." + long,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			tenant, err := parseTenant(args[0])
			if err != nil {
				return err
			}
			return operate(cmd.Context(), func(ctx context.Context, doors *tenancy.Database) error {
				return run(ctx, doors, tenant, cmd.OutOrStdout())
			})
		},
	}
}

func parseTenant(text string) (tenant ids.TenantID, err error) {
	if tenant.Parse(text) != nil {
		err = fmt.Errorf("TENANT: write its id, such as %s", ids.TenantID{}.Prefix()+"-0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f")
	}
	return tenant, err
}

var errNoTenant = errors.New("TENANT: there is no such tenant")

func showTenant(out io.Writer, row db.Tenant, err error, otherwise error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return otherwise
	} else if err != nil {
		return err
	}
	fmt.Fprintf(out, "id: %s\nname: %s\nslug: %s\nstatus: %s\ncreated_at: %s\n", row.ID, row.Name, row.Slug, row.Status, row.CreatedAt.UTC().Format(time.RFC3339))
	if row.EraseAt != nil {
		fmt.Fprintf(out, "erase_at: %s\n", row.EraseAt.UTC().Format(time.RFC3339))
	}
	return nil
}

// listedAtOnce is how many tenants one trip lists.
const listedAtOnce = 1000

func tenantList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all tenants, the oldest first: id, status, when it was made, name",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return operate(cmd.Context(), func(ctx context.Context, doors *tenancy.Database) error {
				var after ids.TenantID
				for {
					some, err := doors.Operator("tenant.list").PlatformTenants(ctx, db.PlatformTenantsParams{AfterID: after, Size: listedAtOnce})
					if err != nil {
						return err
					}
					for _, row := range some {
						fmt.Fprintf(cmd.OutOrStdout(), "%s  %-9s  %s  %s\n", row.ID, row.Status, row.CreatedAt.UTC().Format(time.RFC3339), row.Name)
						after = row.ID
					}
					if len(some) < listedAtOnce {
						return nil
					}
				}
			})
		},
	}
}

func tenantShow() *cobra.Command {
	return tenantOf("show", "Print what there is to say of a tenant", "", func(ctx context.Context, doors *tenancy.Database, tenant ids.TenantID, out io.Writer) error {
		row, err := doors.System(tenant, "tenant.show").TenantGet(ctx, tenant)
		return showTenant(out, row, err, errNoTenant)
	})
}

func tenantSuspend() *cobra.Command {
	return tenantOf("suspend", "Have nobody enter a tenant", " Its data stay, and what is to be done for it waits.", func(ctx context.Context, doors *tenancy.Database, tenant ids.TenantID, out io.Writer) error {
		row, err := doors.System(tenant, "tenant.suspend").TenantSuspend(ctx, tenant)
		return showTenant(out, row, err, errors.New("TENANT: there is no such tenant, or it is not active"))
	})
}

func tenantResume() *cobra.Command {
	return tenantOf("resume", "Open a tenant again", " One that was deleted too, until its erase_at.", func(ctx context.Context, doors *tenancy.Database, tenant ids.TenantID, out io.Writer) error {
		row, err := doors.System(tenant, "tenant.resume").TenantResume(ctx, tenant)
		return showTenant(out, row, err, errors.New("TENANT: there is no such tenant, or it is active, or being erased"))
	})
}

func tenantStats() *cobra.Command {
	return tenantOf("stats", "Print how many rows a tenant has", " A table without any is left out.", func(ctx context.Context, doors *tenancy.Database, tenant ids.TenantID, out io.Writer) error {
		counts, err := doors.System(tenant, "tenant.stats").TenantCount(ctx, tenant)
		if err != nil {
			return err
		}
		if len(counts) == 0 {
			return errNoTenant
		}
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, c := range counts {
			if c.RowCount > 0 {
				fmt.Fprintf(table, "%s\t%d\n", c.TableName, c.RowCount)
			}
		}
		return table.Flush()
	})
}

func tenantQuota() *cobra.Command {
	quotas := map[string]*int64{} // by subject; nil: as much as it likes
	return &cobra.Command{
		Use:   "quota TENANT [SUBJECT=MAXIMUM|SUBJECT=none]...",
		Short: "Set how much a tenant may have, and print what it has",
		Long: "Set how much a tenant may have, and print what it has. A subject is a table such as items or users, whose rows are counted, or jobs (those that\n" +
			"are not done), audit_events (how many are kept), requests_per_minute or requests_per_day. A minus stands for what is not limited. What is there\n" +
			"stays when a quota is set below it; more is refused. To set one counts its rows anew.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cobra.MinimumNArgs(1)(cmd, args)
			}
			for _, arg := range args[1:] {
				subject, most, given := strings.Cut(arg, "=")
				maximum, err := strconv.ParseInt(most, 10, 64)
				switch {
				case most == "none":
					quotas[subject] = nil
				case !given || err != nil || maximum < 0:
					return fmt.Errorf("%s: write SUBJECT=MAXIMUM, such as items=1000, or SUBJECT=none", arg)
				default:
					quotas[subject] = &maximum
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			tenant, err := parseTenant(args[0])
			if err != nil {
				return err
			}
			text, err := json.Marshal(quotas)
			if err != nil {
				return err
			}
			return operate(cmd.Context(), func(ctx context.Context, doors *tenancy.Database) error {
				if len(quotas) > 0 {
					n, err := doors.System(tenant, "tenant.quota").QuotaSet(ctx, db.QuotaSetParams{TenantID: tenant, Quotas: text})
					switch {
					case sqlState(err) == "RHSUB":
						return fmt.Errorf("there is no such subject; rowhouse tenant quota %s prints those that there are", tenant)
					case err != nil:
						return err
					case n == 0:
						return errNoTenant
					}
				}
				rows, err := doors.System(tenant, "tenant.quota").TenantUsage(ctx, tenant)
				if err != nil {
					return err
				}
				if len(rows) == 0 {
					return errNoTenant
				}
				return showUsage(cmd.OutOrStdout(), rows)
			})
		},
	}
}

func showUsage(out io.Writer, rows []db.TenantUsageRow) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SUBJECT\tUSED\tMAXIMUM\tRESETS AT")
	for _, row := range rows {
		maximum, resets := "-", "-"
		if row.Maximum != nil {
			maximum = strconv.FormatInt(*row.Maximum, 10)
		}
		if row.ResetsAt != nil {
			resets = row.ResetsAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", row.Subject, row.Used, maximum, resets)
	}
	return table.Flush()
}

// archivist signs with the keys of the environment.
func archivist() (*archive.Archivist, error) {
	keys, err := auth.ParseKeys(os.Getenv("TOKEN_SIGNING_KEYS"))
	if err != nil {
		return nil, fmt.Errorf("TOKEN_SIGNING_KEYS: %w", err)
	}
	return archive.New(auth.NewTokens(keys, issuer, audience)), nil
}

// meter shows at a terminal how far a command is.
type meter struct {
	out   io.Writer
	total map[string]int64 // of each table; nil: not known
	done  map[string]int64
}

func newMeter(out io.Writer, total map[string]int64) *meter {
	if file, ok := out.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		out = io.Discard
	}
	return &meter{out, total, map[string]int64{}}
}

const barWidth = 30

func (m *meter) progress(table string, n int64) {
	m.done[table] += n
	var done, total int64
	for table, n := range m.done {
		done += n
		total += max(m.total[table], n)
	}
	for table, n := range m.total {
		if m.done[table] == 0 {
			total += n
		}
	}
	full := int(done * barWidth / max(total, 1))
	fmt.Fprintf(m.out, "\r[%-*s] %d rows, %-24s", barWidth, "=============================="[:min(full, barWidth)], done, table)
}

func (m *meter) end() { fmt.Fprintln(m.out) }

func tenantExport() *cobra.Command {
	var to string
	export := tenantOf("export", "Write an archive of all that a tenant owns", " It is what one moment had, however long it takes; the tenant goes on meanwhile.\n"+
		"It has hashes of passwords of none, but those of API keys, and secrets of webhooks as they stand in the database: keep it as you keep a backup.",
		func(ctx context.Context, doors *tenancy.Database, tenant ids.TenantID, out io.Writer) (err error) {
			by, err := archivist()
			if err != nil {
				return err
			}
			if _, err := doors.System(tenant, "tenant.export").TenantGet(ctx, tenant); errors.Is(err, pgx.ErrNoRows) {
				return errNoTenant
			} else if err != nil {
				return err
			}
			counts, err := doors.System(tenant, "tenant.export").TenantCount(ctx, tenant)
			if err != nil && sqlState(err) != "57014" { // to count very many takes longer than a statement may: the meter goes without
				return err
			}
			total := map[string]int64{}
			for _, c := range counts {
				total[c.TableName] = c.RowCount
			}
			err = doors.Unscoped(tenancy.Caller{}).AccountEventCreate(ctx, db.AccountEventCreateParams{Action: "tenant.export", AboutTenant: &tenant})
			if err != nil {
				return err
			}
			into, keep, err := create(to, out)
			if err != nil {
				return err
			}
			shown := newMeter(os.Stderr, total)
			m, err := by.Export(ctx, doors, tenant, into, shown.progress)
			shown.end()
			if err = keep(err); err != nil {
				return err
			}
			rows := int64(0)
			for _, file := range m.Files {
				rows += file.Rows
			}
			_, err = fmt.Fprintf(os.Stderr, "%d rows in %d files, signed by %s\n", rows, len(m.Files), m.Key)
			return err
		})
	export.Flags().StringVarP(&to, "output", "o", "", "`file` that is made; the standard output when left out")
	return export
}

// create makes a file that is there when keep is called without an error, and not otherwise; without a name it is out.
func create(name string, out io.Writer) (to io.Writer, keep func(error) error, err error) {
	if name == "" {
		return out, func(err error) error { return err }, nil
	}
	part := name + ".part"
	file, err := createPart(part)
	if err != nil {
		return nil, nil, err
	}
	return file, func(err error) error {
		if err = errors.Join(err, file.Sync()); err == nil {
			err = os.Rename(part, name)
		}
		if err != nil {
			return errors.Join(err, os.Remove(part), file.Close())
		}
		return errors.Join(file.Close(), syncDir(filepath.Dir(name))) // whoever has an archive erases the tenant next
	}, nil
}

// createPart makes a file that nobody else writes. One that is there was left by an export that was killed, and is removed, unless somebody writes it.
func createPart(name string) (*os.File, error) {
	if left, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NOFOLLOW, 0); err == nil {
		defer left.Close()
		if err := hold(left); err != nil {
			return nil, err
		}
		if err := os.Remove(name); err != nil {
			return nil, err
		}
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if err := hold(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// hold locks a file, as long as it is open, that nobody else has locked, and that still has its name.
func hold(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	held, heldErr := file.Stat()
	named, namedErr := os.Lstat(file.Name())
	if errors.Join(err, heldErr, namedErr) != nil || !os.SameFile(held, named) {
		return fmt.Errorf("%s: another export writes it", file.Name())
	}
	return nil
}

func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func tenantImport() *cobra.Command {
	var as string
	var trust []string
	command := &cobra.Command{
		Use:   "import FILE",
		Short: "Make a tenant of an archive again",
		Long: "Make a tenant of an archive again: all of it, or nothing. One that was changed, or that a newer release has made, is refused before anything\n" +
			"is written. Users are of the accounts that they were of, where the archive is from here and these are there; or else of those that have proven\n" +
			"the same e-mail; or else of new ones, which nobody has proven: whoever reads that mail asks for a password with POST /api/v1/auth/password/forgot.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := archivist()
			if err != nil {
				return err
			}
			var o archive.Options
			if as == "new" {
				o.As = ids.New[ids.TenantID]()
			} else if as != "" {
				if err := o.As.Parse(as); err != nil {
					return errors.New("--as: write the id of a tenant, or new")
				}
			}
			for _, key := range trust {
				if err := auth.CheckPublicKey(key); err != nil {
					return fmt.Errorf("--trust: %w: that of an archive stands in its manifest", err)
				}
			}
			file, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			shown := newMeter(os.Stderr, nil)
			o.Trusted, o.Progress = trust, shown.progress
			return operate(cmd.Context(), func(ctx context.Context, doors *tenancy.Database) error {
				made, err := by.Import(ctx, doors, file, o)
				shown.end()
				if err != nil {
					return imported(err)
				}
				out := cmd.OutOrStdout()
				_, err = fmt.Fprintf(out, "id: %s\naccounts_matched: %d\naccounts_made: %d\n", made.TenantID, made.Matched, len(made.Made))
				return err
			})
		},
	}
	command.Flags().StringVar(&as, "as", "", "`id` of the tenant that is made, or new; that which it had when left out")
	command.Flags().StringSliceVar(&trust, "trust", nil, "`key` that may have signed it, beside those of TOKEN_SIGNING_KEYS")
	return command
}

// imported is the error of an import in the operator's words.
func imported(err error) error {
	switch code := sqlState(err); code {
	case "23505":
		return fmt.Errorf("there is something with the same id, or the same name in public addresses; the tenant itself, perhaps, or --as new: %w", err)
	case "RHPRM":
		return fmt.Errorf("the owner of the tables may not keep triggers from running; as a superuser of the database, once: %w", err)
	}
	return err
}

// signed is a certificate as it is printed.
type signed struct {
	Certificate archive.Certificate `json:"certificate"`
	Signature   string              `json:"signature"`
}

func tenantErase() *cobra.Command {
	var confirm string
	erase := tenantOf("erase", "Erase all that a tenant owns, at once and for good", " Also what only points at it; a certificate of what that was is printed.\n"+
		"One that is cut off is run again, or finished by a worker after ten minutes; each certificate has what that run has erased.\n"+
		"Backups have it for as long as you keep them.",
		func(ctx context.Context, doors *tenancy.Database, tenant ids.TenantID, out io.Writer) error {
			by, err := archivist()
			if err != nil {
				return err
			}
			_, err = doors.System(tenant, "tenant.erase").TenantEraseNow(ctx, db.TenantEraseNowParams{TenantID: tenant, Confirm: confirm})
			switch {
			case errors.Is(err, pgx.ErrNoRows):
				return errNoTenant
			case sqlState(err) == "RHCNF":
				return errors.New("--confirm: this is not the tenant's name")
			case err != nil:
				return err
			}
			shown := newMeter(os.Stderr, nil)
			signature, certificate, err := by.Erase(ctx, doors, tenant, "tenant.erase", shown.progress)
			shown.end()
			if errors.Is(err, pgx.ErrNoRows) { // another was faster
				return errNoTenant
			} else if err != nil {
				return err
			}
			text, err := json.Marshal(signed{certificate, signature}, json.Deterministic(true))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(out, string(text))
			return err
		})
	erase.Flags().StringVar(&confirm, "confirm", "", "the tenant's `name`, to be sure")
	required(erase, "confirm")
	return erase
}
