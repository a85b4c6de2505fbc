package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// misuse is a command line that names no command, or gives one a word or a flag that it does not take. Nothing was done.
type misuse struct{ error }

// execute runs the command that the words name, or refuses them as misuse. It decides for the whole tree, so that a new command or group
// has nothing to remember: cobra by itself answers an unknown word after a group with the group's help, and success.
func execute(ctx context.Context, root *cobra.Command, words []string) error {
	root.SetArgs(words)
	root.SetFlagErrorFunc(refuseFlag)
	if len(words) > 0 && strings.HasPrefix(words[0], cobra.ShellCompRequestCmd) {
		return root.ExecuteContext(ctx) // a shell asks what the words may become
	}
	help := len(words) > 0 && words[0] == "help"
	if help {
		words = words[1:]
	}
	command, rest, _ := root.Find(words) // its error is about the first word of rest, which is refused below
	if !command.HasSubCommands() && !help {
		takes := command.Args
		if takes == nil {
			takes = cobra.NoArgs
		}
		command.Args = func(command *cobra.Command, words []string) error {
			return refuse(command, cmp.Or(takes(command, words), command.ValidateRequiredFlags(), command.ValidateFlagGroups()))
		}
		return root.ExecuteContext(ctx)
	}

	command.InitDefaultHelpFlag()
	if err := command.ParseFlags(rest); err != nil {
		return refuseFlag(command, err)
	}
	if words := command.Flags().Args(); len(words) > 0 {
		return refuseWord(command, words[0])
	}
	if asked, _ := command.Flags().GetBool("help"); asked || help {
		return command.Help()
	}
	command.SetOut(command.ErrOrStderr())
	return misuse{cmp.Or(command.Help(), errors.New("name one of the commands"))}
}

// refuse makes misuse of an error about the words of a command.
func refuse(command *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return misuse{fmt.Errorf("%w: the usage is %s", err, command.UseLine())}
}

func refuseWord(command *cobra.Command, word string) error {
	err := fmt.Errorf("unknown command %q for %q", word, command.CommandPath())
	var known []string
	for _, child := range command.Commands() {
		if child.IsAvailableCommand() {
			known = append(known, child.Name())
		}
	}
	if known == nil {
		return refuse(command, err)
	}
	return misuse{fmt.Errorf("%w: %s", err, instead(word, "", known))}
}

func refuseFlag(command *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return refuse(command, err)
	}
	var known []string
	command.Flags().VisitAll(func(flag *pflag.Flag) { known = append(known, flag.Name) })
	return misuse{fmt.Errorf("%w: %s", err, instead(cmp.Or(unknown.GetSpecifiedShortnames(), unknown.GetSpecifiedName()), "--", known))}
}

// instead says which of the known names, each after the prefix, may have been meant: those that resemble it, or else all.
func instead(given, prefix string, known []string) string {
	names := &cobra.Command{SuggestionsMinimumDistance: 2} // lends its judgement of what resembles
	for _, name := range known {
		names.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	listed := func(names []string, last string) string {
		text := prefix + strings.Join(names, ", "+prefix)
		if i := strings.LastIndex(text, ", "); i >= 0 {
			text = text[:i] + last + text[i+len(", "):]
		}
		return text
	}
	if similar := names.SuggestionsFor(given); len(similar) > 0 {
		return "did you mean " + listed(similar, " or ") + "?"
	}
	if len(known) == 1 {
		return "there is " + listed(known, "")
	}
	return "there are " + listed(known, " and ")
}
