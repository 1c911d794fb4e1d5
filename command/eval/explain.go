package eval

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/explain"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func explainVerb(*meta.Meta) *meta.Verb {
	var verbose bool
	return &meta.Verb{
		Name: "eval explain", Args: "<eval>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Tell why an evaluation came out as it did",
		Text:     `Shows what the evaluation placed and why there, what it found no place for, what led to it and what follows. While something of it waits, its job is decided anew and explained as job explain does.`,
		Examples: []meta.Example{{Text: "Why is it blocked?", Line: "nomadlike eval explain 8262bc83"}},
		Flags: func(f *meta.Flags) {
			f.Output()
			f.Verbose(&verbose)
		},
		Predict: meta.Predict("evals"),
		Do: func(ctx context.Context, c *meta.Call) error {
			found, err := c.Eval(ctx, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			x, _, err := apiclient.Get[*nl.EvalExplanation](ctx, client, "/v1/evaluation/"+found.ID+"/explain",
				&apiclient.Query{Params: map[string]string{"verbose": fmt.Sprint(verbose)}})
			if err != nil {
				return fmt.Errorf("explaining evaluation %s: %w", found.ID, err)
			}
			if done, err := c.PrintStructured(x); done {
				return err
			}
			c.Print(explain.View{Colour: c.Colour, Verbose: verbose, Now: c.Now()}.Eval(x))
			return nil
		},
	}
}
