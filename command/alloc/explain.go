package alloc

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/explain"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func explained(*meta.Meta) *meta.Verb {
	var verbose bool
	return &meta.Verb{
		Name: "alloc explain", Args: "<allocation>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Tell why an allocation is where it is and what becomes of it",
		Text:     `Shows why the allocation was placed on its node, as it was stored then: how many nodes were considered, how the best of them scored, and why this one won. Of an allocation that failed or was stopped it shows why, and what follows it. The start of its ID is enough.`,
		Examples: []meta.Example{{Text: "Why is it there?", Line: "nomadlike alloc explain f7a3c"}},
		Flags: func(f *meta.Flags) {
			f.Output()
			f.Verbose(&verbose)
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
			x, _, err := apiclient.Get[*nl.AllocExplanation](ctx, client, "/v1/allocation/"+stub.ID+"/explain", nil)
			if err != nil {
				return fmt.Errorf("explaining allocation %s: %w", stub.ID, err)
			}
			if done, err := c.PrintStructured(x); done {
				return err
			}
			c.Print(explain.View{Colour: c.Colour, Verbose: verbose, Now: c.Now()}.Alloc(x))
			return nil
		},
	}
}
