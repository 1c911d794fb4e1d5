package node

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func eligibility(*meta.Meta) *meta.Verb {
	var enable, disable, self bool
	return &meta.Verb{
		Name: "node eligibility", Args: "<node>", MaxArgs: 1,
		Summary: "Let a node take new work, or not",
		Text:    "Says whether the scheduler may place new allocations on a node. Those that it has stay; to move them away use the node drain command.",
		Examples: []meta.Example{
			{Text: "Keep new work away from a node", Line: meta.Binary + " node eligibility -disable 4d2ba"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&enable, "enable", false, "Let the node take new allocations.")
			fl.Bool(&disable, "disable", false, "Keep the node from taking new allocations.")
			fl.Bool(&self, "self", false, "Change the node of the agent that is asked.")
		},
		Predict: meta.Predict("nodes"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if enable == disable {
				return meta.Usagef("Either -enable or -disable must be given")
			}
			id, _, err := chosen(ctx, c, self)
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			state := nl.NodeEligible
			if disable {
				state = nl.NodeIneligible
			}
			body := struct{ NodeID, Eligibility string }{id, state}
			if _, err := client.Call(ctx, "PUT", "/v1/node/"+id+"/eligibility", body, nil, nil); err != nil {
				return fmt.Errorf("changing the eligibility of node %s: %w", id, err)
			}
			c.Printf("Node %q scheduling eligibility set: %s for scheduling", id, state)
			return nil
		},
	}
}
