// Package server holds the commands about the servers of a cluster: who they
// are, and how they join and leave. The root command collects them. They speak
// HTTP only.
package server

import (
	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
)

// Commands are the commands of this package and their old spellings.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"server": meta.GroupFactory(m, meta.Group{
			Name: "server", Summary: "Inspect and handle servers",
			Text: "Servers keep the state of the cluster and schedule its work. These commands show which servers there are, join them and remove those that have failed.",
			Examples: []meta.Example{
				{Text: "List the servers", Line: meta.Binary + " server members"},
				{Text: "Remove one that will not come back", Line: meta.Binary + " server force-leave node2.global"},
			},
		}),
		"server members":     meta.Factory(m, members),
		"server join":        meta.Factory(m, join),
		"server force-leave": meta.Factory(m, forceLeave),
		"server-members":     meta.Factory(m, meta.Deprecated(members, "server-members")),
		"server-join":        meta.Factory(m, meta.Deprecated(join, "server-join")),
		"server-force-leave": meta.Factory(m, meta.Deprecated(forceLeave, "server-force-leave")),
	}
}
