package job

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func periodicForceVerb(*meta.Meta) *meta.Verb {
	var detach, verbose bool
	return &meta.Verb{
		Name: "job periodic force", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Launch a periodic job now",
		Text:     "Launches an instance of a periodic job at once, without waiting for its time. The clock goes on as before.",
		Examples: []meta.Example{{Text: "Launch now and go on", Line: "nomadlike job periodic force -detach backup"}},
		Flags: func(f *meta.Flags) {
			f.Detach(&detach)
			f.Verbose(&verbose)
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			match, err := c.JobOf(ctx, c.Args[0], meta.JobKind{
				What: "periodic job", Filter: "Periodic is not empty",
				Is: func(j *nl.JobStub) bool { return j.Periodic },
			})
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			reply, _, err := apiclient.Put[struct{ EvalID string }](ctx, client, watch.JobPath(match.ID, "periodic", "force"), nil, nil)
			if err != nil {
				return fmt.Errorf("launching job %q: %w", match.ID, err)
			}
			if detach {
				c.Print("Force periodic successful")
			}
			return watch.Follow(ctx, c, reply.EvalID, detach, verbose)
		},
	}
}
