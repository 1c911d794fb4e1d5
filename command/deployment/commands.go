// Package deployment holds the commands of deployments: how far the update of
// a job has come, and how to steer it. The root collects them.
package deployment

import (
	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
)

// Commands are the commands of this package by name.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"deployment": meta.GroupFactory(m, meta.Group{
			Name: "deployment", Summary: "Look at deployments and steer them",
			Text: "A deployment is the way of a job from one version to the next: allocations are replaced, a few at a time, and checked for health.",
			Examples: []meta.Example{
				{Text: "List deployments", Line: "nomadlike deployment list"},
				{Text: "Follow a deployment to its end", Line: "nomadlike deployment status -monitor <deployment>"},
				{Text: "Promote canaries", Line: "nomadlike deployment promote <deployment>"},
			},
		}),
		"deployment list":    meta.Factory(m, listVerb),
		"deployment status":  meta.Factory(m, statusVerb),
		"deployment fail":    meta.Factory(m, failVerb),
		"deployment pause":   meta.Factory(m, pauseVerb),
		"deployment promote": meta.Factory(m, promoteVerb),
		"deployment resume":  meta.Factory(m, resumeVerb),
		"deployment unblock": meta.Factory(m, unblockVerb),
	}
}
