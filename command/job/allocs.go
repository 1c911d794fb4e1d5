package job

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func allocsVerb(*meta.Meta) *meta.Verb {
	var all, verbose bool
	return &meta.Verb{
		Name: "job allocs", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary:  "List the allocations of a job",
		Examples: []meta.Example{{Text: "Show whole IDs, nodes and times", Line: "nomadlike job allocs -verbose web"}},
		Flags: func(f *meta.Flags) {
			f.Bool(&all, "all", false, "Show also allocations of an earlier job of the same ID.")
			f.Output()
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
			job, _, err := apiclient.Get[*nl.Job](ctx, client, watch.JobPath(match.ID), nil)
			if err != nil {
				return fmt.Errorf("reading job %q: %w", match.ID, err)
			}
			q := &apiclient.Query{Params: map[string]string{"all": fmt.Sprint(all)}}
			allocs, _, err := apiclient.Get[[]*nl.AllocStub](ctx, client, watch.JobPath(match.ID, "allocations"), q)
			if err != nil {
				return fmt.Errorf("listing the allocations of job %q: %w", match.ID, err)
			}
			if done, err := c.PrintStructured(allocs); done {
				return err
			}
			c.Print(allocRows(c, job, allocs, verbose))
			return nil
		},
	}
}
