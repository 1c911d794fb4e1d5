package deployment

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// steering is a command that changes a deployment and follows what comes of it.
type steering struct {
	name, summary, text string
	path                string // of the route, before the ID
	doing               string // for errors
	done                string // for success, with the ID
	pause               *bool
}

// verb is the command; follow makes it offer -detach.
func (s steering) verb(follow bool) *meta.Verb {
	detach, verbose := !follow, false
	return &meta.Verb{
		Name: "deployment " + s.name, Args: "<deployment>", MinArgs: 1, MaxArgs: 1,
		Summary: s.summary, Text: s.text,
		Examples: []meta.Example{{Text: s.summary, Line: "nomadlike deployment " + s.name + " <deployment>"}},
		Flags: func(f *meta.Flags) {
			if follow {
				f.Detach(&detach)
			}
			f.Verbose(&verbose)
		},
		Predict: meta.Predict("deployment"),
		Do: func(ctx context.Context, c *meta.Call) error {
			d, err := c.Deployment(ctx, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			request := struct {
				DeploymentID string
				Pause        *bool `json:",omitempty"`
			}{d.ID, s.pause}
			reply, _, err := apiclient.Put[nl.DeploymentUpdateResponse](ctx, client, s.path+d.ID, request, nil)
			if err != nil {
				return fmt.Errorf("%s deployment %q: %w", s.doing, render.ID(d.ID, verbose), err)
			}
			c.Printf("Deployment %q %s", render.ID(d.ID, verbose), s.done)
			if reply.RevertedJobVersion != nil {
				c.Printf("Job %q is reverted to version %d", d.JobID, *reply.RevertedJobVersion)
			}
			if !follow {
				return nil
			}
			if reply.EvalID != "" && !detach {
				c.Print("")
			}
			return watch.Follow(ctx, c, reply.EvalID, detach, verbose)
		},
	}
}

func failVerb(*meta.Meta) *meta.Verb {
	return steering{
		name: "fail", summary: "End a deployment as failed", path: "/v1/deployment/fail/", doing: "failing", done: "failed",
		text: "Ends a deployment. Its allocations stay as they are, or the job goes back to its last stable version if its update block says so.",
	}.verb(true)
}

func pauseVerb(*meta.Meta) *meta.Verb {
	yes := true
	return steering{
		name: "pause", summary: "Hold a deployment", path: "/v1/deployment/pause/", doing: "pausing", done: "paused", pause: &yes,
		text: "Holds a deployment: no further allocations are replaced until it is resumed.",
	}.verb(false)
}

func resumeVerb(*meta.Meta) *meta.Verb {
	no := false
	return steering{
		name: "resume", summary: "Let a paused deployment go on", path: "/v1/deployment/pause/", doing: "resuming", done: "resumed", pause: &no,
	}.verb(true)
}

func unblockVerb(*meta.Meta) *meta.Verb {
	return steering{
		name: "unblock", summary: "Let a blocked deployment of a multi-region job go on", path: "/v1/deployment/unblock/", doing: "unblocking", done: "unblocked",
		text: "Lets a deployment succeed that waits for the same job's deployment in another region.",
	}.verb(true)
}

func promoteVerb(*meta.Meta) *meta.Verb {
	var groups []string
	var detach, verbose bool
	return &meta.Verb{
		Name: "deployment promote", Args: "<deployment>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Promote the canaries of a deployment",
		Text:     "Promotes canaries, so that the rest of the job is updated too.",
		Examples: []meta.Example{{Text: "Promote one group only", Line: "nomadlike deployment promote -group frontend <deployment>"}},
		Flags: func(f *meta.Flags) {
			f.Strings(&groups, "group", "<group>", "Promote the canaries of this group only. May be given many times.")
			f.Detach(&detach)
			f.Verbose(&verbose)
		},
		Predict: meta.Predict("deployment"),
		Do: func(ctx context.Context, c *meta.Call) error {
			d, err := c.Deployment(ctx, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			evalID, err := watch.Promote(ctx, client, d.ID, groups)
			if err != nil {
				return err
			}
			return watch.Follow(ctx, c, evalID, detach, verbose)
		},
	}
}
