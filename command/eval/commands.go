// Package eval holds the commands of evaluations: what the scheduler was asked
// to look at, and what came of it. The root collects them.
package eval

import (
	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
)

// Commands are the commands of this package by name, the old spelling included.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"eval": meta.GroupFactory(m, meta.Group{
			Name: "eval", Summary: "Look at evaluations",
			Text: "An evaluation is the scheduler's look at a job after something has changed: a job, a node, an allocation. It says what was placed, and why something was not.",
			Examples: []meta.Example{
				{Text: "List evaluations", Line: "nomadlike eval list"},
				{Text: "See why something was not placed", Line: "nomadlike eval status <eval>"},
			},
		}),
		"eval explain": meta.Factory(m, explainVerb),
		"eval list":    meta.Factory(m, listVerb),
		"eval status":  meta.Factory(m, statusVerb),
		"eval-status":  meta.Factory(m, statusVerb),
		"eval delete":  meta.Factory(m, deleteVerb),
	}
}
