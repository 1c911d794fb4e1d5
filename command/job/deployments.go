package job

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func deploymentsVerb(*meta.Meta) *meta.Verb {
	var newest, all, verbose bool
	return &meta.Verb{
		Name: "job deployments", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary:  "List the deployments of a job",
		Examples: []meta.Example{{Text: "Show the latest deployment", Line: "nomadlike job deployments -latest web"}},
		Flags: func(f *meta.Flags) {
			f.Bool(&newest, "latest", false, "Show only the latest deployment, in full.")
			f.Bool(&all, "all", false, "Show also deployments of an earlier job of the same ID.")
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
			if newest {
				return latestDeployment(ctx, c, client, match.ID, verbose)
			}
			q := &apiclient.Query{Params: map[string]string{"all": fmt.Sprint(all)}}
			list, _, err := apiclient.Get[[]*nl.Deployment](ctx, client, watch.JobPath(match.ID, "deployments"), q)
			if err != nil {
				return fmt.Errorf("listing the deployments of job %q: %w", match.ID, err)
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

func latestDeployment(ctx context.Context, c *meta.Call, client *apiclient.Client, id string, verbose bool) error {
	d, _, err := apiclient.Get[*nl.Deployment](ctx, client, watch.JobPath(id, "deployment"), nil)
	if err != nil {
		return fmt.Errorf("reading the deployment of job %q: %w", id, err)
	}
	if done, err := c.PrintStructured(d); done {
		return err
	}
	if d == nil {
		c.Print("No deployments found")
		return nil
	}
	c.Print(watch.Block(d, c.Colour, verbose))
	return nil
}
