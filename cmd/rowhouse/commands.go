//go:build !worker

package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"rowhouse/auth"
	"rowhouse/handlers"
)

func commands() []*cobra.Command {
	return []*cobra.Command{
		serveCommand(), workerCommand(), devCommand(), migrateCommand(), accountCommand(), tenantCommand(), keysCommand(), versionCommand(),
		{
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
		{
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
	}
}

// keySteps say what a value of keys rotate is for.
var keySteps = map[auth.KeyStep]string{
	auth.KeyFirst:   "A first key. Give it to every server and worker.",
	auth.KeyAdded:   "Step 1 of 3: the new key verifies, the old one still signs. Give this to every server and worker and restart each; then run rowhouse keys rotate with it.",
	auth.KeySigns:   "Step 2 of 3, for when every server and worker has the value of step 1: the new key signs. Give this to each and restart it; a day later run rowhouse keys rotate with it.",
	auth.KeyDropped: "Step 3 of 3, for a day after every server and worker had the value of step 2: the old key goes, and what it made with it. Give this to each and restart it.",
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
