// Package scaling holds the commands about scaling policies. The root command
// collects them. They speak HTTP only.
package scaling

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// policiesPath is the route that lists policies.
const policiesPath = "/v1/scaling/policies"

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"scaling": meta.GroupFactory(m, meta.Group{
			Name: "scaling", Summary: "Inspect scaling policies",
			Text: "The scaling block of a group bounds how many allocations an autoscaler may ask for, and says by which rules.",
			Examples: []meta.Example{
				{Text: "List the policies", Line: meta.Binary + " scaling policy list"},
			},
		}),
		"scaling policy": meta.GroupFactory(m, meta.Group{
			Name: "scaling policy", Summary: "Inspect scaling policies",
			Text: "Policies come with the jobs whose groups they bound; they are changed by changing the job.",
			Examples: []meta.Example{
				{Text: "List the policies", Line: meta.Binary + " scaling policy list"},
				{Text: "Show one", Line: meta.Binary + " scaling policy info 5e0c2"},
			},
		}),
		"scaling policy list": meta.Factory(m, list),
		"scaling policy info": meta.Factory(m, info),
	}
}

// target shows what a policy scales: Namespace:default,Job:web,Group:api.
func target(in map[string]string) string {
	var parts []string
	for _, key := range []string{"Namespace", "Job", "Group", "Task"} {
		if v := in[key]; v != "" {
			parts = append(parts, key+":"+v)
		}
	}
	return strings.Join(parts, ",")
}

func table(policies []*nl.ScalingPolicyStub, verbose bool) string {
	t := render.NewTable("ID", "Enabled", "Type", "Target")
	for _, p := range policies {
		t.Row(render.ID(p.ID, verbose), strconv.FormatBool(p.Enabled), p.Type, target(p.Target))
	}
	return t.String()
}

func list(*meta.Meta) *meta.Verb {
	var job, kind string
	var verbose bool
	return &meta.Verb{
		Name: "scaling policy list", Summary: "List scaling policies",
		Text: "Lists the policies of the namespace, or with -namespace='*' of all.",
		Examples: []meta.Example{
			{Text: "The policies of a job", Line: meta.Binary + " scaling policy list -job web"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&job, "job", "", "<job>", "List only the policies of this job.")
			fl.String(&kind, "type", "", "<type>", "List only the policies of this type, such as horizontal.")
			fl.Verbose(&verbose)
			fl.Output()
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			q := &apiclient.Query{Params: map[string]string{}}
			if job != "" {
				q.Params["job"] = job
			}
			if kind != "" {
				q.Params["type"] = kind
			}
			policies, _, err := apiclient.Get[[]*nl.ScalingPolicyStub](ctx, client, policiesPath, q)
			if err != nil {
				return fmt.Errorf("listing scaling policies: %w", err)
			}
			if done, err := c.PrintStructured(policies); done {
				return err
			}
			if len(policies) == 0 {
				c.Print("No policies found")
				return nil
			}
			c.Print(table(policies, verbose))
			return nil
		},
	}
}

func info(*meta.Meta) *meta.Verb {
	var verbose bool
	return &meta.Verb{
		Name: "scaling policy info", Args: "<policy>", MinArgs: 1, MaxArgs: 1,
		Summary: "Show a scaling policy",
		Text:    "Shows a policy: what it scales, between which bounds, and its rules.",
		Examples: []meta.Example{
			{Text: "Show a policy", Line: meta.Binary + " scaling policy info 5e0c2"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Verbose(&verbose)
			fl.Output()
		},
		Predict: meta.Predict("scaling_policy"),
		Do: func(ctx context.Context, c *meta.Call) error {
			stub, err := meta.Match(ctx, c, c.Args[0], meta.Kind[*nl.ScalingPolicyStub]{
				What: "scaling policy", Plural: "scaling policies", Path: policiesPath,
				ID:    func(p *nl.ScalingPolicyStub) string { return p.ID },
				Table: func(all []*nl.ScalingPolicyStub) string { return table(all, true) },
			})
			if err != nil {
				return err
			}
			client, err := c.Within("", stub.Target["Namespace"])
			if err != nil {
				return err
			}
			p, _, err := apiclient.Get[*nl.ScalingPolicy](ctx, client, "/v1/scaling/policy/"+stub.ID, nil)
			if err != nil {
				return fmt.Errorf("reading scaling policy %s: %w", stub.ID, err)
			}
			if done, err := c.PrintStructured(p); done {
				return err
			}
			c.Print((&render.Pairs{}).Add("ID", render.ID(p.ID, verbose)).Add("Enabled", strconv.FormatBool(p.Enabled)).
				Add("Target", target(p.Target)).Add("Min", strconv.Itoa(p.Min)).Add("Max", strconv.Itoa(p.Max)).String())
			rules := "None"
			if len(p.Policy) > 0 {
				if rules, err = render.JSON(p.Policy); err != nil {
					return err
				}
			}
			c.Section("Policy", rules)
			return nil
		},
	}
}
