// Package namespace holds the commands about namespaces. The root command
// collects them. They speak HTTP only.
package namespace

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

// listPath is the route that lists namespaces.
const listPath = "/v1/namespaces"

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"namespace": meta.GroupFactory(m, meta.Group{
			Name: "namespace", Summary: "Handle namespaces",
			Text: "Namespaces part the jobs of a cluster and what belongs to them. The namespace \"default\" always exists. Other commands work in the one that -namespace or NOMAD_NAMESPACE names.",
			Examples: []meta.Example{
				{Text: "Create a namespace", Line: meta.Binary + ` namespace apply -description "Web team" web`},
				{Text: "List them", Line: meta.Binary + " namespace list"},
			},
		}),
		"namespace apply":   meta.Factory(m, apply),
		"namespace delete":  meta.Factory(m, remove),
		"namespace inspect": meta.Factory(m, inspect),
		"namespace list":    meta.Factory(m, list),
		"namespace status":  meta.Factory(m, status),
	}
}

// path is the route of a namespace.
func path(name string) string { return "/v1/namespace/" + url.PathEscape(name) }

func table(all []*nl.Namespace) string {
	t := render.NewTable("Name", "Description")
	for _, n := range all {
		t.Row(n.Name, n.Description)
	}
	return t.String()
}

// find is the namespace that a name or the start of one means.
func find(ctx context.Context, c *meta.Call) (*nl.Namespace, error) {
	found, err := meta.Name(ctx, c, c.Args[0], meta.Kind[*nl.Namespace]{
		What: "namespace", Path: listPath,
		ID:    func(n *nl.Namespace) string { return n.Name },
		Table: table,
	})
	if err != nil {
		return nil, err
	}
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	n, _, err := apiclient.Get[*nl.Namespace](ctx, client, path(found.Name), nil)
	if err != nil {
		return nil, fmt.Errorf("reading namespace %q: %w", found.Name, err)
	}
	return n, nil
}

func list(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "namespace list", Summary: "List namespaces",
		Text: "Lists the namespaces that the token may use.",
		Examples: []meta.Example{
			{Text: "All namespaces", Line: meta.Binary + " namespace list"},
		},
		Flags: func(fl *meta.Flags) { fl.Output() },
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			all, _, err := apiclient.Get[[]*nl.Namespace](ctx, client, listPath, nil)
			if err != nil {
				return fmt.Errorf("listing namespaces: %w", err)
			}
			if done, err := c.PrintStructured(all); done {
				return err
			}
			if len(all) == 0 {
				c.Print("No namespaces found")
				return nil
			}
			c.Print(table(all))
			return nil
		},
	}
}

func inspect(*meta.Meta) *meta.Verb {
	var template string
	return &meta.Verb{
		Name: "namespace inspect", Args: "<namespace>", MinArgs: 1, MaxArgs: 1,
		Summary: "Print a namespace as JSON",
		Text:    "Prints all of a namespace as the API tells it.",
		Examples: []meta.Example{
			{Text: "A namespace", Line: meta.Binary + " namespace inspect web"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&template, "t", "", "<template>", "Print through a Go template.")
		},
		Predict: meta.Predict("namespaces"),
		Do: func(ctx context.Context, c *meta.Call) error {
			n, err := find(ctx, c)
			if err != nil {
				return err
			}
			var text string
			if template != "" {
				text, err = render.Template(template, n)
			} else {
				text, err = render.JSON(n)
			}
			if err != nil {
				return err
			}
			c.Print(text)
			return nil
		},
	}
}

func remove(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "namespace delete", Args: "<namespace>", MinArgs: 1, MaxArgs: 1,
		Summary: "Delete a namespace",
		Text:    "Deletes a namespace, in which nothing may run any more.",
		Examples: []meta.Example{
			{Text: "Delete a namespace", Line: meta.Binary + " namespace delete web"},
		},
		Predict: meta.Predict("namespaces"),
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			if _, err := client.Call(ctx, http.MethodDelete, path(c.Args[0]), nil, nil, nil); err != nil {
				return fmt.Errorf("deleting namespace %q: %w", c.Args[0], err)
			}
			c.Printf("Successfully deleted namespace %q!", c.Args[0])
			return nil
		},
	}
}
