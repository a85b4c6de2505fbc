package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// A word or flag that is not known, one too many and one too few end in one line that names the right one, with exit status 2; what goes
// wrong in a command's work ends with 1, and asking for help with 0.
func TestMisuse(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"served":                    `unknown command "served" for "rowhouse": did you mean serve?`,
		"served --help":             `unknown command "served" for "rowhouse": did you mean serve?`,
		"help served":               `unknown command "served" for "rowhouse": did you mean serve?`,
		"nosuch":                    `unknown command "nosuch" for "rowhouse": there are account, completion, dev, keys, migrate, openapi, routes, serve, tenant, version and worker`,
		"tenant freeze X":           `unknown command "freeze" for "rowhouse tenant": there are create, erase, export, import, list, quota, resume, show, stats and suspend`,
		"tenant freeze --help":      `unknown command "freeze" for "rowhouse tenant": there are create, erase, export, import, list, quota, resume, show, stats and suspend`,
		"help tenant freeze":        `unknown command "freeze" for "rowhouse tenant": there are create, erase, export, import, list, quota, resume, show, stats and suspend`,
		"migrate nosuch":            `unknown command "nosuch" for "rowhouse migrate": there are create, down, redo, status and up`,
		"migrate crate coupons":     `unknown command "crate" for "rowhouse migrate": did you mean create?`,
		"migrate s":                 `unknown command "s" for "rowhouse migrate": did you mean status or up?`,
		"keys nosuch":               `unknown command "nosuch" for "rowhouse keys": there is rotate`,
		"completion nosuch":         `unknown command "nosuch" for "rowhouse completion": there are bash, fish, powershell and zsh`,
		"serve now":                 `unknown command "now" for "rowhouse serve": the usage is rowhouse serve [flags]`,
		"help serve now":            `unknown command "now" for "rowhouse serve": the usage is rowhouse serve [flags]`,
		"migrate create":            `accepts 1 arg(s), received 0: the usage is rowhouse migrate create NAME [flags]`,
		"migrate create a b":        `accepts 1 arg(s), received 2: the usage is rowhouse migrate create NAME [flags]`,
		"serve --nosuch":            `unknown flag: --nosuch: there is --help`,
		"--nosuch":                  `unknown flag: --nosuch: there is --help`,
		"--nosuch serve":            `unknown flag: --nosuch: there is --help`,
		"migrate --nosuch":          `unknown flag: --nosuch: there is --help`,
		"migrate up --grnt x":       `unknown flag: --grnt: did you mean --grant?`,
		"migrate up -grant x":       `unknown shorthand flag: 'g' in -grant: did you mean --grant?`,
		"migrate up --grant":        `flag needs an argument: --grant: the usage is rowhouse migrate up [flags]`,
		"tenant create --name M":    `required flag(s) "admin" not set: the usage is rowhouse tenant create --name N --admin LOGIN [flags]`,
		"account create --password": `unknown flag: --password: there are --email, --help, --name, --staff, --superuser, --unproven and --username`,
		"account create":            `required flag(s) "email" not set: the usage is rowhouse account create --email E [flags]`,
		"account create --staff=ja": `invalid argument "ja" for "--staff" flag: strconv.ParseBool: parsing "ja": invalid syntax: the usage is rowhouse account create --email E [flags]`,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			p := start(t, nil, strings.Fields(line)...)
			if state := p.wait(); state.ExitCode() != 2 || p.said() != "rowhouse: "+want {
				t.Errorf("got %v and\n%s\nwant exit status 2 and\nrowhouse: %s", state, p.said(), want)
			}
		})
	}
}

// Whoever names a group and none of its commands gets its help and exit status 2: nothing was done, and a script shall know. Whoever asks
// for help gets the same with 0.
func TestGroupWithoutCommand(t *testing.T) {
	t.Parallel()
	for _, group := range []string{"", "migrate", "tenant", "completion"} {
		path := strings.Fields(group)
		p := start(t, nil, path...)
		if state := p.wait(); state.ExitCode() != 2 {
			t.Errorf("rowhouse %s: %v, want exit status 2", group, state)
		}
		help := run(t, nil, append(path, "--help")...)
		if got := run(t, nil, append([]string{"help"}, path...)...); got != help {
			t.Errorf("help %s differs from --help:\n%s", group, got)
		}
		if want := help + "\nrowhouse: name one of the commands"; p.said() != want || !strings.Contains(help, "Available Commands:") {
			t.Errorf("rowhouse %s: got\n%s\nwant\n%s", group, p.said(), want)
		}
	}
}

// Every command of the tree refuses as misuse a flag that is not known and a word too many, and every group also its own name alone.
func TestEveryCommandRefusesMisuse(t *testing.T) {
	t.Parallel()
	var lines [][]string
	var walk func(*cobra.Command)
	walk = func(command *cobra.Command) {
		path := strings.Fields(command.CommandPath())[1:]
		lines = append(lines, append(slices.Clone(path), "--nosuch"), append(slices.Clone(path), "no", "such", "words"))
		if command.HasSubCommands() {
			lines = append(lines, path)
		}
		for _, child := range command.Commands() {
			walk(child)
		}
	}
	walk(root())
	if len(lines) < 30 {
		t.Errorf("there are %d lines to try", len(lines))
	}
	for _, line := range lines {
		command := root()
		command.SetOut(t.Output())
		command.SetErr(t.Output())
		if err := execute(t.Context(), command, line); !errors.As(err, new(misuse)) {
			t.Errorf("%q: got %v, want misuse", line, err)
		}
	}
}
