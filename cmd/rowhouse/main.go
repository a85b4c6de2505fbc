// Command rowhouse is the whole system: the server, the migrations, and a demonstration that needs nothing but itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"rowhouse/auth"
	"rowhouse/handlers"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		cancel(fmt.Errorf("stopped by signal: %v", <-signals))
		fmt.Fprintln(os.Stderr, "rowhouse:", <-signals, "again: ending at once")
		os.Exit(1)
	}()
	if err := execute(ctx, root(), os.Args[1:]); err != nil {
		if stopped := context.Cause(ctx); stopped != nil && (errors.Is(err, stopped) || errors.Is(err, context.Canceled)) {
			err = stopped // whatever it was in the middle of
		}
		fmt.Fprintln(os.Stderr, "rowhouse:", err)
		if errors.As(err, new(misuse)) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func root() *cobra.Command {
	root := &cobra.Command{
		Use:           "rowhouse",
		Short:         "A multi-tenant REST backend that is yours",
		Long:          "A multi-tenant REST backend that is yours.\n\nConfiguration is by environment variables alone; .env.sample lists and explains them.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), workerCommand(), devCommand(), migrateCommand(), accountCommand(), tenantCommand(), keysCommand(),
		&cobra.Command{
			Use:   "routes",
			Short: "Print the route table: method, path, scope, permission and handler",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				for _, row := range handlers.API().Table() {
					fmt.Fprintln(table, strings.Join(row, "\t"))
				}
				return table.Flush()
			},
		},
		&cobra.Command{
			Use:   "openapi",
			Short: "Print the OpenAPI 3.1 description of the API",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				document, err := handlers.API().OpenAPI("")
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), string(document))
				return err
			},
		},
		&cobra.Command{
			Use:   "version",
			Short: "Print what this binary was built from",
			Args:  cobra.NoArgs,
			Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), version()) },
		},
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// keySteps say what a value of keys rotate is for.
var keySteps = map[auth.KeyStep]string{
	auth.KeyFirst:   "A first key. Give it to every server.",
	auth.KeyAdded:   "Step 1 of 3: the new key verifies, the old one still signs. Give this to every server and restart each; then run rowhouse keys rotate with it.",
	auth.KeySigns:   "Step 2 of 3, for when every server has the value of step 1: the new key signs. Give this to every server and restart each; a day later run rowhouse keys rotate with it.",
	auth.KeyDropped: "Step 3 of 3, for a day after every server had the value of step 2: the old key goes, and what it made with it. Give this to every server and restart each.",
}

func keysCommand() *cobra.Command {
	keys := &cobra.Command{Use: "keys", Short: "Signing keys of access tokens"}
	keys.AddCommand(&cobra.Command{
		Use:   "rotate",
		Short: "Print the next value of TOKEN_SIGNING_KEYS, and say which step that is",
		Long:  "Print the value that follows the TOKEN_SIGNING_KEYS of now: a first key; or, of three steps, with a new key that verifies, with\nthat key as the one that signs, without the old one. The value goes to the standard output, the sentence to the standard error.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			value, step, err := auth.NextKeys(os.Getenv("TOKEN_SIGNING_KEYS"))
			if err != nil {
				return fmt.Errorf("TOKEN_SIGNING_KEYS: %w", err)
			}
			fmt.Fprintln(cmd.ErrOrStderr(), keySteps[step])
			_, err = fmt.Fprintln(cmd.OutOrStdout(), value)
			return err
		},
	})
	return keys
}

// version is the module's version or the commit, as the Go toolchain recorded them.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "rowhouse, unknown build"
	}
	text := "rowhouse " + info.Main.Version
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision", "vcs.time":
			text += " " + setting.Value
		case "vcs.modified":
			if setting.Value == "true" {
				text += " modified"
			}
		}
	}
	return text + " " + info.GoVersion
}
