package job

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/explain"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// exitWaiting is what explain exits with when something has yet to find its
// place, as job run does.
const exitWaiting = 2

func explainVerb(*meta.Meta) *meta.Verb {
	var group string
	var verbose bool
	return &meta.Verb{
		Name: "job explain", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary: "Tell why a job's allocations are where they are, or nowhere",
		Text: `Decides the job anew without doing anything, and shows for every group what it asks for, what keeps nodes from taking it and by how much, which nodes come nearest and what would help. Of allocations that have a place it shows why it is this one, as it was stored when they were placed.

In the table of obstacles a node is counted for everything that is in its way; "Only this" counts those that would do but for this one thing.

The command exits with 0 when everything that is to run has a place, with 2 when something waits, and with 1 when it fails.`,
		Examples: []meta.Example{
			{Text: "Why is it pending?", Line: "nomadlike job explain web"},
			{Text: "Everything about one group", Line: "nomadlike job explain -group api -verbose web"},
			{Text: "Only what would help", Line: `nomadlike job explain -t '{{range .Groups}}{{range .Unblock}}{{println .Text}}{{end}}{{end}}' web`},
		},
		Flags: func(f *meta.Flags) {
			f.String(&group, "group", "", "<group>", "Explain only this group.")
			f.Output()
			f.Verbose(&verbose)
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			match, err := c.Job(ctx, c.Args[0])
			if err != nil {
				return err
			}
			x, err := explanation(ctx, c, match.ID, map[string]string{"group": group, "verbose": fmt.Sprint(verbose)})
			if err != nil {
				return err
			}
			if done, err := c.PrintStructured(x); done {
				return err
			}
			c.Print(explain.View{Colour: c.Colour, Verbose: verbose, Now: c.Now()}.Job(x))
			if x.Waiting {
				return meta.Exit(exitWaiting)
			}
			return nil
		},
	}
}

func explanation(ctx context.Context, c *meta.Call, id string, params map[string]string) (*nl.JobExplanation, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	x, _, err := apiclient.Get[*nl.JobExplanation](ctx, client, watch.JobPath(id, "explain"), &apiclient.Query{Params: params})
	if err != nil {
		return nil, fmt.Errorf("explaining job %q: %w", id, err)
	}
	return x, nil
}
