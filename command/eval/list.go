package eval

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func listVerb(*meta.Meta) *meta.Verb {
	var perPage int
	var token, filter, job, status string
	var verbose, ui bool
	return &meta.Verb{
		Name: "eval list", Summary: "List evaluations",
		Examples: []meta.Example{{Text: "List what waits for room", Line: "nomadlike eval list -status blocked"}},
		Flags: func(f *meta.Flags) {
			f.Paging(&perPage, &token, &filter)
			f.String(&job, "job", "", "<job>", "Show only evaluations of this job.")
			f.String(&status, "status", "", "<status>", "Show only evaluations in this status: pending, blocked, complete, failed or canceled.")
			f.Output()
			f.Verbose(&verbose)
			f.UI(&ui)
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			q := &apiclient.Query{PerPage: perPage, NextToken: token, Filter: filter, Params: map[string]string{}}
			if job != "" {
				q.Params["job"] = job
			}
			if status != "" {
				q.Params["status"] = status
			}
			evals, head, err := apiclient.Get[[]*nl.Eval](ctx, client, "/v1/evaluations", q)
			if err != nil {
				return fmt.Errorf("listing evaluations: %w", err)
			}
			if done, err := c.PrintStructured(evals); done {
				return err
			}
			if len(evals) == 0 {
				c.Print("No evals found")
				return nil
			}
			c.Print(meta.EvalTable(evals, c.AllNamespaces(), verbose))
			c.MorePages(head.NextToken)
			c.Hint(ctx, "View the evaluations in the web console", meta.ConsolePath("evaluations"), ui)
			return nil
		},
	}
}
