//go:build !worker

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/handlers"
	"rowhouse/ids"
	"rowhouse/jobs"
	schema "rowhouse/sql"
	"rowhouse/tenancy"
)

// operatorWait is how long a command waits for its connection: unlike a client of the API, the operator still listens.
const operatorWait = 5 * time.Second

func accountCommand() *cobra.Command {
	account := &cobra.Command{Use: "account", Short: "Make login accounts, and let people into them again, with DATABASE_URL's login"}
	var email, username, name string
	var superuser, staff, unproven bool
	create := &cobra.Command{
		Use:   "create --email E",
		Short: "Make a login account, whose e-mail you vouch for",
		Long: "Make a login account, whose e-mail you vouch for.\n" +
			"The password is asked for at the terminal, or is one line of standard input. With an empty one nobody can log in until\n" +
			"whoever reads the e-mail's mail chooses one: POST /api/v1/auth/password/forgot.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := db.AccountCreateParams{ID: ids.New[ids.AccountID](), IsStaff: staff, IsSuperuser: superuser}
			var ok bool
			if given.Email, ok = auth.NormalizeEmail(email); !ok {
				return errors.New("--email: not an e-mail address such as ada@example.com")
			}
			if !cmd.Flags().Changed("username") {
				given.Username = auth.UsernameFrom(given.Email)
				given.Spare = new(auth.SpareUsername(given.Username))
			} else if given.Username, ok = auth.NormalizeUsername(username); !ok {
				return errors.New("--username: 3 to 64 of a–z, 0–9, dot, underscore and hyphen")
			}
			if cmd.Flags().Changed("name") {
				given.Name = new(strings.TrimSpace(name))
				if err := plain("--name", *given.Name); err != nil {
					return err
				}
			}
			if !unproven {
				given.EmailVerifiedAt = new(time.Now())
			}
			return operate(cmd.Context(), func(ctx context.Context, doors *tenancy.Database) error {
				hash, err := newPassword(ctx, os.Stdin, cmd.ErrOrStderr(), given.Username, given.Email)
				if err != nil {
					return err
				}
				given.PasswordHash = hash
				made, err := doors.Unscoped(tenancy.Caller{Operation: "account.create"}).AccountCreate(ctx, given)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "id: %s\nusername: %s\nemail: %s\n", made.ID, made.Username, made.Email)
				return err
			})
		},
	}
	flags := create.Flags()
	flags.StringVar(&email, "email", "", "the login `e-mail`")
	flags.StringVar(&username, "username", "", "the `username`: 3 to 64 of a–z, 0–9, dot, underscore and hyphen; made from the e-mail when left out")
	flags.StringVar(&name, "name", "", "the person's `name`")
	flags.BoolVar(&superuser, "superuser", false, "may visit every tenant and do everything there")
	flags.BoolVar(&staff, "staff", false, "may visit every tenant and look")
	flags.BoolVar(&unproven, "unproven", false, "the e-mail is yet to be confirmed")
	required(create, "email")
	account.AddCommand(create, accountShow(), resetPasswordCommand(), accountRevokeSessions(), accountDeactivate(), accountReactivate())
	return account
}

func resetPasswordCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reset-password LOGIN",
		Short: "Print a token with which an account gets a new password, once",
		Long: "Print a token with which the account of a username or login e-mail gets a new password, once: POST /api/v1/auth/password/reset\n" +
			"with {\"token\", \"password\"}. It is what password/forgot mails, and so you vouch that whoever you give it to is who reads the\n" +
			"e-mail's mail. A token that was mailed before is good no more; the old password, and all sessions, are until it is used.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			login, ok := loginOf(args[0])
			if !ok {
				return errors.New("LOGIN: neither a username nor an e-mail address")
			}
			operator := tenancy.Caller{Operation: "account.reset_password"}
			return operate(cmd.Context(), func(ctx context.Context, doors *tenancy.Database) error {
				var account db.Account
				var token string
				expires := time.Now().Add(jobs.TokenTime)
				err := doors.Atomic(ctx, func(tx *tenancy.Tx) (err error) {
					q := tx.Unscoped(operator)
					if account, err = activeAccount(ctx, q, login); err != nil {
						return err
					}
					if token, err = jobs.NewToken(ctx, q, account, auth.ForPassword, account.Email, expires); err != nil {
						return err
					}
					if token == "" {
						return fmt.Errorf("the account %s was changed in this moment; try again", login)
					}
					return q.AccountEventCreate(ctx, db.AccountEventCreateParams{AccountID: &account.ID, Action: operator.Operation})
				})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "id: %s\nusername: %s\nemail: %s\ntoken: %s\nexpires_at: %s\n",
					account.ID, account.Username, account.Email, token, expires.UTC().Format(time.RFC3339))
				return err
			})
		},
	}
}

// loginOf is a username or an e-mail address in the form that accounts have.
func loginOf(given string) (login string, ok bool) {
	if strings.Contains(given, "@") {
		return auth.NormalizeEmail(given)
	}
	return auth.NormalizeUsername(given)
}

// activeAccount finds an account by a login in the form that accounts have.
func activeAccount(ctx context.Context, q *db.Queries, login string) (db.Account, error) {
	account, err := q.AccountByLogin(ctx, login)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !account.IsActive {
		err = fmt.Errorf("there is no active account %s; rowhouse account create makes one", login)
	}
	return account, err
}

func tenantCommand() *cobra.Command {
	tenant := &cobra.Command{Use: "tenant", Short: "Make tenants, look at them, move them, and end them, with DATABASE_URL's login"}
	var name, slug, admin string
	create := &cobra.Command{
		Use:   "create --name N --admin LOGIN",
		Short: "Make a tenant whose first admin is the user of an account",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			name = strings.TrimSpace(name)
			if err := plain("--name", name); err != nil {
				return err
			}
			if !cmd.Flags().Changed("slug") {
				slug = auth.Slug(name)
			}
			login, ok := loginOf(admin)
			if !ok {
				return errors.New("--admin: neither a username nor an e-mail address")
			}
			operator := tenancy.Caller{Operation: "tenant.create"}
			return operate(cmd.Context(), func(ctx context.Context, doors *tenancy.Database) error {
				var made db.Tenant
				var user ids.UserID
				err := doors.Atomic(ctx, func(tx *tenancy.Tx) error {
					account, err := activeAccount(ctx, tx.Unscoped(operator), login)
					if err != nil {
						return fmt.Errorf("--admin: %w", err)
					}
					made, user, err = handlers.Found(ctx, tx, operator, account, name, slug)
					return err
				})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "id: %s\nname: %s\nslug: %s\nadmin: %s\n", made.ID, made.Name, made.Slug, user)
				return err
			})
		},
	}
	flags := create.Flags()
	flags.StringVar(&name, "name", "", "the tenant's `name`")
	flags.StringVar(&admin, "admin", "", "username or e-mail (`login`) of the account whose user is the first admin")
	flags.StringVar(&slug, "slug", "", "the `name` in public addresses: a–z, 0–9 and single hyphens; drawn when left out")
	required(create, "name", "admin")
	tenant.AddCommand(create, tenantList(), tenantShow(), tenantStats(), tenantQuota(), tenantSuspend(), tenantResume(), tenantExport(), tenantImport(), tenantErase())
	return tenant
}

func required(command *cobra.Command, flags ...string) {
	for _, flag := range flags {
		if err := command.MarkFlagRequired(flag); err != nil {
			panic(err) // there is no such flag
		}
	}
}

// operate gives do the doors of a database that has this program's migrations.
func operate(ctx context.Context, do func(context.Context, *tenancy.Database) error) error {
	c, err := loadConfig()
	if err != nil {
		return err
	}
	if c.DatabaseURL == "" {
		return errors.New("DATABASE_URL: name the server's login")
	}
	doors, err := tenancy.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer doors.Close()
	doors.AcquireTimeout = operatorWait
	if err := doors.Reach(ctx, false); err != nil {
		return err
	}
	latest, err := schema.Latest()
	if err != nil {
		return err
	}
	version, err := doors.Unscoped(tenancy.Caller{Operation: "operator.check"}).MigrationVersion(ctx)
	switch code := sqlState(err); {
	case code == "42883": // there is no such function
		return errors.New("the database is not migrated: run rowhouse migrate up")
	case code == "42501":
		return errors.New("DATABASE_URL's login may not use the database: run rowhouse migrate up --grant LOGIN")
	case err != nil:
		return err
	case version < latest:
		return fmt.Errorf("the database is at migration %d and this program needs %d: run rowhouse migrate up", version, latest)
	}
	return told(do(ctx, doors))
}

// told is an error in the operator's words, where it is a value of his that the database refuses.
func told(err error) error {
	if words, ok := map[string]string{
		"accounts_email_key":    "--email: there is an account with this e-mail",
		"accounts_username_key": "--username: another account has it",
		"accounts_name_check":   "--name: 1 to 120 characters",
		"tenants_name_check":    "--name: 1 to 100 characters",
		"tenants_slug_key":      "--slug: another tenant has it",
		"tenants_slug_check":    "--slug: a–z, 0–9 and single hyphens, up to 63 characters",
	}[schema.ConstraintOf(err)]; ok {
		return errors.New(words)
	}
	return err
}

func sqlState(err error) string {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return ""
	}
	return said.Code
}

// plain refuses what the API takes in no text.
func plain(name, text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("%s: only UTF-8 without control characters", name)
	}
	return nil
}

// newPassword is the hash of a password that in holds, or nil if that is empty.
func newPassword(ctx context.Context, in *os.File, prompt io.Writer, username, email string) (*string, error) {
	password, err := readPassword(ctx, in, prompt)
	if err != nil || password == "" {
		return nil, err
	}
	if err := cmp.Or(plain("the password", password), auth.CheckPassword(password, username, email)); err != nil {
		return nil, err
	}
	hash, err := auth.NewPasswords(1, 0).Hash(ctx, password)
	return &hash, err
}

// readPassword asks for a password twice at a terminal, which does not show it; of anything else it is the first line.
func readPassword(ctx context.Context, in *os.File, prompt io.Writer) (password string, err error) {
	read := firstLine
	if terminal := int(in.Fd()); term.IsTerminal(terminal) {
		shown, rawErr := term.MakeRaw(terminal)
		if rawErr != nil {
			return "", rawErr
		}
		defer func() {
			_ = term.Restore(terminal, shown)
			if err != nil {
				fmt.Fprintln(prompt) // after the question
			}
		}()
		read = func(in io.Reader) (string, error) { return askTwice(in, prompt) }
	}
	type line struct {
		text string
		err  error
	}
	done := make(chan line, 1)
	go func() { // a signal does not end the read itself
		text, err := read(in)
		done <- line{text, err}
	}()
	select {
	case got := <-done:
		return got.text, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// askTwice reads from a terminal in raw mode, where Ctrl-C is an end of file like Ctrl-D.
func askTwice(in io.Reader, prompt io.Writer) (string, error) {
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, prompt}, "")
	var typed [2]string
	for i, question := range []string{"Password, empty for none: ", "Again: "} {
		var err error
		if typed[i], err = terminal.ReadPassword(question); err != nil {
			return "", fmt.Errorf("no password was given: %w", err)
		}
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ")
	}
	return typed[0], nil
}

func firstLine(in io.Reader) (string, error) {
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return "", cmp.Or(lines.Err(), errors.New("give the password as one line of standard input, or an empty line for none"))
	}
	return lines.Text(), nil
}
