package alloc

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
)

func stop(*meta.Meta) *meta.Verb {
	var detach, noDelay, verbose bool
	return &meta.Verb{
		Name: "alloc stop", Args: "<allocation>", MinArgs: 1, MaxArgs: 1,
		Summary: "Stop an allocation and place another one instead",
		Text: "Stops an allocation. Since its job still wants as many as before, the scheduler places another one, possibly on another node.\n" +
			"To run fewer, use the job scale command; to run none, job stop.",
		Examples: []meta.Example{
			{Text: "Move an allocation elsewhere", Line: meta.Binary + " alloc stop f7a3c"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Detach(&detach)
			fl.Bool(&noDelay, "no-shutdown-delay", false, "Kill the tasks at once, without the shutdown_delay of the group and its tasks. Requests under way may fail.")
			fl.Verbose(&verbose)
		},
		Predict: meta.Predict("allocs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			stub, err := c.Alloc(ctx, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			q := &apiclient.Query{Params: map[string]string{}}
			if noDelay {
				q.Params["no_shutdown_delay"] = strconv.FormatBool(true)
			}
			stopped, _, err := apiclient.Put[struct{ EvalID string }](ctx, client, "/v1/allocation/"+stub.ID+"/stop", nil, q)
			if err != nil {
				return fmt.Errorf("stopping allocation %s: %w", stub.ID, err)
			}
			if detach {
				c.Print(stopped.EvalID)
				return nil
			}
			return watch.Eval(ctx, c, stopped.EvalID, verbose)
		},
	}
}
