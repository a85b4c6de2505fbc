//go:build !worker

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rowhouse/db"
	"rowhouse/handlers"
	"rowhouse/tenancy"
)

// accountOf is a command of one account, by its username or login e-mail, in one transaction.
func accountOf(use, short, long string, run func(ctx context.Context, tx *tenancy.Tx, operator tenancy.Caller, account db.Account, out io.Writer) error) *cobra.Command {
	return &cobra.Command{
		Use:   use + " LOGIN",
		Short: short,
		Long:  short + "." + long,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			login, ok := loginOf(args[0])
			if !ok {
				return errors.New("LOGIN: neither a username nor an e-mail address")
			}
			operator := tenancy.Caller{Operation: "account." + strings.ReplaceAll(use, "-", "_")}
			return operate(cmd.Context(), func(ctx context.Context, doors *tenancy.Database) error {
				return doors.Atomic(ctx, func(tx *tenancy.Tx) error {
					account, err := tx.Unscoped(operator).AccountByLogin(ctx, login)
					if errors.Is(err, pgx.ErrNoRows) {
						return fmt.Errorf("there is no account %s", login)
					} else if err != nil {
						return err
					}
					return run(ctx, tx, operator, account, cmd.OutOrStdout())
				})
			})
		},
	}
}

func accountShow() *cobra.Command {
	return accountOf("show", "Print what there is to say of an account", "", func(ctx context.Context, tx *tenancy.Tx, operator tenancy.Caller, account db.Account, out io.Writer) error {
		tenants, err := tx.Assume(account.ID, operator).AccountUserTenants(ctx, account.ID)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "id: %s\nusername: %s\nemail: %s\nproven: %t\nactive: %t\nstaff: %t\nsuperuser: %t\ncreated_at: %s\n", account.ID, account.Username, account.Email,
			account.EmailVerifiedAt != nil, account.IsActive, account.IsStaff, account.IsSuperuser, account.CreatedAt.UTC().Format(time.RFC3339))
		for _, tenant := range tenants {
			fmt.Fprintf(out, "tenant: %s\n", tenant)
		}
		return nil
	})
}

func accountDeactivate() *cobra.Command {
	return accountOf("deactivate", "Shut an account", " Nobody logs in with it; its sessions, its API keys and what was mailed for it end at once. Its users stay, and\ncan do nothing.",
		func(ctx context.Context, tx *tenancy.Tx, operator tenancy.Caller, account db.Account, out io.Writer) error {
			if !account.IsActive {
				return errors.New("the account is shut already")
			}
			if err := handlers.Shut(ctx, tx, operator, account.ID); err != nil {
				return err
			}
			_, err := fmt.Fprintf(out, "id: %s\nactive: false\n", account.ID)
			return err
		})
}

func accountReactivate() *cobra.Command {
	return accountOf("reactivate", "Open an account again that was shut", " Its password is as it was; what ended when it was shut stays so.",
		func(ctx context.Context, tx *tenancy.Tx, operator tenancy.Caller, account db.Account, out io.Writer) error {
			_, err := tx.Unscoped(operator).AccountReactivate(ctx, account.ID)
			if errors.Is(err, pgx.ErrNoRows) {
				return errors.New("the account is not shut, or its owner has closed it")
			} else if err != nil {
				return err
			}
			_, err = fmt.Fprintf(out, "id: %s\nactive: true\n", account.ID)
			return err
		})
}

func accountRevokeSessions() *cobra.Command {
	return accountOf("revoke-sessions", "End all sessions of an account", " What was mailed for it is good no more either. API keys stay.",
		func(ctx context.Context, tx *tenancy.Tx, operator tenancy.Caller, account db.Account, out io.Writer) error {
			ended, err := tx.Assume(account.ID, operator).SessionRevokeAll(ctx, account.ID)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(out, "id: %s\nended: %d\n", account.ID, ended)
			return err
		})
}
