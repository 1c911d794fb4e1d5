// Package service holds the commands about services that tasks register with
// the built-in provider. The root command collects them. They speak HTTP only.
package service

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"service": meta.GroupFactory(m, meta.Group{
			Name: "service", Summary: "Inspect registered services",
			Text: "Tasks and groups register services with the built-in provider under a name, with the address where each allocation serves it.",
			Examples: []meta.Example{
				{Text: "List all services", Line: meta.Binary + " service list"},
				{Text: "Where one is served", Line: meta.Binary + " service info web"},
			},
		}),
		"service list":   meta.Factory(m, list),
		"service info":   meta.Factory(m, info),
		"service delete": meta.Factory(m, remove),
	}
}

func list(*meta.Meta) *meta.Verb {
	var name string
	return &meta.Verb{
		Name: "service list", Summary: "List services",
		Text: "Lists the services of the namespace, or with -namespace='*' of all.",
		Examples: []meta.Example{
			{Text: "Services of all namespaces", Line: meta.Binary + " service list -namespace='*'"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&name, "name", "", "<service>", "List only the service of this name.")
			fl.Output()
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			stubs, _, err := apiclient.Get[[]*nl.ServiceRegistrationListStub](ctx, client, "/v1/services", nil)
			if err != nil {
				return fmt.Errorf("listing services: %w", err)
			}
			if name != "" {
				stubs = named(stubs, name)
			}
			if done, err := c.PrintStructured(stubs); done {
				return err
			}
			t := render.NewTable("Service Name", render.If(c.AllNamespaces(), "Namespace"), "Tags")
			for _, ns := range stubs {
				for _, s := range ns.Services {
					t.Row(s.ServiceName, ns.Namespace, tags(s.Tags))
				}
			}
			if t.Len() == 0 {
				c.Print("No service registrations found")
				return nil
			}
			c.Print(t.String())
			return nil
		},
	}
}

// named keeps the services of one name.
func named(in []*nl.ServiceRegistrationListStub, name string) []*nl.ServiceRegistrationListStub {
	out := []*nl.ServiceRegistrationListStub{}
	for _, ns := range in {
		kept := slices.DeleteFunc(slices.Clone(ns.Services), func(s *nl.ServiceRegistrationStub) bool { return s.ServiceName != name })
		if len(kept) > 0 {
			out = append(out, &nl.ServiceRegistrationListStub{Namespace: ns.Namespace, Services: kept})
		}
	}
	return out
}

func tags(in []string) string {
	sorted := slices.Clone(in)
	slices.Sort(sorted)
	return "[" + strings.Join(sorted, ",") + "]"
}

func address(s *nl.ServiceRegistration) string {
	if s.Port == 0 {
		return s.Address
	}
	return net.JoinHostPort(s.Address, strconv.Itoa(s.Port))
}

func info(*meta.Meta) *meta.Verb {
	var filter, token string
	var perPage int
	var verbose bool
	return &meta.Verb{
		Name: "service info", Args: "<service>", MinArgs: 1, MaxArgs: 1,
		Summary: "Show where a service is served",
		Text:    "Shows all registrations of a service: the allocations that serve it and their addresses.",
		Examples: []meta.Example{
			{Text: "Only those with a tag", Line: meta.Binary + ` service info -filter '"blue" in Tags' web`},
		},
		Flags: func(fl *meta.Flags) {
			fl.Paging(&perPage, &token, &filter)
			fl.Verbose(&verbose)
			fl.Output()
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			q := &apiclient.Query{Filter: filter, PerPage: perPage, NextToken: token}
			all, page, err := apiclient.Get[[]*nl.ServiceRegistration](ctx, client, "/v1/service/"+url.PathEscape(c.Args[0]), q)
			if err != nil && apiclient.CodeOf(err) != http.StatusNotFound {
				return fmt.Errorf("reading service %q: %w", c.Args[0], err)
			}
			if done, err := c.PrintStructured(all); done {
				return err
			}
			if len(all) == 0 {
				c.Print("No service registrations found")
				return nil
			}
			slices.SortStableFunc(all, func(a, b *nl.ServiceRegistration) int { return strings.Compare(a.JobID, b.JobID) })
			c.Print(registrations(all, verbose))
			c.MorePages(page.NextToken)
			return nil
		},
	}
}

// registrations shows a line of each, or with verbose a block.
func registrations(all []*nl.ServiceRegistration, verbose bool) string {
	if verbose {
		blocks := make([]string, len(all))
		for i, s := range all {
			blocks[i] = (&render.Pairs{}).Add("ID", s.ID).Add("Service Name", s.ServiceName).Add("Namespace", s.Namespace).
				Add("Job ID", s.JobID).Add("Alloc ID", s.AllocID).Add("Node ID", s.NodeID).Add("Datacenter", s.Datacenter).
				Add("Address", address(s)).Add("Tags", tags(s.Tags)).String()
		}
		return strings.Join(blocks, "\n\n")
	}
	t := render.NewTable("Job ID", "Address", "Tags", "Node ID", "Alloc ID")
	for _, s := range all {
		t.Row(s.JobID, address(s), tags(s.Tags), render.ID(s.NodeID, false), render.ID(s.AllocID, false))
	}
	return t.String()
}

func remove(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "service delete", Args: "<service> <id>", MinArgs: 2, MaxArgs: 2,
		Summary: "Delete a registration of a service",
		Text:    "Deletes one registration. Nodes delete theirs when allocations end; this is for those that were left behind.",
		Examples: []meta.Example{
			{Text: "Delete a registration that service info -verbose has shown", Line: meta.Binary + " service delete web _nomad-task-2f3c-web-http"},
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			path := "/v1/service/" + url.PathEscape(c.Args[0]) + "/" + url.PathEscape(c.Args[1])
			if _, err := client.Call(ctx, http.MethodDelete, path, nil, nil, nil); err != nil {
				return fmt.Errorf("deleting registration %q of service %q: %w", c.Args[1], c.Args[0], err)
			}
			c.Print("Successfully deleted service registration")
			return nil
		},
	}
}
