package job

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func revertVerb(*meta.Meta) *meta.Verb {
	var detach, verbose bool
	return &meta.Verb{
		Name: "job revert", Args: "<job> <version or tag>", MinArgs: 2, MaxArgs: 2,
		Summary: "Go back to an earlier version of a job",
		Text:    "Registers an earlier version of a job again, as its newest one. The history command lists versions and tags.",
		Examples: []meta.Example{
			{Text: "Go back to version 3", Line: "nomadlike job revert web 3"},
			{Text: "Go back to a tagged version", Line: "nomadlike job revert web golden"},
		},
		Flags: func(f *meta.Flags) {
			f.Detach(&detach)
			f.Verbose(&verbose)
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			match, err := c.Job(ctx, c.Args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			version, err := versionOf(ctx, client, match.ID, c.Args[1])
			if err != nil {
				return err
			}
			request := struct {
				JobID      string
				JobVersion uint64
			}{match.ID, version}
			reply, _, err := apiclient.Put[nl.JobRegisterResponse](ctx, client, watch.JobPath(match.ID, "revert"), request, nil)
			if err != nil {
				return fmt.Errorf("reverting job %q: %w", match.ID, err)
			}
			printWarnings(c, reply.Warnings)
			if reply.EvalID == "" {
				c.Printf("Job %q reverted to version %d", match.ID, version)
			}
			return watch.Follow(ctx, c, reply.EvalID, detach, verbose)
		},
	}
}

// versionsReply answers the versions of a job.
type versionsReply struct {
	Versions []*nl.Job
	Diffs    []*nl.JobDiff
}

// versionOf is the number of a version that is given by number or tag.
func versionOf(ctx context.Context, client *apiclient.Client, id, text string) (uint64, error) {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, nil
	}
	reply, _, err := apiclient.Get[versionsReply](ctx, client, watch.JobPath(id, "versions"), nil)
	if err != nil {
		return 0, fmt.Errorf("reading the versions of job %q: %w", id, err)
	}
	for _, v := range reply.Versions {
		if v.VersionTag != nil && v.VersionTag.Name == text {
			return v.Version, nil
		}
	}
	return 0, fmt.Errorf("no version of job %q has the tag %q: 'job history %s' lists versions and tags", id, text, id)
}
