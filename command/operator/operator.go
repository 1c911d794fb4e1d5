// Package operator holds the commands for those who run a cluster: consensus,
// autopilot, scheduler settings, snapshots, keys, metrics and raw calls. The
// root command collects them. They speak HTTP only.
package operator

import (
	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
)

// Commands are the commands of this package and their old spellings.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"operator": meta.GroupFactory(m, meta.Group{
			Name: "operator", Summary: "Run a cluster",
			Text: "These commands are for those who run a cluster, not for those who run jobs on it.",
			Examples: []meta.Example{
				{Text: "Who takes part in consensus", Line: meta.Binary + " operator raft list-peers"},
				{Text: "Keep a copy of the whole state", Line: meta.Binary + " operator snapshot save backup.snap"},
				{Text: "Compare the states of all servers", Line: meta.Binary + " operator check"},
			},
		}),
		"operator api":     meta.Factory(m, api),
		"operator check":   meta.Factory(m, check),
		"operator debug":   meta.Factory(m, debug),
		"debug":            meta.Factory(m, debug),
		"operator metrics": meta.Factory(m, metrics),
		"operator autopilot": meta.GroupFactory(m, meta.Group{
			Name: "operator autopilot", Summary: "Settings and health of the servers",
			Text: "Autopilot watches the servers: it makes new ones voters when they are stable, and removes those that are dead.",
			Examples: []meta.Example{
				{Text: "How the servers are", Line: meta.Binary + " operator autopilot health"},
			},
		}),
		"operator autopilot get-config": meta.Factory(m, autopilotGet),
		"operator autopilot set-config": meta.Factory(m, autopilotSet),
		"operator autopilot health":     meta.Factory(m, autopilotHealth),
		"operator gossip": meta.GroupFactory(m, meta.Group{
			Name: "operator gossip", Summary: "Keys of the gossip between servers",
			Text: "Servers can encrypt the messages by which they find each other.",
		}),
		"operator gossip keyring": meta.GroupFactory(m, meta.Group{
			Name: "operator gossip keyring", Summary: "Keys of the gossip between servers",
			Text: "The key goes into the encrypt setting of the server block of every server.",
			Examples: []meta.Example{
				{Text: "Make a key", Line: meta.Binary + " operator gossip keyring generate"},
			},
		}),
		"operator gossip keyring generate": meta.Factory(m, gossipGenerate),
		"operator raft": meta.GroupFactory(m, meta.Group{
			Name: "operator raft", Summary: "The servers that take part in consensus",
			Text: "These commands show and change who takes part in consensus. A majority of the voters must run.",
			Examples: []meta.Example{
				{Text: "Who takes part", Line: meta.Binary + " operator raft list-peers"},
			},
		}),
		"operator raft list-peers":          meta.Factory(m, raftList),
		"operator raft remove-peer":         meta.Factory(m, raftRemove),
		"operator raft transfer-leadership": meta.Factory(m, raftTransfer),
		"operator root": meta.GroupFactory(m, meta.Group{
			Name: "operator root", Summary: "Keys of variables and identities",
			Text: "The root keys encrypt variables and sign the identities of workloads.",
		}),
		"operator root keyring": meta.GroupFactory(m, meta.Group{
			Name: "operator root keyring", Summary: "Keys of variables and identities",
			Text: "The root keys encrypt variables and sign the identities of workloads. The servers rotate them by themselves.",
			Examples: []meta.Example{
				{Text: "Rotate now, and encrypt all variables anew", Line: meta.Binary + " operator root keyring rotate -now -full"},
			},
		}),
		"operator root keyring list":   meta.Factory(m, keyringList),
		"operator root keyring rotate": meta.Factory(m, keyringRotate),
		"operator root keyring remove": meta.Factory(m, keyringRemove),
		"operator scheduler": meta.GroupFactory(m, meta.Group{
			Name: "operator scheduler", Summary: "Settings of the scheduler",
			Text: "These settings hold for the whole cluster at once.",
			Examples: []meta.Example{
				{Text: "Spread allocations instead of packing them", Line: meta.Binary + " operator scheduler set-config -scheduler-algorithm=spread"},
			},
		}),
		"operator scheduler get-config": meta.Factory(m, schedulerGet),
		"operator scheduler set-config": meta.Factory(m, schedulerSet),
		"operator snapshot": meta.GroupFactory(m, meta.Group{
			Name: "operator snapshot", Summary: "Copies of the state of the servers",
			Text: "A snapshot holds all that the servers know: jobs, allocations, nodes, variables and keys. Keep it as safe as the servers.",
			Examples: []meta.Example{
				{Text: "Save, look inside, restore", Line: meta.Binary + " operator snapshot save backup.snap"},
			},
		}),
		"operator snapshot save":    meta.Factory(m, snapshotSave),
		"operator snapshot restore": meta.Factory(m, snapshotRestore),
		"operator snapshot inspect": meta.Factory(m, snapshotInspect),
	}
}
