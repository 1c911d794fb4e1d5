package node

import (
	"context"
	"fmt"
	"net/url"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
)

func config(*meta.Meta) *meta.Verb {
	var list, update bool
	return &meta.Verb{
		Name: "node config", Args: "[<address>...]", MaxArgs: meta.AnyArgs,
		Summary: "Show or change the servers that a client agent knows",
		Text:    "Shows the servers that the client agent may call, or replaces them. The agent learns of others by itself; this helps one that has lost all of them.",
		Examples: []meta.Example{
			{Text: "Show the servers", Line: meta.Binary + " node config -servers"},
			{Text: "Replace them", Line: meta.Binary + " node config -update-servers 10.0.0.7:4647 10.0.0.8:4647"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&list, "servers", false, "Show the addresses of the servers.")
			fl.Bool(&update, "update-servers", false, "Replace the servers by those of the arguments.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			switch {
			case list == update:
				return meta.Usagef("Either -servers or -update-servers must be given")
			case update && len(c.Args) == 0:
				return meta.Usagef("-update-servers needs the address of a server")
			case list && len(c.Args) > 0:
				return meta.Usagef("-servers takes no arguments")
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			if update {
				path := "/v1/agent/servers?" + url.Values{"address": c.Args}.Encode()
				if _, err := client.Call(ctx, "PUT", path, nil, nil, nil); err != nil {
					return fmt.Errorf("replacing the servers: %w", err)
				}
				c.Print("Updated server list")
				return nil
			}
			servers, _, err := apiclient.Get[[]string](ctx, client, "/v1/agent/servers", nil)
			if err != nil {
				return fmt.Errorf("asking the agent for its servers: %w", err)
			}
			if len(servers) == 0 {
				c.Print("The agent knows no server")
			}
			for _, s := range servers {
				c.Print(s)
			}
			return nil
		},
	}
}
