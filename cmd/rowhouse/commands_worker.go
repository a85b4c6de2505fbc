//go:build worker

package main

import "github.com/spf13/cobra"

// commands of the program in the worker's image: it can neither serve nor change the schema, and has no code for that.
func commands() []*cobra.Command { return []*cobra.Command{workerCommand(), versionCommand()} }
