// Package command is the command line: the table of all commands, the general
// help and how a process becomes one of them. Only main calls it. What the
// commands do is in the packages below, one per noun.
package command

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/mitchellh/cli"
	"golang.org/x/term"

	"github.com/nomadlike/nomadlike/command/acl"
	"github.com/nomadlike/nomadlike/command/agent"
	"github.com/nomadlike/nomadlike/command/agentinfo"
	"github.com/nomadlike/nomadlike/command/alloc"
	"github.com/nomadlike/nomadlike/command/deployment"
	"github.com/nomadlike/nomadlike/command/eval"
	"github.com/nomadlike/nomadlike/command/job"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/monitor"
	"github.com/nomadlike/nomadlike/command/namespace"
	"github.com/nomadlike/nomadlike/command/node"
	"github.com/nomadlike/nomadlike/command/operator"
	"github.com/nomadlike/nomadlike/command/plugin"
	"github.com/nomadlike/nomadlike/command/quota"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/scaling"
	"github.com/nomadlike/nomadlike/command/server"
	"github.com/nomadlike/nomadlike/command/service"
	"github.com/nomadlike/nomadlike/command/sim"
	"github.com/nomadlike/nomadlike/command/system"
	"github.com/nomadlike/nomadlike/command/tls"
	"github.com/nomadlike/nomadlike/command/ui"
	"github.com/nomadlike/nomadlike/command/variable"
	"github.com/nomadlike/nomadlike/command/version"
	"github.com/nomadlike/nomadlike/command/volume"
	"github.com/nomadlike/nomadlike/drivers"
)

// nouns are the sources of commands, one per package.
func nouns() []func(*meta.Meta) map[string]cli.CommandFactory {
	return []func(*meta.Meta) map[string]cli.CommandFactory{
		job.Commands,
		eval.Commands,
		deployment.Commands,
		alloc.Commands,
		node.Commands,
		ui.Commands,
		system.Commands,
		service.Commands,
		server.Commands,
		scaling.Commands,
		operator.Commands,
		namespace.Commands,
		quota.Commands,
		variable.Commands,
		volume.Commands,
		plugin.Commands,
		monitor.Commands,
		agentinfo.Commands,
		tls.Commands,
		acl.Commands,
		configCommands,
		rootCommands,
		agentCommands,
		sim.Commands,
	}
}

// hidden are the commands that help does not list: aliases that would repeat
// their noun's, older spellings, and what only scripts use.
func hidden() []string {
	return []string{
		"fs", "init", "inspect", "logs", "plan", "validate",
		"alloc-status", "eval-status", "node-status", "node-drain", "check", "debug",
		"client-config", "server-join", "server-members", "server-force-leave",
	}
}

// common are the commands that help lists first, in this order.
func common() []string {
	return []string{"run", "stop", "status", "alloc", "job", "node", "agent"}
}

// Main runs the process and gives its exit code.
func Main(args []string) int {
	if drivers.Intercept(args) {
		return 0
	}
	if len(args) == 2 && args[1] == agent.ArtifactCommand {
		return agent.ServeArtifact()
	}
	return Run(args[1:], process(args[1:]))
}

// process is the surroundings of a real process.
func process(args []string) *meta.Meta {
	terminal := isatty.IsTerminal(os.Stdout.Fd())
	return &meta.Meta{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ,
		Now: time.Now, Pause: pause, Random: rand.Reader,
		Colour:      render.Palette{On: render.UseColour(args, os.Getenv, terminal)},
		Terminal:    terminal,
		InTerminal:  isatty.IsTerminal(os.Stdin.Fd()),
		Width:       terminalWidth,
		OpenBrowser: openBrowser,
	}
}

func terminalWidth() int {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return width
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func openBrowser(url string) error {
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	}
	if err := exec.Command(opener, url).Run(); err != nil {
		return fmt.Errorf("%s: %w", opener, err)
	}
	return nil
}

// Run runs one command line in its surroundings and gives the exit code.
func Run(args []string, m *meta.Meta) int {
	commands := map[string]cli.CommandFactory{}
	for _, noun := range nouns() {
		maps.Copy(commands, noun(m))
	}
	app := &cli.CLI{
		Name:           meta.Binary,
		Version:        version.Current().String(),
		Args:           keepForeignHelp(commands, args),
		Commands:       commands,
		HiddenCommands: hidden(),
		Autocomplete:   true,
		HelpFunc:       help,
		HelpWriter:     m.Out,
		ErrorWriter:    m.Err,
	}
	if name := app.Subcommand(); name != "" && !app.IsHelp() && !known(commands, name) {
		m.Error(fmt.Sprintf("There is no command %q.\n", name))
	}
	code, err := app.Run()
	if err != nil {
		m.Error(fmt.Sprintf("%s: %v", meta.Binary, err))
		return 1
	}
	return code
}

// known tells whether a word starts a command.
func known(commands map[string]cli.CommandFactory, name string) bool {
	for full := range commands {
		if full == name || strings.HasPrefix(full, name+" ") {
			return true
		}
	}
	return false
}

// keepForeignHelp keeps help flags that belong to another program's command
// line from becoming ours: "alloc exec 1234 ls -h".
func keepForeignHelp(commands map[string]cli.CommandFactory, args []string) []string {
	for n := min(len(args), 3); n > 0; n-- {
		factory, ok := commands[strings.Join(args[:n], " ")]
		if !ok {
			continue
		}
		command, err := factory()
		if err != nil {
			return args
		}
		verb, ok := command.(*meta.Verb)
		if !ok || !verb.PassThrough {
			return args
		}
		at := n + verb.FlagCount(args[n:])
		if at >= len(args) || args[at] == "--" {
			return args
		}
		return slices.Concat(args[:at], []string{"--"}, args[at:])
	}
	return args
}

// help lists commands: the common ones first.
func help(commands map[string]cli.CommandFactory) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [-version] [-help] [-autocomplete-(un)install] <command> [args]\n", meta.Binary)
	var first, rest []string
	for _, name := range common() {
		if _, ok := commands[name]; ok {
			first = append(first, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		if !slices.Contains(first, name) {
			rest = append(rest, name)
		}
	}
	width := 0
	for name := range commands {
		width = max(width, len(name))
	}
	write := func(title string, names []string) {
		if len(names) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s:\n", title)
		for _, name := range names {
			command, err := commands[name]()
			if err != nil {
				continue
			}
			fmt.Fprintf(&b, "    %-*s    %s\n", width, name, command.Synopsis())
		}
	}
	write("Common commands", first)
	write("Other commands", rest)
	return strings.TrimRight(b.String(), "\n")
}
