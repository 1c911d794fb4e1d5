package alloc

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/meta"
)

func signal(*meta.Meta) *meta.Verb {
	var t target
	var name string
	var verbose bool
	return &meta.Verb{
		Name: "alloc signal", Args: "<allocation> [<task>]", MinArgs: 1, MaxArgs: 2,
		Summary: "Send a signal to the tasks of an allocation",
		Text:    "Sends a signal to all running tasks of an allocation, or only to the one that is named.",
		Examples: []meta.Example{
			{Text: "Make a task read its configuration again", Line: meta.Binary + " alloc signal -s SIGHUP f7a3c api"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&name, "s", "SIGKILL", "<signal>", "The signal to send. Default: SIGKILL.")
			t.declareTask(fl, "Signal only this task.")
			fl.Verbose(&verbose)
		},
		Predict: meta.Predict("allocs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			a, client, err := t.find(ctx, c)
			if err != nil {
				return err
			}
			task, err := t.namedTask(a, rest(c))
			if err != nil {
				return err
			}
			body := struct{ Task, Signal string }{task, name}
			if _, err := client.Call(ctx, "PUT", "/v1/client/allocation/"+a.ID+"/signal", body, nil, nil); err != nil {
				return fmt.Errorf("sending %s to allocation %s: %w", name, a.ID, err)
			}
			return nil
		},
	}
}
