package deployment

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func listVerb(*meta.Meta) *meta.Verb {
	var filter string
	var verbose bool
	return &meta.Verb{
		Name: "deployment list", Summary: "List deployments",
		Examples: []meta.Example{{Text: "List what is going on", Line: `nomadlike deployment list -filter 'Status == "running"'`}},
		Flags: func(f *meta.Flags) {
			f.String(&filter, "filter", "", "<expression>", "Show only what the expression is true for.")
			f.Output()
			f.Verbose(&verbose)
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			list, err := list(ctx, c, filter)
			if err != nil {
				return err
			}
			if done, err := c.PrintStructured(list); done {
				return err
			}
			if len(list) == 0 {
				c.Print("No deployments found")
				return nil
			}
			c.Print(meta.DeploymentTable(list, verbose))
			return nil
		},
	}
}

func list(ctx context.Context, c *meta.Call, filter string) ([]*nl.Deployment, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	list, _, err := apiclient.Get[[]*nl.Deployment](ctx, client, "/v1/deployments", &apiclient.Query{Filter: filter})
	if err != nil {
		return nil, fmt.Errorf("listing deployments: %w", err)
	}
	return list, nil
}
