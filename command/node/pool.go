package node

import (
	"context"
	"fmt"
	"net/url"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// poolPath is the route of a pool.
func poolPath(name string) string { return "/v1/node/pool/" + url.PathEscape(name) }

func poolTable(pools []*nl.NodePool) string {
	t := render.NewTable("Name", "Description")
	for _, p := range pools {
		t.Row(p.Name, p.Description)
	}
	return t.String()
}

// poolNamed is the pool that a name or the start of one means.
func poolNamed(ctx context.Context, c *meta.Call, prefix string) (*nl.NodePool, error) {
	return meta.Name(ctx, c, prefix, meta.Kind[*nl.NodePool]{
		What: "node pool", Path: "/v1/node/pools",
		ID:    func(p *nl.NodePool) string { return p.Name },
		Table: poolTable,
	})
}

// pageFlags are the flags of lists.
type pageFlags struct {
	perPage       int
	token, filter string
}

func (p *pageFlags) declare(fl *meta.Flags) {
	fl.Paging(&p.perPage, &p.token, &p.filter)
	fl.Output()
}

func (p *pageFlags) query() *apiclient.Query {
	return &apiclient.Query{PerPage: p.perPage, NextToken: p.token, Filter: p.filter}
}

func poolList(*meta.Meta) *meta.Verb {
	var page pageFlags
	return &meta.Verb{
		Name: "node pool list", Summary: "List node pools",
		Text: "Lists the pools that the token may read.",
		Examples: []meta.Example{
			{Text: "All pools", Line: meta.Binary + " node pool list"},
		},
		Flags: page.declare,
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			pools, head, err := apiclient.Get[[]*nl.NodePool](ctx, client, "/v1/node/pools", page.query())
			if err != nil {
				return fmt.Errorf("listing node pools: %w", err)
			}
			if done, err := c.PrintStructured(pools); done {
				return err
			}
			if len(pools) == 0 {
				c.Print("No node pools")
				return nil
			}
			c.Print(poolTable(pools))
			c.MorePages(head.NextToken)
			return nil
		},
	}
}

func poolNodes(*meta.Meta) *meta.Verb {
	var page pageFlags
	var verbose bool
	return &meta.Verb{
		Name: "node pool nodes", Args: "<pool>", MinArgs: 1, MaxArgs: 1,
		Summary: "List the nodes of a pool",
		Text:    "Lists the nodes of a pool. The pool \"all\" has all of them.",
		Examples: []meta.Example{
			{Text: "The nodes of a pool that are ready", Line: meta.Binary + ` node pool nodes -filter 'Status == "ready"' batch`},
		},
		Flags: func(fl *meta.Flags) {
			page.declare(fl)
			fl.Verbose(&verbose)
		},
		Predict: meta.Predict("node_pools"),
		Do: func(ctx context.Context, c *meta.Call) error {
			pool, err := poolNamed(ctx, c, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			nodes, head, err := apiclient.Get[[]*nl.NodeStub](ctx, client, poolPath(pool.Name)+"/nodes", page.query())
			if err != nil {
				return fmt.Errorf("listing the nodes of pool %q: %w", pool.Name, err)
			}
			if done, err := c.PrintStructured(nodes); done {
				return err
			}
			if len(nodes) == 0 {
				c.Print("No nodes")
				return nil
			}
			c.Print(nodeTable(nodes, tableColumns{verbose: verbose}))
			c.MorePages(head.NextToken)
			return nil
		},
	}
}

func poolJobs(*meta.Meta) *meta.Verb {
	var page pageFlags
	return &meta.Verb{
		Name: "node pool jobs", Args: "<pool>", MinArgs: 1, MaxArgs: 1,
		Summary: "List the jobs of a pool",
		Text:    "Lists the jobs that run on the nodes of a pool, in the namespace or, with -namespace='*', in all.",
		Examples: []meta.Example{
			{Text: "All jobs of a pool", Line: meta.Binary + " node pool jobs -namespace='*' batch"},
		},
		Flags:   page.declare,
		Predict: meta.Predict("node_pools"),
		Do: func(ctx context.Context, c *meta.Call) error {
			pool, err := poolNamed(ctx, c, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			jobs, head, err := apiclient.Get[[]*nl.JobStub](ctx, client, poolPath(pool.Name)+"/jobs", page.query())
			if err != nil {
				return fmt.Errorf("listing the jobs of pool %q: %w", pool.Name, err)
			}
			if done, err := c.PrintStructured(jobs); done {
				return err
			}
			if len(jobs) == 0 {
				c.Print("No jobs")
				return nil
			}
			c.Print(meta.JobTable(jobs, c.AllNamespaces()))
			c.MorePages(head.NextToken)
			return nil
		},
	}
}

func poolInfo(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "node pool info", Args: "<pool>", MinArgs: 1, MaxArgs: 1,
		Summary: "Show a node pool",
		Text:    "Shows a node pool, its metadata and where it schedules differently from the cluster.",
		Examples: []meta.Example{
			{Text: "A pool", Line: meta.Binary + " node pool info batch"},
		},
		Flags:   func(fl *meta.Flags) { fl.Output() },
		Predict: meta.Predict("node_pools"),
		Do: func(ctx context.Context, c *meta.Call) error {
			found, err := poolNamed(ctx, c, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			pool, _, err := apiclient.Get[*nl.NodePool](ctx, client, poolPath(found.Name), nil)
			if err != nil {
				return fmt.Errorf("reading node pool %q: %w", found.Name, err)
			}
			if done, err := c.PrintStructured(pool); done {
				return err
			}
			c.Print((&render.Pairs{}).Add("Name", pool.Name).Add("Description", pool.Description).
				AddIf(pool.NodeIdentityTTL > 0, "Node Identity TTL", pool.NodeIdentityTTL.String()).String())
			if body := mapRows(pool.Meta); body != "" {
				c.Section("Metadata", body)
			} else {
				c.Section("Metadata", "No metadata")
			}
			s := pool.SchedulerConfiguration
			if s == nil {
				c.Section("Scheduler Configuration", "No scheduler configuration")
				return nil
			}
			rows := (&render.Pairs{}).AddIf(s.SchedulerAlgorithm != "", "Scheduler Algorithm", s.SchedulerAlgorithm)
			if o := s.MemoryOversubscriptionEnabled; o != nil {
				rows.Add("Memory Oversubscription Enabled", fmt.Sprint(*o))
			}
			c.Section("Scheduler Configuration", rows.String())
			return nil
		},
	}
}

func poolDelete(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "node pool delete", Args: "<pool>", MinArgs: 1, MaxArgs: 1,
		Summary: "Delete a node pool",
		Text:    "Deletes a node pool, which must have neither nodes nor jobs.",
		Examples: []meta.Example{
			{Text: "Delete a pool", Line: meta.Binary + " node pool delete batch"},
		},
		Predict: meta.Predict("node_pools"),
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			if _, err := client.Call(ctx, "DELETE", poolPath(c.Args[0]), nil, nil, nil); err != nil {
				return fmt.Errorf("deleting node pool %q: %w", c.Args[0], err)
			}
			c.Printf("Successfully deleted node pool %q!", c.Args[0])
			return nil
		},
	}
}
