package job

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/attach"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// actionOptions are the flags of job action.
type actionOptions struct {
	job, alloc, group, task string
	stdin                   bool
	tty                     *bool
	escape                  string
}

// noEscape as the escape character switches it off.
const noEscape = "none"

func actionVerb(*meta.Meta) *meta.Verb {
	var o actionOptions
	return &meta.Verb{
		Name: "job action", Aliases: []string{"action"}, Args: "<action>", MinArgs: 1, MaxArgs: 1,
		Summary: "Run an action of a job in one of its tasks",
		Text:    "Runs a command that the job file defines as an action. The exit code is the command's.",
		Examples: []meta.Example{
			{Text: "Run an action in any allocation of a job", Line: "nomadlike job action -job web -group app -task server flush-cache"},
		},
		Flags: func(f *meta.Flags) {
			f.String(&o.job, "job", "", "<job>", "Job that has the action. Required.")
			f.String(&o.alloc, "alloc", "", "<alloc>", "Allocation to run in; otherwise a running one of the group is chosen.")
			f.String(&o.group, "group", "", "<group>", "Group of the task.")
			f.String(&o.task, "task", "", "<task>", "Task that has the action; may be left out when only one has it.")
			f.Bool(&o.stdin, "i", true, "Pass standard input on.")
			f.OptionalBool(&o.tty, "t", "Give the command a terminal. Default: when there is one at both ends.")
			f.String(&o.escape, "e", "~", "<character>", "Typed at the start of a line before a dot, ends the session. none switches it off.")
		},
		Do: o.run,
	}
}

func (o *actionOptions) run(ctx context.Context, c *meta.Call) error {
	if o.job == "" {
		return meta.Usagef("Say which job has the action with -job")
	}
	escape := byte(0)
	if o.escape != noEscape {
		if len(o.escape) != 1 {
			return meta.Usagef("-e must be one character or none")
		}
		escape = o.escape[0]
	}
	tty := c.Terminal && c.InTerminal
	if o.tty != nil {
		tty = *o.tty
	}
	match, err := c.Job(ctx, o.job)
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	action, err := o.find(ctx, client, match.ID, c.Args[0])
	if err != nil {
		return err
	}
	alloc, err := o.place(ctx, c, client, match.ID, action)
	if err != nil {
		return err
	}
	session := attach.Session{
		Path: watch.JobPath(match.ID, "action"),
		Query: &apiclient.Query{Params: map[string]string{
			"action": action.Name, "allocID": alloc, "task": action.TaskName,
			"group": action.TaskGroupName, "tty": strconv.FormatBool(tty),
		}},
		Stdout: c.Out, Stderr: c.Err, Escape: escape,
	}
	if o.stdin {
		session.Stdin = c.In
	}
	if tty {
		session.Terminal = attach.TerminalOf(c.In, c.Out)
	}
	code, err := session.Run(ctx, client)
	if err != nil {
		return fmt.Errorf("running action %q: %w", action.Name, err)
	}
	if code != 0 {
		return meta.Exit(code)
	}
	return nil
}

// find is the action of that name that the flags leave over.
func (o *actionOptions) find(ctx context.Context, client *apiclient.Client, id, name string) (*nl.JobAction, error) {
	all, _, err := apiclient.Get[[]*nl.JobAction](ctx, client, watch.JobPath(id, "actions"), nil)
	if err != nil {
		return nil, fmt.Errorf("reading the actions of job %q: %w", id, err)
	}
	var found []*nl.JobAction
	for _, a := range all {
		if a.Name == name && (o.group == "" || a.TaskGroupName == o.group) && (o.task == "" || a.TaskName == o.task) {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("job %q has no such action %q: 'job status %s' lists its actions", id, name, id)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%d tasks of job %q have an action %q: name one with -group and -task", len(found), id, name)
}

// place is the allocation to run in.
func (o *actionOptions) place(ctx context.Context, c *meta.Call, client *apiclient.Client, id string, action *nl.JobAction) (string, error) {
	if o.alloc != "" {
		stub, err := c.Alloc(ctx, o.alloc)
		if err != nil {
			return "", err
		}
		return stub.ID, nil
	}
	allocs, _, err := apiclient.Get[[]*nl.AllocStub](ctx, client, watch.JobPath(id, "allocations"), nil)
	if err != nil {
		return "", fmt.Errorf("listing the allocations of job %q: %w", id, err)
	}
	for _, a := range allocs {
		if a.TaskGroup == action.TaskGroupName && a.ClientStatus == nl.AllocClientRunning && a.DesiredStatus == nl.AllocDesiredRun {
			return a.ID, nil
		}
	}
	return "", fmt.Errorf("no allocation of group %q of job %q runs", action.TaskGroupName, id)
}
