// Package agentinfo holds the commands that ask an agent about itself. The
// root command collects them. They speak HTTP only.
package agentinfo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// exitCritical is what checks of monitoring systems take for a failure.
const exitCritical = 2

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"agent-info": meta.Factory(m, info),
		"check":      meta.Factory(m, check),
	}
}

// ask reads what the agent tells about itself.
func ask(ctx context.Context, c *meta.Call) (*nl.AgentSelf, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	self, _, err := apiclient.Get[*nl.AgentSelf](ctx, client, "/v1/agent/self", nil)
	if err != nil {
		return nil, fmt.Errorf("asking the agent: %w", err)
	}
	return self, nil
}

func info(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "agent-info", Summary: "Show what an agent tells about itself",
		Text: "Shows the state of the agent's parts: client, server, consensus, gossip and runtime.",
		Examples: []meta.Example{
			{Text: "The agent at another address", Line: meta.Binary + " agent-info -address=http://10.0.0.7:4646"},
		},
		Flags: func(fl *meta.Flags) { fl.Output() },
		Do: func(ctx context.Context, c *meta.Call) error {
			self, err := ask(ctx, c)
			if err != nil {
				return err
			}
			if done, err := c.PrintStructured(self); done {
				return err
			}
			for _, group := range render.Keys(self.Stats) {
				c.Print(group)
				for _, k := range render.Keys(self.Stats[group]) {
					c.Printf("  %s = %s", k, self.Stats[group][k])
				}
			}
			return nil
		},
	}
}

func check(*meta.Meta) *meta.Verb {
	var peers, servers int
	return &meta.Verb{
		Name: "check", Summary: "Tell a monitoring system how the agent is",
		Text: "Exits with 0 when the agent is well and with 2 when it is not: a server has too few peers, or a client knows too few servers or has missed its heartbeat.",
		Examples: []meta.Example{
			{Text: "A server of a cluster of three", Line: meta.Binary + " check -min-peers=2"},
		},
		ErrorCode: exitCritical,
		Flags: func(fl *meta.Flags) {
			fl.Int(&peers, "min-peers", 0, "<n>", "How many other servers a server must have at least. Default: 0.")
			fl.Int(&servers, "min-servers", 1, "<n>", "How many servers a client must know at least. Default: 1.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			self, err := ask(ctx, c)
			if err != nil {
				return err
			}
			if problem := diagnose(self.Stats, peers, servers); problem != "" {
				c.Printf("CRITICAL - %s", problem)
				return meta.Exit(exitCritical)
			}
			c.Print("OK - the agent is well")
			return nil
		},
	}
}

// diagnose tells what is wrong with an agent, "" when nothing is.
func diagnose(stats map[string]map[string]string, peers, servers int) string {
	if raft, ok := stats["raft"]; ok {
		n, err := strconv.Atoi(raft["num_peers"])
		if err != nil {
			return fmt.Sprintf("the number of peers is not known: %q", raft["num_peers"])
		}
		if n < peers {
			return fmt.Sprintf("the server has %s, fewer than %d", render.Count(n, "peer"), peers)
		}
	}
	client, ok := stats["client"]
	if !ok {
		return ""
	}
	known := 0
	for _, s := range strings.FieldsFunc(client["known_servers"], func(r rune) bool { return r == ',' || r == ' ' }) {
		if s != "" {
			known++
		}
	}
	if known < servers {
		return fmt.Sprintf("the client knows %s, fewer than %d", render.Count(known, "server"), servers)
	}
	last, err1 := time.ParseDuration(client["last_heartbeat"])
	ttl, err2 := time.ParseDuration(client["heartbeat_ttl"])
	if err1 == nil && err2 == nil && last > ttl {
		return fmt.Sprintf("the client's last heartbeat was %s ago, which is longer than %s", last, ttl)
	}
	return ""
}
