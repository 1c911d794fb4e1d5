package job

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func scaleVerb(*meta.Meta) *meta.Verb {
	var checkIndex uint64
	var detach, verbose bool
	return &meta.Verb{
		Name: "job scale", Args: "<job> [<group>] <count>", MinArgs: 2, MaxArgs: 3,
		Summary: "Change the count of a group",
		Text:    "Changes how many allocations a group has. The group may be left out when the job has only one.",
		Examples: []meta.Example{
			{Text: "Run five of the only group", Line: "nomadlike job scale web 5"},
			{Text: "Run five of one group", Line: "nomadlike job scale web frontend 5"},
		},
		Flags: func(f *meta.Flags) {
			f.Uint64(&checkIndex, "check-index", 0, "<index>", "Scale only if the job still has this modify index.")
			f.Detach(&detach)
			f.Verbose(&verbose)
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			text := c.Args[len(c.Args)-1]
			count, err := strconv.Atoi(text)
			if err != nil || count < 0 {
				return meta.Usagef("The count must be a number that is not negative, not %q", text)
			}
			match, err := c.Job(ctx, c.Args[0])
			if err != nil {
				return err
			}
			group, err := groupToScale(ctx, c, match.ID)
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			request := nl.ScalingRequest{
				Count: &count, JobModifyIndex: checkIndex,
				Target:  map[string]string{"Job": match.ID, "Group": group},
				Message: "submitted using the command line",
			}
			reply, _, err := apiclient.Put[nl.JobRegisterResponse](ctx, client, watch.JobPath(match.ID, "scale"), request, nil)
			if err != nil {
				return fmt.Errorf("scaling group %q of job %q: %w", group, match.ID, err)
			}
			printWarnings(c, reply.Warnings)
			return watch.Follow(ctx, c, reply.EvalID, detach, verbose)
		},
	}
}

// groupToScale is the group that was named, or the only one.
func groupToScale(ctx context.Context, c *meta.Call, id string) (string, error) {
	if len(c.Args) == 3 {
		return c.Args[1], nil
	}
	status, err := scaleStatus(ctx, c, id)
	if err != nil {
		return "", err
	}
	groups := render.Keys(status.TaskGroups)
	if len(groups) != 1 {
		return "", fmt.Errorf("job %q has %s: name one of %s", id, render.Count(len(groups), "group"), render.List(groups))
	}
	return groups[0], nil
}

func scaleStatus(ctx context.Context, c *meta.Call, id string) (*nl.JobScaleStatus, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	status, _, err := apiclient.Get[*nl.JobScaleStatus](ctx, client, watch.JobPath(id, "scale"), nil)
	if err != nil {
		return nil, fmt.Errorf("reading the scale of job %q: %w", id, err)
	}
	return status, nil
}
