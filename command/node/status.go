package node

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// statusFlags are the flags of the command.
type statusFlags struct {
	self, short, stats, allocs, os, quiet, verbose, ui bool
	filter, pageToken                                  string
	perPage                                            int
}

func status(*meta.Meta) *meta.Verb {
	var f statusFlags
	return &meta.Verb{
		Name: "node status", Args: "[<node>]", MaxArgs: 1,
		Summary: "List nodes, or show one",
		Text: "Without an argument all nodes are listed. With the start of a node's ID that node is shown: its state, drivers, events, what it has given to allocations and what is in use.\n" +
			"-self shows the node of the agent that is asked.",
		Examples: []meta.Example{
			{Text: "List the nodes that are not ready", Line: meta.Binary + ` node status -filter 'Status != "ready"'`},
			{Text: "Show a node and its statistics", Line: meta.Binary + " node status -stats 4d2ba"},
			{Text: "The names of all nodes", Line: meta.Binary + ` node status -t '{{range .}}{{.Name}}{{"\n"}}{{end}}'`},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&f.self, "self", false, "Show the node of the agent that is asked.")
			fl.Bool(&f.short, "short", false, "Show only a summary and the allocations of a node.")
			fl.Bool(&f.stats, "stats", false, "Show all statistics of a node.")
			fl.Bool(&f.allocs, "allocs", false, "In lists: show how many allocations run on each node.")
			fl.Bool(&f.os, "os", false, "In lists: show the operating systems.")
			fl.Bool(&f.quiet, "quiet", false, "In lists: print the IDs only.")
			fl.Paging(&f.perPage, &f.pageToken, &f.filter)
			fl.Verbose(&f.verbose)
			fl.UI(&f.ui)
			fl.Output()
		},
		Predict: meta.Predict("nodes"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if !f.self && len(c.Args) == 0 {
				return f.list(ctx, c)
			}
			return f.show(ctx, c)
		},
	}
}

func (f *statusFlags) list(ctx context.Context, c *meta.Call) error {
	if f.quiet && c.Structured() {
		return meta.Usagef("-quiet excludes -json and -t")
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	q := &apiclient.Query{Filter: f.filter, PerPage: f.perPage, NextToken: f.pageToken, Params: map[string]string{}}
	if f.os {
		q.Params["os"] = "true"
	}
	nodes, page, err := apiclient.Get[[]*nl.NodeStub](ctx, client, "/v1/nodes", q)
	if err != nil {
		return fmt.Errorf("listing nodes: %w", err)
	}
	if done, err := c.PrintStructured(nodes); done {
		return err
	}
	if len(nodes) == 0 {
		if f.filter != "" {
			c.Print("No nodes match the filter")
		} else if !f.quiet {
			c.Print("No nodes registered")
		}
		return nil
	}
	if f.quiet {
		for _, n := range nodes {
			c.Print(render.ID(n.ID, f.verbose))
		}
		return nil
	}
	running := map[string]int{}
	if f.allocs {
		if running, err = runningOn(ctx, client, nodes); err != nil {
			return err
		}
	}
	c.Print(nodeTable(nodes, tableColumns{pool: true, os: f.os, running: running, counts: f.allocs, verbose: f.verbose}))
	c.MorePages(page.NextToken)
	c.Hint(ctx, "View all nodes in the web console", meta.ConsolePath("clients"), f.ui)
	return nil
}

// runningOn counts the running allocations of each node.
func runningOn(ctx context.Context, client *apiclient.Client, nodes []*nl.NodeStub) (map[string]int, error) {
	out := map[string]int{}
	for _, n := range nodes {
		allocs, err := allocsOf(ctx, client, n.ID)
		if err != nil {
			return nil, err
		}
		for _, a := range allocs {
			if a.ClientStatus == nl.AllocClientRunning {
				out[n.ID]++
			}
		}
	}
	return out, nil
}

// tableColumns choose the columns of a list of nodes.
type tableColumns struct {
	pool, os, counts, verbose bool
	running                   map[string]int
}

func nodeTable(nodes []*nl.NodeStub, with tableColumns) string {
	t := render.NewTable("ID", render.If(with.pool, "Node Pool"), "DC", "Name", "Class", render.If(with.os, "OS"),
		render.If(with.verbose, "Address"), render.If(with.verbose, "Version"), "Drain", "Eligibility", "Status", render.If(with.counts, "Running Allocs"))
	for _, n := range nodes {
		t.Row(render.ID(n.ID, with.verbose), n.NodePool, n.Datacenter, n.Name, n.NodeClass, n.Attributes["os.name"],
			n.Address, n.Version, strconv.FormatBool(n.Drain), n.SchedulingEligibility, n.Status, strconv.Itoa(with.running[n.ID]))
	}
	return t.String()
}

func (f *statusFlags) show(ctx context.Context, c *meta.Call) error {
	id, _, err := chosen(ctx, c, f.self)
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	n, err := read(ctx, client, id)
	if err != nil {
		return err
	}
	if done, err := c.PrintStructured(n); done {
		return err
	}
	v := &view{node: n.Node, drain: n.Drain, usage: map[string]*nl.AllocResourceUsage{}, now: c.Now(), verbose: f.verbose}
	if v.allocs, err = allocsOf(ctx, client, id); err != nil {
		return err
	}
	if f.short {
		c.Print(v.basics(true))
	} else {
		v.load(ctx, c, client)
		v.print(c, f.stats)
	}
	v.printAllocs(c)
	if f.verbose && !f.short {
		v.printDetails(c)
	}
	c.Hint(ctx, "View this node in the web console", meta.ConsolePath("clients", id), f.ui)
	return nil
}

// load asks the node what is in use. What it does not tell is left out with a
// warning.
func (v *view) load(ctx context.Context, c *meta.Call, client *apiclient.Client) {
	if v.node.Status != nl.NodeStatusReady {
		return
	}
	host, _, err := apiclient.Get[*nl.HostStats](ctx, client, "/v1/client/stats", &apiclient.Query{Params: map[string]string{"node_id": v.node.ID}})
	if err != nil {
		c.Warn(fmt.Sprintf("What is in use on the node is not known: %v", err))
		return
	}
	v.host = host
	for _, a := range v.allocs {
		if a.ClientStatus != nl.AllocClientRunning {
			continue
		}
		used, _, err := apiclient.Get[*nl.AllocResourceUsage](ctx, client, "/v1/client/allocation/"+a.ID+"/stats", nil)
		if err != nil {
			// It may have ended since; the sum of the others is shown.
			continue
		}
		v.usage[a.ID] = used
	}
}
