package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
)

func join(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "server join", Args: "<address> [<address>...]", MinArgs: 1, MaxArgs: meta.AnyArgs,
		Summary: "Join a server to others",
		Text:    "Makes the server that is asked join the gossip pool of others. One address is enough: it learns of the rest. The port is that of gossip, 4648 unless it is said.",
		Examples: []meta.Example{
			{Text: "Join a server to a cluster", Line: meta.Binary + " server join 10.0.0.7"},
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			path := "/v1/agent/join?" + url.Values{"address": c.Args}.Encode()
			reply, _, err := apiclient.Put[struct {
				Joined  int    `json:"num_joined"`
				Error   string `json:"error"`
				Warning string `json:"warning"`
			}](ctx, client, path, nil, nil)
			if err != nil {
				return fmt.Errorf("joining: %w", err)
			}
			if reply.Error != "" {
				return errors.New("joining: " + strings.Join(strings.Fields(reply.Error), " "))
			}
			if reply.Warning != "" {
				c.Warn(reply.Warning)
			}
			c.Printf("Joined %d servers successfully", reply.Joined)
			return nil
		},
	}
}

func forceLeave(*meta.Meta) *meta.Verb {
	var prune bool
	return &meta.Verb{
		Name: "server force-leave", Args: "<name>", MinArgs: 1, MaxArgs: 1,
		Summary: "Remove a server that has failed",
		Text:    "Tells the others that a server which has failed will not come back. One that still runs joins again.",
		Examples: []meta.Example{
			{Text: "Remove a server", Line: meta.Binary + " server force-leave node2.global"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&prune, "prune", false, "Forget the server at once instead of showing it as left for some time.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			values := url.Values{"node": {c.Args[0]}}
			if prune {
				values.Set("prune", "1")
			}
			if _, err := client.Call(ctx, http.MethodPut, "/v1/agent/force-leave?"+values.Encode(), nil, nil, nil); err != nil {
				return fmt.Errorf("removing server %q: %w", c.Args[0], err)
			}
			return nil
		},
	}
}
