package job

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func evalVerb(*meta.Meta) *meta.Verb {
	var force, detach, verbose bool
	return &meta.Verb{
		Name: "job eval", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Have the scheduler look at a job again",
		Text:     "Makes an evaluation of a job, as a change of the job would.",
		Examples: []meta.Example{{Text: "Replace failed allocations at once", Line: "nomadlike job eval -force-reschedule web"}},
		Flags: func(f *meta.Flags) {
			f.Bool(&force, "force-reschedule", false, "Replace failed allocations now, even where their reschedule policy says later or never.")
			f.Detach(&detach)
			f.Verbose(&verbose)
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			match, err := c.Job(ctx, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			type options struct{ ForceReschedule bool }
			request := struct {
				JobID       string
				EvalOptions options
			}{match.ID, options{force}}
			reply, _, err := apiclient.Put[nl.JobRegisterResponse](ctx, client, watch.JobPath(match.ID, "evaluate"), request, nil)
			if err != nil {
				return fmt.Errorf("evaluating job %q: %w", match.ID, err)
			}
			return watch.Follow(ctx, c, reply.EvalID, detach, verbose)
		},
	}
}
