package job

import (
	"context"
	"fmt"
	"net/http"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// sourceTries is how many versions are looked at for a source: as many as
// servers keep by default.
const sourceTries = 6

func startVerb(*meta.Meta) *meta.Verb {
	var detach, verbose bool
	return &meta.Verb{
		Name: "job start", Aliases: []string{"start"}, Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary:  "Start a stopped job",
		Text:     "Starts a job that was stopped, in the version in which it was stopped.",
		Examples: []meta.Example{{Text: "Start a job again", Line: "nomadlike job start web"}},
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
			job, _, err := apiclient.Get[*nl.Job](ctx, client, watch.JobPath(match.ID), nil)
			if err != nil {
				return fmt.Errorf("reading job %q: %w", match.ID, err)
			}
			if !job.Stop {
				return fmt.Errorf("job %q is not stopped: nothing is to be started", match.ID)
			}
			source, err := latestSource(ctx, client, match.ID, job.Version)
			if err != nil {
				return err
			}
			job.Stop = false
			request := nl.JobRegisterRequest{Job: job, Submission: source}
			reply, _, err := apiclient.Put[nl.JobRegisterResponse](ctx, client, "/v1/jobs", request, nil)
			if err != nil {
				return fmt.Errorf("starting job %q: %w", match.ID, err)
			}
			printWarnings(c, reply.Warnings)
			if reply.EvalID == "" {
				c.Printf("Job %q started", match.ID)
			}
			return watch.Follow(ctx, c, reply.EvalID, detach, verbose)
		},
	}
}

// latestSource is the source of the newest version that has one: stopping a job
// makes a version that nobody submitted.
func latestSource(ctx context.Context, client *apiclient.Client, id string, version uint64) (*nl.JobSubmission, error) {
	for tries := 0; tries < sourceTries; tries++ {
		source, err := submission(ctx, client, id, version)
		if err != nil || source != nil || version == 0 {
			return source, err
		}
		version--
	}
	return nil, nil
}

// submission is the source of a version of a job, nil when it was not kept.
func submission(ctx context.Context, client *apiclient.Client, id string, version uint64) (*nl.JobSubmission, error) {
	q := &apiclient.Query{Params: map[string]string{"version": fmt.Sprint(version)}}
	source, _, err := apiclient.Get[*nl.JobSubmission](ctx, client, watch.JobPath(id, "submission"), q)
	if apiclient.CodeOf(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the source of job %q: %w", id, err)
	}
	return source, nil
}
