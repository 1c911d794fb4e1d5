package deployment

import (
	"context"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// waitDefault is how long one question of -monitor blocks.
const waitDefault = 2 * time.Second

// statusOptions are the flags of deployment status.
type statusOptions struct {
	monitor, verbose, ui bool
	wait                 time.Duration
}

func statusVerb(*meta.Meta) *meta.Verb {
	var o statusOptions
	return &meta.Verb{
		Name: "deployment status", Args: "<deployment>", MaxArgs: 1,
		Summary:  "Show how far a deployment has come",
		Text:     "Shows a deployment and its groups. Without a deployment, -json and -t show all.",
		Examples: []meta.Example{{Text: "Follow a deployment to its end", Line: "nomadlike deployment status -monitor <deployment>"}},
		Flags: func(f *meta.Flags) {
			f.Bool(&o.monitor, "monitor", false, "Follow the deployment until it is over. The exit code is 1 unless it was successful.")
			f.Duration(&o.wait, "wait", waitDefault, "<duration>", "With -monitor: how long to wait for news in one go.")
			f.Output()
			f.Verbose(&o.verbose)
			f.UI(&o.ui)
		},
		Predict: meta.Predict("deployment"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if len(c.Args) == 0 {
				return all(ctx, c)
			}
			d, err := c.Deployment(ctx, c.Args[0])
			if err != nil {
				return err
			}
			return o.show(ctx, c, d)
		},
	}
}

// all prints every deployment, for programs.
func all(ctx context.Context, c *meta.Call) error {
	if !c.Structured() {
		return meta.Usagef("This command takes <deployment>")
	}
	list, err := list(ctx, c, "")
	if err != nil {
		return err
	}
	_, err = c.PrintStructured(list)
	return err
}

func (o *statusOptions) show(ctx context.Context, c *meta.Call, d *nl.Deployment) error {
	hint := func() {
		c.Hint(ctx, "View this deployment in the web console", meta.ConsolePath("jobs", d.JobID, "deployments"), o.ui)
	}
	if o.monitor {
		if c.Structured() {
			return meta.Usagef("-monitor is for people: leave it out with -json and -t")
		}
		status, err := watch.Deployment(ctx, c, d.ID, watch.Options{Verbose: o.verbose, Wait: o.wait})
		if err != nil {
			return err
		}
		hint()
		if status != nl.DeploymentStatusSuccessful {
			return meta.Exit(1)
		}
		return nil
	}
	if done, err := c.PrintStructured(d); done {
		return err
	}
	c.Print(watch.Block(d, c.Colour, o.verbose))
	if o.verbose {
		client, err := c.Client()
		if err != nil {
			return err
		}
		allocs, _, err := apiclient.Get[[]*nl.AllocStub](ctx, client, "/v1/deployment/allocations/"+d.ID, nil)
		if err != nil {
			return err
		}
		body := "No allocations placed"
		if len(allocs) > 0 {
			body = c.AllocTable(allocs, true)
		}
		c.Section("Allocations", body)
	}
	hint()
	return nil
}
