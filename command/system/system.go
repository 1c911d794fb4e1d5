// Package system holds the commands that make the servers tidy up. The root
// command collects them. They speak HTTP only.
package system

import (
	"context"
	"fmt"
	"net/http"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
)

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"system": meta.GroupFactory(m, meta.Group{
			Name: "system", Summary: "Make the servers tidy up",
			Text: "These commands are for operators. The servers tidy up by themselves; nobody has to call them.",
			Examples: []meta.Example{
				{Text: "Forget all that is over", Line: meta.Binary + " system gc"},
			},
		}),
		"system gc": meta.Factory(m, gc),
		"system reconcile": meta.GroupFactory(m, meta.Group{
			Name: "system reconcile", Summary: "Compute derived state again",
			Text: "Computes again what the servers derive from other state.",
			Examples: []meta.Example{
				{Text: "The summaries of all jobs", Line: meta.Binary + " system reconcile summaries"},
			},
		}),
		"system reconcile summaries": meta.Factory(m, summaries),
	}
}

func gc(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "system gc", Summary: "Forget all that is over",
		Text: "Removes jobs, evaluations, allocations, deployments and nodes that are over, without waiting until they are old enough.",
		Examples: []meta.Example{
			{Text: "Collect garbage now", Line: meta.Binary + " system gc"},
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			return put(ctx, c, "/v1/system/gc", "collecting garbage")
		},
	}
}

func summaries(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "system reconcile summaries", Summary: "Count the allocations of all jobs again",
		Text: "Computes the summaries of all jobs again from their allocations.",
		Examples: []meta.Example{
			{Text: "Count again", Line: meta.Binary + " system reconcile summaries"},
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			return put(ctx, c, "/v1/system/reconcile/summaries", "computing the summaries")
		},
	}
}

// put calls a route that takes nothing and answers nothing.
func put(ctx context.Context, c *meta.Call, path, what string) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	if _, err := client.Call(ctx, http.MethodPut, path, nil, nil, nil); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
