// Package job holds the commands of jobs, one per file. The root collects them.
// They read job files, speak HTTP with an agent and print; what a job is and
// how it is scheduled is none of their business.
package job

import (
	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
)

// Commands are the commands of this package by name, short names included.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	out := map[string]cli.CommandFactory{
		"job": meta.GroupFactory(m, meta.Group{
			Name: "job", Summary: "Run, change and look at jobs",
			Text: "A job is what is to run, as a job file says it. These commands submit jobs, change and stop them, and show what became of them.",
			Examples: []meta.Example{
				{Text: "Run a new job or update a running one", Line: "nomadlike job run <path>"},
				{Text: "See what an update would do", Line: "nomadlike job plan <path>"},
				{Text: "Look at a job", Line: "nomadlike job status <job>"},
				{Text: "See why a job is pending", Line: "nomadlike job explain <job>"},
				{Text: "Stop a job", Line: "nomadlike job stop <job>"},
			},
		}),
		"job periodic": meta.GroupFactory(m, meta.Group{
			Name: "job periodic", Summary: "Work with periodic jobs",
			Text: "A periodic job is launched by the clock.",
		}),
		"job tag": meta.GroupFactory(m, meta.Group{
			Name: "job tag", Summary: "Name versions of jobs",
			Text: "A tag names a version of a job and keeps it from being forgotten.",
		}),
	}
	for _, verb := range []func(*meta.Meta) *meta.Verb{
		runVerb, planVerb, validateVerb, statusVerb, stopVerb, startVerb, restartVerb, dispatchVerb, evalVerb,
		historyVerb, importVerb, initVerb, inspectVerb, allocsVerb, deploymentsVerb, promoteVerb, revertVerb, scaleVerb,
		scalingEventsVerb, periodicForceVerb, explainVerb, actionVerb, tagApplyVerb, tagUnsetVerb,
	} {
		v := verb(m)
		for _, name := range append([]string{v.Name}, v.Aliases...) {
			out[name] = meta.Factory(m, verb)
		}
	}
	return out
}
