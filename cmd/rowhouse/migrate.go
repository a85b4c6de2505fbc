//go:build !worker

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/spf13/cobra"

	schema "rowhouse/sql"
)

func migrateCommand() *cobra.Command {
	migrate := &cobra.Command{
		Use:   "migrate",
		Short: "Change the database's schema, as the owner in DATABASE_MIGRATION_URL",
	}
	step := func(use, short string, run func(ctx context.Context, m *goose.Provider, owner *pgx.Conn, out io.Writer) error) *cobra.Command {
		command := &cobra.Command{
			Use: use, Short: short, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := loadConfig()
				if err != nil {
					return err
				}
				if c.DatabaseMigrationURL == "" {
					return errors.New("DATABASE_MIGRATION_URL: name the owner's login")
				}
				owner, err := schema.ConnectOwner(cmd.Context(), c.DatabaseMigrationURL)
				if err != nil {
					return err
				}
				defer owner.Close(context.WithoutCancel(cmd.Context()))
				migrator, db, err := schema.Migrator(c.DatabaseMigrationURL)
				if err != nil {
					return err
				}
				defer db.Close()
				return run(cmd.Context(), migrator, owner, cmd.OutOrStdout())
			},
		}
		migrate.AddCommand(command)
		return command
	}
	var login string
	up := step("up", "Apply all migrations that are missing", func(ctx context.Context, m *goose.Provider, owner *pgx.Conn, out io.Writer) error {
		done, err := m.Up(ctx)
		printResults(out, done)
		if err != nil {
			return err
		}
		missing, err := schema.Missing(ctx, owner)
		switch {
		case err != nil:
			return err
		case len(missing) > 0:
			return fmt.Errorf("all migrations are applied, and yet this is not what they left; a dump is restored after its roles are made, "+
				"as docs/operations.md tells:\n%s", strings.Join(missing, "\n"))
		case len(done) == 0:
			fmt.Fprintln(out, "nothing to do")
		}
		if login == "" {
			return nil
		}
		return schema.Grant(ctx, owner, login)
	})
	up.Flags().StringVar(&login, "grant", "", "`login` that may then serve: GRANT rowhouse_app, rowhouse_gate TO it")
	step("down", "Undo the newest migration", func(ctx context.Context, m *goose.Provider, _ *pgx.Conn, out io.Writer) error {
		done, err := m.Down(ctx)
		if done != nil {
			printResults(out, []*goose.MigrationResult{done})
		}
		return err
	})
	step("redo", "Undo the newest migration and apply it again", func(ctx context.Context, m *goose.Provider, _ *pgx.Conn, out io.Writer) error {
		undone, err := m.Down(ctx)
		if err != nil {
			return err
		}
		done, err := m.UpByOne(ctx)
		printResults(out, []*goose.MigrationResult{undone, done})
		return err
	})
	step("status", "List the migrations and when they were applied", func(ctx context.Context, m *goose.Provider, _ *pgx.Conn, out io.Writer) error {
		all, err := m.Status(ctx)
		for _, s := range all {
			when := "pending"
			if s.State == goose.StateApplied {
				when = s.AppliedAt.Format("2006-01-02 15:04:05")
			}
			fmt.Fprintf(out, "%-20s %s\n", when, s.Source.Path)
		}
		return err
	})
	migrate.AddCommand(&cobra.Command{
		Use: "create NAME", Short: "Make the next, empty file in sql/migrations", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return createMigration(cmd.OutOrStdout(), args[0]) },
	})
	return migrate
}

func printResults(out io.Writer, results []*goose.MigrationResult) {
	for _, r := range results {
		if r != nil {
			fmt.Fprintln(out, r)
		}
	}
}

var migrationName = regexp.MustCompile(`^[a-z0-9_]+$`)

// createMigration numbers the new file after those of the folder, not those of the binary, which may be older.
func createMigration(out io.Writer, name string) error {
	if !migrationName.MatchString(name) {
		return errors.New("name it in lower case, digits and underscores, such as add_coupons")
	}
	present, err := filepath.Glob("sql/migrations/*.sql")
	if err != nil || len(present) == 0 {
		return errors.New("no sql/migrations here: run it in the project's folder")
	}
	last, err := goose.NumericComponent(present[len(present)-1])
	if err != nil {
		return err
	}
	path := filepath.Join("sql", "migrations", fmt.Sprintf("%05d_%s.sql", last+1, name))
	if err := os.WriteFile(path, []byte("-- +goose Up\n\n-- +goose Down\n"), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, path)
	return err
}
