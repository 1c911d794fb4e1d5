package alloc

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/meta"
)

func restart(*meta.Meta) *meta.Verb {
	var t target
	var all, verbose bool
	return &meta.Verb{
		Name: "alloc restart", Args: "<allocation> [<task>]", MinArgs: 1, MaxArgs: 2,
		Summary: "Restart the tasks of an allocation in place",
		Text: "Restarts the running tasks of an allocation on its node, or only the one that is named. Neither the allocation nor its place changes.\n" +
			"With -all-tasks also those that have ended are run again, in the order of their life cycle.",
		Examples: []meta.Example{
			{Text: "Restart all running tasks", Line: meta.Binary + " alloc restart f7a3c"},
			{Text: "Restart one task", Line: meta.Binary + " alloc restart f7a3c api"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&all, "all-tasks", false, "Restart all tasks, including those that have ended.")
			t.declareTask(fl, "Restart only this task.")
			fl.Verbose(&verbose)
		},
		Predict: meta.Predict("allocs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if all && (t.task != "" || len(c.Args) > 1) {
				return meta.Usagef("-all-tasks and the name of a task exclude each other")
			}
			a, client, err := t.find(ctx, c)
			if err != nil {
				return err
			}
			task, err := t.namedTask(a, rest(c))
			if err != nil {
				return err
			}
			body := struct {
				TaskName string
				AllTasks bool
			}{task, all}
			if _, err := client.Call(ctx, "PUT", "/v1/client/allocation/"+a.ID+"/restart", body, nil, nil); err != nil {
				return fmt.Errorf("restarting allocation %s: %w", a.ID, err)
			}
			return nil
		},
	}
}
