package job

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func promoteVerb(*meta.Meta) *meta.Verb {
	var groups []string
	var detach, verbose bool
	return &meta.Verb{
		Name: "job promote", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Promote the canaries of a job",
		Text:     "Promotes the canaries of the latest deployment of a job, so that the rest of the job is updated too.",
		Examples: []meta.Example{{Text: "Promote one group only", Line: "nomadlike job promote -group frontend web"}},
		Flags: func(f *meta.Flags) {
			f.Strings(&groups, "group", "<group>", "Promote the canaries of this group only. May be given many times.")
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
			d, _, err := apiclient.Get[*nl.Deployment](ctx, client, watch.JobPath(match.ID, "deployment"), nil)
			if err != nil {
				return fmt.Errorf("reading the deployment of job %q: %w", match.ID, err)
			}
			if d == nil {
				return fmt.Errorf("job %q has no deployment to promote", match.ID)
			}
			evalID, err := watch.Promote(ctx, client, d.ID, groups)
			if err != nil {
				return err
			}
			return watch.Follow(ctx, c, evalID, detach, verbose)
		},
	}
}
