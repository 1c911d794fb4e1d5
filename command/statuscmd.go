package command

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// place is a sort of objects that status finds by the start of their IDs.
type place struct {
	context string // of search
	title   string
	command string // that shows one
}

// places are what status can show.
func places() []place {
	return []place{
		{"jobs", "Jobs", "job status"},
		{"allocs", "Allocations", "alloc status"},
		{"nodes", "Nodes", "node status"},
		{"evals", "Evaluations", "eval status"},
		{"deployment", "Deployments", "deployment status"},
		{"namespaces", "Namespaces", "namespace status"},
		{"node_pools", "Node Pools", "node pool info"},
		{"quotas", "Quotas", "quota status"},
		{"volumes", "Volumes", "volume status"},
		{"host_volumes", "Host Volumes", "volume status"},
		{"plugins", "Plugins", "plugin status"},
		{"scaling_policy", "Scaling Policies", "scaling policy info"},
		{"vars", "Variables", "var get"},
	}
}

// statusVerb shows whatever an ID belongs to.
func statusVerb(m *meta.Meta) *meta.Verb {
	var ignored bool
	return &meta.Verb{
		Name: "status", Args: "[<id>]", MaxArgs: 1,
		Summary: "Show the state of whatever an ID belongs to",
		Text:    "Lists all jobs, or shows the job, allocation, node, evaluation, deployment or other object whose ID, or the start of one, is given. Flags are those of the status command of the object.",
		Examples: []meta.Example{
			{Text: "List jobs", Line: "nomadlike status"},
			{Text: "Show the object with this ID", Line: "nomadlike status 5f3a"},
		},
		Flags: func(f *meta.Flags) {
			f.Verbose(&ignored)
			f.Bool(&ignored, "short", false, "Show less.")
			f.Bool(&ignored, "evals", false, "Of a job: show its evaluations.")
			f.Bool(&ignored, "all-allocs", false, "Of a job: show also allocations of an earlier job of the same ID.")
			f.Bool(&ignored, "stats", false, "Of an allocation or node: show resource usage.")
			f.Output()
			f.UI(&ignored)
		},
		Predict: meta.Predict("all"),
		Do: func(ctx context.Context, c *meta.Call) error {
			command := "job status"
			if len(c.Args) == 1 {
				found, err := find(ctx, c, c.Args[0])
				if err != nil {
					return err
				}
				command = found
			}
			return delegate(m, command, c.Raw)
		},
	}
}

// delegate becomes another command.
func delegate(m *meta.Meta, name string, args []string) error {
	for _, noun := range nouns() {
		factory, ok := noun(m)[name]
		if !ok {
			continue
		}
		command, err := factory()
		if err != nil {
			return err
		}
		if code := command.Run(args); code != 0 {
			return meta.Exit(code)
		}
		return nil
	}
	return fmt.Errorf("there is no command %q to show this with", name)
}

// find is the command that shows the one object with this ID.
func find(ctx context.Context, c *meta.Call, id string) (string, error) {
	client, err := c.Client()
	if err != nil {
		return "", err
	}
	found, err := meta.Search(ctx, client, id, "all")
	if apiclient.CodeOf(err) == http.StatusForbidden {
		// Whoever may not search may still read a job whose ID he knows.
		return "job status", nil
	}
	if err != nil {
		return "", fmt.Errorf("searching for %q: %w", id, err)
	}
	return chooseCommand(found, id)
}

// chooseCommand prefers the only exact ID, then the only match.
func chooseCommand(found nl.SearchResponse, id string) (string, error) {
	var exact, any []place
	matches := 0
	for _, p := range places() {
		ids := found.Matches[p.context]
		if len(ids) == 0 {
			continue
		}
		any = append(any, p)
		matches += len(ids)
		if slices.Contains(ids, id) {
			exact = append(exact, p)
		}
	}
	switch {
	case len(exact) == 1:
		return exact[0].command, nil
	case matches == 0:
		return "", fmt.Errorf("nothing found whose ID is or starts with %q", id)
	case matches == 1:
		return any[0].command, nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q matches several objects", id)
	for _, p := range any {
		fmt.Fprintf(&b, "\n\n%s:\n%s", p.title, render.List(found.Matches[p.context]))
		if found.Truncations[p.context] {
			b.WriteString(", ...")
		}
	}
	return "", &meta.MatchError{Text: b.String()}
}
