package eval

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
)

func deleteVerb(*meta.Meta) *meta.Verb {
	var filter string
	var yes bool
	return &meta.Verb{
		Name: "eval delete", Args: "[<eval>]", MaxArgs: 1,
		Summary: "Delete evaluations",
		Text:    "Deletes one evaluation, or all that a filter chooses. It is meant for emergencies: the evaluation broker must be paused (operator scheduler set-config -pause-eval-broker=true), and an evaluation whose allocations run is never deleted.",
		Examples: []meta.Example{
			{Text: "Delete all pending evaluations of a job", Line: `nomadlike eval delete -filter 'Status == "pending" and JobID == "web"'`},
		},
		Flags: func(f *meta.Flags) {
			f.String(&filter, "filter", "", "<expression>", "Delete the evaluations that the expression is true for.")
			f.Yes(&yes)
		},
		Predict: meta.Predict("evals"),
		Do: func(ctx context.Context, c *meta.Call) error {
			switch {
			case len(c.Args) == 1 && filter != "":
				return meta.Usagef("An evaluation and -filter exclude each other")
			case len(c.Args) == 0 && filter == "":
				return meta.Usagef("This command takes <eval>, or -filter")
			}
			if filter != "" {
				return deleteMany(ctx, c, filter, yes)
			}
			return deleteOne(ctx, c)
		},
	}
}

// request is what a deletion sends.
type request struct {
	EvalIDs []string `json:",omitempty"`
	Filter  string   `json:",omitempty"`
}

// counted is an answer that counts.
type counted struct{ Count int }

func deleteOne(ctx context.Context, c *meta.Call) error {
	found, err := c.Eval(ctx, c.Args[0])
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	if _, _, err := apiclient.Delete[counted](ctx, client, "/v1/evaluations", request{EvalIDs: []string{found.ID}}, nil); err != nil {
		return fmt.Errorf("deleting evaluation %q: %w", render.ID(found.ID, false), err)
	}
	c.Print("Successfully deleted 1 evaluation")
	return nil
}

func deleteMany(ctx context.Context, c *meta.Call, filter string, yes bool) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	matching, _, err := apiclient.Get[counted](ctx, client, "/v1/evaluations/count", &apiclient.Query{Filter: filter})
	if err != nil {
		return fmt.Errorf("counting evaluations: %w", err)
	}
	if matching.Count == 0 {
		c.Print("No evaluations match the filter")
		return nil
	}
	if !yes {
		sure, err := c.Confirm(fmt.Sprintf("Are you sure you want to delete %s?", render.Count(matching.Count, "evaluation")))
		if err != nil || !sure {
			return err
		}
	}
	deleted, _, err := apiclient.Delete[counted](ctx, client, "/v1/evaluations", request{Filter: filter}, nil)
	if err != nil {
		return fmt.Errorf("deleting evaluations: %w", err)
	}
	c.Print("Successfully deleted " + render.Count(deleted.Count, "evaluation"))
	return nil
}
