package alloc

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
)

func pause(*meta.Meta) *meta.Verb {
	var t target
	var state string
	var show, verbose bool
	return &meta.Verb{
		Name: "alloc pause", Args: "<allocation> [<task>]", MinArgs: 1, MaxArgs: 2,
		Summary: "Override the schedule of a task",
		Text: "A task with a schedule block runs at certain times only. This command makes it pause or run now whatever its schedule says, or follow the schedule again.\n" +
			"The override lasts until it is changed or the task's allocation ends.",
		Examples: []meta.Example{
			{Text: "Pause a task", Line: meta.Binary + " alloc pause f7a3c report"},
			{Text: "Let it follow its schedule again", Line: meta.Binary + " alloc pause -state scheduled f7a3c report"},
			{Text: "Tell whether it is paused", Line: meta.Binary + " alloc pause -status f7a3c report"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Choice(&state, "state", "pause", []string{"pause", "run", "scheduled"}, "What the task shall do. Default: pause.")
			fl.Bool(&show, "status", false, "Only tell the state; change nothing.")
			t.declareTask(fl, "The task; needed when the allocation has several.")
			fl.Verbose(&verbose)
		},
		Predict: meta.Predict("allocs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			a, client, err := t.find(ctx, c)
			if err != nil {
				return err
			}
			task, err := t.oneTask(a, rest(c))
			if err != nil {
				return err
			}
			path := "/v1/client/allocation/" + a.ID + "/pause"
			if show {
				q := &apiclient.Query{Params: map[string]string{"task": task}}
				now, _, err := apiclient.Get[struct{ ScheduleState string }](ctx, client, path, q)
				if err != nil {
					return fmt.Errorf("reading the schedule state of task %q: %w", task, err)
				}
				c.Print(now.ScheduleState)
				return nil
			}
			body := struct{ Task, ScheduleState string }{task, state}
			if _, err := client.Call(ctx, "PUT", path, body, nil, nil); err != nil {
				return fmt.Errorf("changing the schedule state of task %q: %w", task, err)
			}
			return nil
		},
	}
}
