// Package alloc holds the commands about allocations: what they are, what
// their tasks write, and what can be done to them while they run. The root
// command collects them. They speak HTTP only and decide nothing that the
// servers or nodes decide.
package alloc

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Commands are the commands of this package and their aliases.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"alloc": meta.GroupFactory(m, meta.Group{
			Name: "alloc", Summary: "Inspect and handle allocations",
			Text: "An allocation is one running, or once running, copy of a task group on a node. These commands show allocations, read what their tasks write, run commands in them and restart or stop them.",
			Examples: []meta.Example{
				{Text: "Show an allocation", Line: meta.Binary + " alloc status f7a3c"},
				{Text: "Follow the output of its only task", Line: meta.Binary + " alloc logs -f f7a3c"},
				{Text: "Open a shell in it", Line: meta.Binary + " alloc exec f7a3c /bin/sh"},
			},
		}),
		"alloc status":  meta.Factory(m, status),
		"alloc explain": meta.Factory(m, explained),
		"alloc-status":  meta.Factory(m, status),
		"alloc checks":  meta.Factory(m, checks),
		"alloc logs":    meta.Factory(m, logs),
		"logs":          meta.Factory(m, logs),
		"alloc fs":      meta.Factory(m, files),
		"fs":            meta.Factory(m, files),
		"alloc exec":    meta.Factory(m, exec),
		"exec":          meta.Factory(m, exec),
		"alloc restart": meta.Factory(m, restart),
		"alloc signal":  meta.Factory(m, signal),
		"alloc pause":   meta.Factory(m, pause),
		"alloc stop":    meta.Factory(m, stop),
	}
}

// find is the whole allocation that a prefix of its ID means.
func find(ctx context.Context, c *meta.Call, prefix string) (*nl.Alloc, *apiclient.Client, error) {
	stub, err := c.Alloc(ctx, prefix)
	if err != nil {
		return nil, nil, err
	}
	client, err := c.Client()
	if err != nil {
		return nil, nil, err
	}
	a, _, err := apiclient.Get[*nl.Alloc](ctx, client, "/v1/allocation/"+stub.ID, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("reading allocation %s: %w", stub.ID, err)
	}
	return a, client, nil
}

// target is how a command is told which allocation it is about.
type target struct {
	job         bool // the first argument is a job
	group, task string
}

func (t *target) declareJob(f *meta.Flags) {
	f.Bool(&t.job, "job", false, "The first argument is a job: use one of its running allocations, chosen at random.")
	f.String(&t.group, "group", "", "<group>", "With -job: use an allocation of this task group.")
}

func (t *target) declareTask(f *meta.Flags, what string) {
	f.String(&t.task, "task", "", "<task>", what)
}

// find is the allocation that the first argument means.
func (t *target) find(ctx context.Context, c *meta.Call) (*nl.Alloc, *apiclient.Client, error) {
	if !t.job {
		if t.group != "" {
			return nil, nil, meta.Usagef("-group needs -job")
		}
		return find(ctx, c, c.Args[0])
	}
	match, err := c.Job(ctx, c.Args[0])
	if err != nil {
		return nil, nil, err
	}
	client, err := c.Client()
	if err != nil {
		return nil, nil, err
	}
	stubs, _, err := apiclient.Get[[]*nl.AllocStub](ctx, client, "/v1/job/"+url.PathEscape(match.ID)+"/allocations", nil)
	if err != nil {
		return nil, nil, fmt.Errorf("listing the allocations of job %q: %w", match.ID, err)
	}
	chosen, err := t.choose(c.Random, match.ID, stubs)
	if err != nil {
		return nil, nil, err
	}
	return find(ctx, c, chosen.ID)
}

// choose takes one of the running allocations, or the newest when none runs.
func (t *target) choose(random io.Reader, job string, stubs []*nl.AllocStub) (*nl.AllocStub, error) {
	of := fmt.Sprintf("job %q", job)
	if t.group != "" || t.task != "" {
		stubs = slices.DeleteFunc(slices.Clone(stubs), func(a *nl.AllocStub) bool {
			_, has := a.TaskStates[t.task]
			return t.group != "" && a.TaskGroup != t.group || t.task != "" && !has && len(a.TaskStates) > 0
		})
		if t.group != "" {
			of = fmt.Sprintf("group %q of %s", t.group, of)
		}
		if t.task != "" {
			of = fmt.Sprintf("task %q of %s", t.task, of)
		}
	}
	if len(stubs) == 0 {
		return nil, fmt.Errorf("there are no allocations of %s", of)
	}
	running := slices.DeleteFunc(slices.Clone(stubs), func(a *nl.AllocStub) bool { return a.ClientStatus != nl.AllocClientRunning })
	if len(running) == 0 {
		return slices.MaxFunc(stubs, func(a, b *nl.AllocStub) int { return cmp.Compare(a.CreateTime, b.CreateTime) }), nil
	}
	var dice [8]byte
	if _, err := io.ReadFull(random, dice[:]); err != nil {
		return nil, fmt.Errorf("choosing an allocation: %w", err)
	}
	return running[binary.LittleEndian.Uint64(dice[:])%uint64(len(running))], nil
}

// taskNames are the tasks of an allocation.
func taskNames(a *nl.Alloc) []string {
	v := view{alloc: a}
	if g := v.group(); g != nil {
		names := make([]string, len(g.Tasks))
		for i, t := range g.Tasks {
			names[i] = t.Name
		}
		slices.Sort(names)
		return names
	}
	return v.tasks()
}

// namedTask checks the name of a task that may be left out: the flag beats the
// argument.
func (t *target) namedTask(a *nl.Alloc, args []string) (string, error) {
	name := t.task
	if name == "" && len(args) > 0 {
		name = args[0]
	}
	if name == "" {
		return "", nil
	}
	if names := taskNames(a); len(names) > 0 && !slices.Contains(names, name) {
		return "", fmt.Errorf("allocation %s has no task %q; its tasks are: %s", a.ID, name, strings.Join(names, ", "))
	}
	return name, nil
}

// oneTask is namedTask where there must be one: an only task goes without
// saying.
func (t *target) oneTask(a *nl.Alloc, args []string) (string, error) {
	name, err := t.namedTask(a, args)
	if name != "" || err != nil {
		return name, err
	}
	names := taskNames(a)
	switch len(names) {
	case 0:
		return "", fmt.Errorf("allocation %s has no tasks yet: wait until its node has received it", a.ID)
	case 1:
		return names[0], nil
	}
	return "", fmt.Errorf("allocation %s has several tasks, say which with -task: %s", a.ID, strings.Join(names, ", "))
}

// rest are the arguments after the first.
func rest(c *meta.Call) []string { return c.Args[min(1, len(c.Args)):] }
