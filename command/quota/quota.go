// Package quota holds the commands about resource quotas. The root command
// collects them; the commands about namespaces show quotas with its tables.
// They speak HTTP only.
package quota

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// listPath is the route that lists quotas.
const listPath = "/v1/quotas"

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"quota": meta.GroupFactory(m, meta.Group{
			Name: "quota", Summary: "Handle resource quotas",
			Text: "A quota limits what the namespaces that name it use together: processors, memory, devices and variables, in a region and on the nodes of a pool. What would use more waits until there is room.",
			Examples: []meta.Example{
				{Text: "Write an example of a quota", Line: meta.Binary + " quota init"},
				{Text: "Create it", Line: meta.Binary + " quota apply spec.hcl"},
				{Text: "Put a namespace under it", Line: meta.Binary + " namespace apply -quota default-quota web"},
				{Text: "See what is used of it", Line: meta.Binary + " quota status default-quota"},
			},
		}),
		"quota apply":   meta.Factory(m, apply),
		"quota delete":  meta.Factory(m, remove),
		"quota init":    meta.Factory(m, initVerb),
		"quota inspect": meta.Factory(m, inspect),
		"quota list":    meta.Factory(m, list),
		"quota status":  meta.Factory(m, status),
	}
}

// path is the route of a quota.
func path(name string) string { return "/v1/quota/" + url.PathEscape(name) }

// usagePath is the route of what is used of a quota.
func usagePath(name string) string { return "/v1/quota/usage/" + url.PathEscape(name) }

func table(all []*nl.QuotaSpec) string {
	t := render.NewTable("Name", "Description")
	for _, q := range all {
		t.Row(q.Name, q.Description)
	}
	return t.String()
}

// find is the quota that a name or the start of one means.
func find(ctx context.Context, c *meta.Call) (*nl.QuotaSpec, error) {
	return meta.Name(ctx, c, c.Args[0], meta.Kind[*nl.QuotaSpec]{
		What: "quota", Path: listPath,
		ID:    func(q *nl.QuotaSpec) string { return q.Name },
		Table: table,
	})
}

func list(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "quota list", Summary: "List quotas",
		Text: "Lists the quotas of the cluster.",
		Examples: []meta.Example{
			{Text: "All quotas", Line: meta.Binary + " quota list"},
		},
		Flags: func(fl *meta.Flags) { fl.Output() },
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			all, _, err := apiclient.Get[[]*nl.QuotaSpec](ctx, client, listPath, nil)
			if err != nil {
				return fmt.Errorf("listing quotas: %w", err)
			}
			if done, err := c.PrintStructured(all); done {
				return err
			}
			if len(all) == 0 {
				c.Print("No quotas found")
				return nil
			}
			c.Print(table(all))
			return nil
		},
	}
}

// inspection is a quota with what is used of it.
type inspection struct {
	Spec  *nl.QuotaSpec
	Usage *nl.QuotaUsage
}

func inspect(*meta.Meta) *meta.Verb {
	var template string
	return &meta.Verb{
		Name: "quota inspect", Args: "<quota>", MinArgs: 1, MaxArgs: 1,
		Summary: "Print a quota as JSON",
		Text:    "Prints all of a quota, and of what is used of it, as the API tells it.",
		Examples: []meta.Example{
			{Text: "A quota", Line: meta.Binary + " quota inspect small"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&template, "t", "", "<template>", "Print through a Go template.")
		},
		Predict: meta.Predict("quotas"),
		Do: func(ctx context.Context, c *meta.Call) error {
			q, err := find(ctx, c)
			if err != nil {
				return err
			}
			usage, err := readUsage(ctx, c, q.Name)
			if err != nil {
				return err
			}
			var text string
			if template != "" {
				text, err = render.Template(template, inspection{q, usage})
			} else {
				text, err = render.JSON(inspection{q, usage})
			}
			if err != nil {
				return err
			}
			c.Print(text)
			return nil
		},
	}
}

func readUsage(ctx context.Context, c *meta.Call, name string) (*nl.QuotaUsage, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	usage, _, err := apiclient.Get[*nl.QuotaUsage](ctx, client, usagePath(name), nil)
	if err != nil {
		return nil, fmt.Errorf("reading what is used of quota %q: %w", name, err)
	}
	return usage, nil
}

func remove(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "quota delete", Args: "<quota>", MinArgs: 1, MaxArgs: 1,
		Summary: "Delete a quota",
		Text:    "Deletes a quota, which no namespace may name any more.",
		Examples: []meta.Example{
			{Text: "Delete a quota", Line: meta.Binary + " quota delete small"},
		},
		Predict: meta.Predict("quotas"),
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			if _, err := client.Call(ctx, http.MethodDelete, path(c.Args[0]), nil, nil, nil); err != nil {
				return fmt.Errorf("deleting quota %q: %w", c.Args[0], err)
			}
			c.Printf("Successfully deleted quota %q!", c.Args[0])
			return nil
		},
	}
}
