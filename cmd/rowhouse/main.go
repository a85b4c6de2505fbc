// Command rowhouse is the whole system: the server, the migrations, and a demonstration that needs nothing but itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
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
	root.AddCommand(commands()...)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print what this binary was built from",
		Args:  cobra.NoArgs,
		Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), version()) },
	}
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
