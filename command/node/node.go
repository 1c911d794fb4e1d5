// Package node holds the commands about nodes and node pools: what nodes are,
// run and use, and how they are taken out of service. The root command
// collects them. They speak HTTP only and decide nothing that the servers or
// nodes decide.
package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Commands are the commands of this package and their old spellings.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"node": meta.GroupFactory(m, meta.Group{
			Name: "node", Summary: "Inspect and handle nodes",
			Text: "A node is a machine whose agent runs allocations. These commands show nodes, take them out of service and back, and change their metadata and pools.",
			Examples: []meta.Example{
				{Text: "List all nodes", Line: meta.Binary + " node status"},
				{Text: "Show one, and what runs on it", Line: meta.Binary + " node status 4d2ba"},
				{Text: "Move everything away from it", Line: meta.Binary + " node drain -enable -yes 4d2ba"},
			},
		}),
		"node status":      meta.Factory(m, status),
		"node-status":      meta.Factory(m, status),
		"node drain":       meta.Factory(m, drain),
		"node-drain":       meta.Factory(m, drain),
		"node eligibility": meta.Factory(m, eligibility),
		"node config":      meta.Factory(m, config),
		"client-config":    meta.Factory(m, meta.Deprecated(config, "client-config")),
		"node meta": meta.GroupFactory(m, meta.Group{
			Name: "node meta", Summary: "Read and change the metadata of a node",
			Text: "Metadata are names and values that jobs can ask for in constraints. Those from the agent's configuration are static; these commands change the dynamic ones, which win and survive restarts.",
			Examples: []meta.Example{
				{Text: "Set one value and remove another", Line: meta.Binary + " node meta apply -node-id 4d2ba -unset rack disks=fast"},
			},
		}),
		"node meta apply": meta.Factory(m, metaApply),
		"node meta read":  meta.Factory(m, metaRead),
		"node pool": meta.GroupFactory(m, meta.Group{
			Name: "node pool", Summary: "Handle node pools",
			Text: "Node pools part the nodes of a cluster: a job runs only on nodes of its pool. Pools \"default\" and \"all\" always exist.",
			Examples: []meta.Example{
				{Text: "Write an example, then create it", Line: meta.Binary + " node pool init && " + meta.Binary + " node pool apply pool.nomad.hcl"},
				{Text: "What is in a pool", Line: meta.Binary + " node pool nodes batch"},
			},
		}),
		"node pool apply":  meta.Factory(m, poolApply),
		"node pool delete": meta.Factory(m, poolDelete),
		"node pool info":   meta.Factory(m, poolInfo),
		"node pool init":   meta.Factory(m, poolInit),
		"node pool jobs":   meta.Factory(m, poolJobs),
		"node pool list":   meta.Factory(m, poolList),
		"node pool nodes":  meta.Factory(m, poolNodes),
	}
}

// selfID is the ID of the node that the agent itself is.
func selfID(ctx context.Context, client *apiclient.Client) (string, error) {
	self, _, err := apiclient.Get[*nl.AgentSelf](ctx, client, "/v1/agent/self", nil)
	if err != nil {
		return "", fmt.Errorf("asking the agent for its node: %w", err)
	}
	id := self.Stats["client"]["node_id"]
	if id == "" {
		return "", errors.New("the agent is no client and has no node: name a node, or ask another agent with -address")
	}
	return id, nil
}

// chosen is the ID of the node that is meant: the agent's own with self, or
// the one whose ID starts with the only argument. Exact tells that it was
// given whole.
func chosen(ctx context.Context, c *meta.Call, self bool) (id string, exact bool, err error) {
	if self == (len(c.Args) == 1) {
		return "", false, meta.Usagef("Either the ID of a node or -self must be given")
	}
	if self {
		client, err := c.Client()
		if err != nil {
			return "", false, err
		}
		id, err := selfID(ctx, client)
		return id, true, err
	}
	stub, err := c.Node(ctx, c.Args[0])
	if err != nil {
		return "", false, err
	}
	return stub.ID, stub.ID == c.Args[0], nil
}

// shown is a node as answers show it.
type shown struct {
	*nl.Node
	Drain bool
}

// read is the whole node of an ID.
func read(ctx context.Context, client *apiclient.Client, id string) (*shown, error) {
	n, _, err := apiclient.Get[*shown](ctx, client, "/v1/node/"+id, nil)
	if err != nil {
		return nil, fmt.Errorf("reading node %s: %w", id, err)
	}
	return n, nil
}

// allocsOf are the allocations of a node.
func allocsOf(ctx context.Context, client *apiclient.Client, id string) ([]*nl.Alloc, error) {
	allocs, _, err := apiclient.Get[[]*nl.Alloc](ctx, client, "/v1/node/"+id+"/allocations", nil)
	if err != nil {
		return nil, fmt.Errorf("listing the allocations of node %s: %w", id, err)
	}
	return allocs, nil
}
