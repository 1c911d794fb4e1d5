package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func raftList(*meta.Meta) *meta.Verb {
	var stale bool
	return &meta.Verb{
		Name: "operator raft list-peers", Summary: "List the servers that take part in consensus",
		Text: "Lists the servers that take part in consensus, which one leads and who votes.",
		Examples: []meta.Example{
			{Text: "Ask any server when there is no leader", Line: meta.Binary + " operator raft list-peers -stale"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&stale, "stale", false, "Let the server that is asked answer, whether it leads or not. Its answer may be old.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			conf, _, err := apiclient.Get[*nl.RaftConfigurationResponse](ctx, client, "/v1/operator/raft/configuration", &apiclient.Query{Stale: stale})
			if err != nil {
				return fmt.Errorf("listing the peers: %w", err)
			}
			t := render.NewTable("Node", "ID", "Address", "State", "Voter", "RaftProtocol")
			for _, s := range conf.Servers {
				state := "follower"
				if s.Leader {
					state = "leader"
				}
				t.Row(s.Node, s.ID, s.Address, state, strconv.FormatBool(s.Voter), s.RaftProtocol)
			}
			c.Print(t.String())
			return nil
		},
	}
}

func raftRemove(*meta.Meta) *meta.Verb {
	var id string
	return &meta.Verb{
		Name: "operator raft remove-peer", Summary: "Remove a server from consensus",
		Text: "Removes a server that is gone for good and was not removed by itself. One that still runs is better stopped with leave, or removed with server force-leave.",
		Examples: []meta.Example{
			{Text: "Remove a server that raft list-peers shows", Line: meta.Binary + " operator raft remove-peer -peer-id=d2a1f3e0-98b4-4c1d-8a63-7a4b2f9f1c55"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&id, "peer-id", "", "<id>", "The ID of the server.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			if id == "" {
				return meta.Usagef("-peer-id must be given")
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			q := &apiclient.Query{Params: map[string]string{"id": id}}
			if _, err := client.Call(ctx, http.MethodDelete, "/v1/operator/raft/peer", nil, nil, q); err != nil {
				return fmt.Errorf("removing peer %q: %w", id, err)
			}
			c.Printf("Removed peer with id %q", id)
			return nil
		},
	}
}

func raftTransfer(*meta.Meta) *meta.Verb {
	var id, address string
	return &meta.Verb{
		Name: "operator raft transfer-leadership", Summary: "Make another server the leader",
		Text: "Hands leadership to another server, by its ID or its RPC address, so that the one that leads can be taken down without an election.",
		Examples: []meta.Example{
			{Text: "By address", Line: meta.Binary + " operator raft transfer-leadership -peer-address=10.0.0.8:4647"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&id, "peer-id", "", "<id>", "The ID of the server that shall lead.")
			fl.String(&address, "peer-address", "", "<address>", "The RPC address of the server that shall lead.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			if (id == "") == (address == "") {
				return meta.Usagef("Either -peer-id or -peer-address must be given")
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			values := url.Values{}
			if id != "" {
				values.Set("id", id)
			} else {
				values.Set("address", address)
			}
			reply, _, err := apiclient.Put[*nl.LeadershipTransferResponse](ctx, client, "/v1/operator/raft/transfer-leadership?"+values.Encode(), nil, nil)
			if err != nil {
				return fmt.Errorf("transferring leadership: %w", err)
			}
			if reply.Err != nil {
				return fmt.Errorf("transferring leadership: %v", reply.Err)
			}
			if reply.Noop {
				c.Print("The server leads already; nothing was changed")
				return nil
			}
			c.Printf("Leadership was transferred to %s (%s)", reply.To.Address, reply.To.ID)
			return nil
		},
	}
}
