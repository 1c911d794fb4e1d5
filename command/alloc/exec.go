package alloc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/attach"
	"github.com/nomadlike/nomadlike/command/meta"
)

// escapeNone switches the escape character off.
const escapeNone = "none"

// execFlags are the flags of the command.
type execFlags struct {
	stdin  bool
	tty    *bool
	escape string
	target target
}

func exec(*meta.Meta) *meta.Verb {
	f := execFlags{}
	return &meta.Verb{
		Name: "alloc exec", Aliases: []string{"exec"}, Args: "<allocation> <command> [<argument>...]", MinArgs: 2, MaxArgs: meta.AnyArgs, PassThrough: true,
		Summary: "Run a command in a running task",
		Text: "Runs a command beside a running task, with its files, environment and limits. The command's exit code becomes this one's.\n" +
			"At a terminal, ~. at the start of a line ends a session that hangs.",
		Examples: []meta.Example{
			{Text: "Open a shell in the only task of an allocation", Line: meta.Binary + " alloc exec f7a3c /bin/sh"},
			{Text: "Run something once in one of several tasks", Line: meta.Binary + " alloc exec -task api f7a3c cat /proc/meminfo"},
			{Text: "Feed it a file", Line: meta.Binary + " alloc exec -t=false f7a3c psql < dump.sql"},
			{Text: "In any running allocation of a job", Line: meta.Binary + " alloc exec -job web /bin/sh"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&f.stdin, "i", true, "Pass standard input to the command. Default: true.")
			fl.OptionalBool(&f.tty, "t", "Give the command a terminal. Default: true when standard input and output are one.")
			fl.String(&f.escape, "e", "~", "<character>", "The escape character, or none. At the start of a line and before a dot it ends the session. Default: ~.")
			f.target.declareTask(fl, "The task; needed when the allocation has several.")
			f.target.declareJob(fl)
		},
		Predict: meta.Predict("allocs"),
		Do:      f.run,
	}
}

// escapeChar reads the escape character, 0 for none.
func escapeChar(text string) (byte, error) {
	switch {
	case text == escapeNone:
		return 0, nil
	case len(text) == 1:
		return text[0], nil
	}
	return 0, meta.Usagef("-e takes one character or %q, not %q", escapeNone, text)
}

func (f *execFlags) run(ctx context.Context, c *meta.Call) error {
	escape, err := escapeChar(f.escape)
	if err != nil {
		return err
	}
	tty := f.stdin && c.Terminal && c.InTerminal
	if f.tty != nil {
		tty = *f.tty
	}
	if tty && !f.stdin {
		return meta.Usagef("A terminal (-t) needs standard input (-i)")
	}
	a, client, err := f.target.find(ctx, c)
	if err != nil {
		return err
	}
	task, err := f.target.oneTask(a, nil)
	if err != nil {
		return err
	}
	command, err := json.Marshal(rest(c))
	if err != nil {
		return fmt.Errorf("encoding the command: %w", err)
	}
	s := &attach.Session{
		Path: "/v1/client/allocation/" + a.ID + "/exec",
		Query: &apiclient.Query{Params: map[string]string{
			"task": task, "tty": strconv.FormatBool(tty), "command": string(command),
		}},
		Stdout: c.Out, Stderr: c.Err, Escape: escape,
	}
	if f.stdin {
		s.Stdin = c.In
	}
	if tty {
		s.Terminal = attach.TerminalOf(c.In, c.Out)
	}
	code, err := s.Run(ctx, client)
	if errors.Is(err, attach.ErrLeft) {
		return err
	}
	if err != nil {
		return fmt.Errorf("running %q in task %q: %w", c.Args[1], task, err)
	}
	if code != 0 {
		return meta.Exit(code)
	}
	return nil
}
