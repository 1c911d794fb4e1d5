// Package plugin holds the commands about CSI plugins. The root command
// collects them. They speak HTTP only.
package plugin

import (
	"context"
	"fmt"
	"net/url"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"plugin": meta.GroupFactory(m, meta.Group{
			Name: "plugin", Summary: "Inspect plugins",
			Text: "Plugins that nodes tell of, through which jobs use volumes of storage systems.",
			Examples: []meta.Example{
				{Text: "List them", Line: meta.Binary + " plugin status"},
			},
		}),
		"plugin status": meta.Factory(m, status),
	}
}

// listQuery asks for the plugins that there are.
func listQuery() apiclient.Query { return apiclient.Query{Params: map[string]string{"type": "csi"}} }

const listPath = "/v1/plugins"

func table(all []*nl.CSIPluginListStub) string {
	t := render.NewTable("ID", "Provider", "Controllers Healthy/Expected", "Nodes Healthy/Expected")
	for _, p := range all {
		t.Row(p.ID, p.Provider, fmt.Sprintf("%d/%d", p.ControllersHealthy, p.ControllersExpected), fmt.Sprintf("%d/%d", p.NodesHealthy, p.NodesExpected))
	}
	return t.String()
}

func status(*meta.Meta) *meta.Verb {
	var kind string
	var short, verbose bool
	return &meta.Verb{
		Name: "plugin status", Args: "[<plugin>]", MaxArgs: 1,
		Summary: "List plugins or show one",
		Text:    "Lists CSI plugins, or shows one with its allocations.",
		Examples: []meta.Example{
			{Text: "All plugins", Line: meta.Binary + " plugin status"},
			{Text: "One plugin", Line: meta.Binary + " plugin status ebs"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Choice(&kind, "type", "csi", []string{"csi"}, "The type of the plugins. Default: csi.")
			fl.Bool(&short, "short", false, "Show no allocations.")
			fl.Verbose(&verbose)
			fl.Output()
		},
		Predict: meta.Predict("plugins"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if len(c.Args) == 0 {
				return list(ctx, c)
			}
			return one(ctx, c, short, verbose)
		},
	}
}

func list(ctx context.Context, c *meta.Call) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	q := listQuery()
	all, _, err := apiclient.Get[[]*nl.CSIPluginListStub](ctx, client, listPath, &q)
	if err != nil {
		return fmt.Errorf("listing plugins: %w", err)
	}
	if done, err := c.PrintStructured(all); done {
		return err
	}
	if len(all) == 0 {
		c.Print("No CSI plugins")
		return nil
	}
	c.Print(table(all))
	return nil
}

func one(ctx context.Context, c *meta.Call, short, verbose bool) error {
	found, err := meta.Name(ctx, c, c.Args[0], meta.Kind[*nl.CSIPluginListStub]{
		What: "plugin", Path: listPath, Query: listQuery(),
		ID:    func(p *nl.CSIPluginListStub) string { return p.ID },
		Table: table,
	})
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	p, _, err := apiclient.Get[*nl.CSIPlugin](ctx, client, "/v1/plugin/csi/"+url.PathEscape(found.ID), nil)
	if err != nil {
		return fmt.Errorf("reading plugin %q: %w", found.ID, err)
	}
	if done, err := c.PrintStructured(p); done {
		return err
	}
	c.Print((&render.Pairs{}).Add("ID", p.ID).Add("Provider", p.Provider).Add("Version", p.Version).
		Add("Controllers Healthy", fmt.Sprint(p.ControllersHealthy)).Add("Controllers Expected", fmt.Sprint(p.ControllersExpected)).
		Add("Nodes Healthy", fmt.Sprint(p.NodesHealthy)).Add("Nodes Expected", fmt.Sprint(p.NodesExpected)).String())
	switch {
	case short:
	case len(p.Allocations) == 0:
		c.Section("Allocations", "No allocations run the plugin")
	default:
		c.Section("Allocations", c.AllocTable(p.Allocations, verbose))
	}
	return nil
}
