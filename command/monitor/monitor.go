// Package monitor holds the command that shows an agent's log as it is
// written. The root command collects it. It speaks HTTP only.
package monitor

import (
	"context"
	"fmt"
	"strconv"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{"monitor": meta.Factory(m, monitor)}
}

func monitor(*meta.Meta) *meta.Verb {
	var level, node, server string
	var asJSON, location bool
	return &meta.Verb{
		Name: "monitor", Summary: "Show the log of an agent as it is written",
		Text: "Shows what an agent logs from now on, at any level, whatever it is configured to log. Interrupt it to end.\n" +
			"Without -node-id and -server-id it is the agent that is asked.",
		Examples: []meta.Example{
			{Text: "All details of a node", Line: meta.Binary + " monitor -log-level=TRACE -node-id=4d2ba"},
			{Text: "The leader's log", Line: meta.Binary + " monitor -server-id=leader"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&level, "log-level", "INFO", "<level>", "The lowest level to show: TRACE, DEBUG, INFO, WARN or ERROR. Default: INFO.")
			fl.Bool(&location, "log-include-location", false, "Show which line of code wrote each message.")
			fl.String(&node, "node-id", "", "<node>", "The client whose log to show, by the start of its ID.")
			fl.String(&server, "server-id", "", "<server>", "The server whose log to show: its name, its ID, or leader.")
			fl.Bool(&asJSON, "json", false, "Show the messages as JSON.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			if node != "" && server != "" {
				return meta.Usagef("-node-id and -server-id exclude each other")
			}
			q := &apiclient.Query{Params: map[string]string{
				"log_level": level, "log_json": strconv.FormatBool(asJSON), "log_include_location": strconv.FormatBool(location),
			}}
			if node != "" {
				stub, err := c.Node(ctx, node)
				if err != nil {
					return err
				}
				q.Params["node_id"] = stub.ID
			}
			if server != "" {
				q.Params["server_id"] = server
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			err = client.Frames(ctx, "/v1/agent/monitor", q, func(f query.Frame) error {
				_, err := c.Out.Write(f.Data)
				return err
			})
			if err != nil {
				return fmt.Errorf("monitoring: %w", err)
			}
			return nil
		},
	}
}
