package job

import (
	"context"
	"fmt"
	"slices"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func scalingEventsVerb(*meta.Meta) *meta.Verb {
	var verbose bool
	return &meta.Verb{
		Name: "job scaling-events", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary:  "List when and why a job was scaled",
		Examples: []meta.Example{{Text: "Show reasons and evaluations too", Line: "nomadlike job scaling-events -verbose web"}},
		Flags:    func(f *meta.Flags) { f.Verbose(&verbose) },
		Predict:  meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			match, err := c.Job(ctx, c.Args[0])
			if err != nil {
				return err
			}
			status, err := scaleStatus(ctx, c, match.ID)
			if err != nil {
				return err
			}
			text := scalingEvents(c, status, verbose)
			if text == "" {
				text = "No events found"
			}
			c.Print(text)
			return nil
		},
	}
}

func scalingEvents(c *meta.Call, status *nl.JobScaleStatus, verbose bool) string {
	type row struct {
		group string
		event *nl.ScalingEvent
	}
	var rows []row
	for _, group := range render.Keys(status.TaskGroups) {
		for _, e := range status.TaskGroups[group].Events {
			rows = append(rows, row{group, e})
		}
	}
	if len(rows) == 0 {
		return ""
	}
	slices.SortStableFunc(rows, func(a, b row) int { return int(min(max(b.event.Time-a.event.Time, -1), 1)) })
	t := render.NewTable("Task Group", "Count", "PrevCount", render.If(verbose, "Error"), render.If(verbose, "Message"),
		render.If(verbose, "Eval ID"), "Date")
	for _, r := range rows {
		count, eval := "", ""
		if r.event.Count != nil {
			count = fmt.Sprint(*r.event.Count)
		}
		if r.event.EvalID != nil {
			eval = *r.event.EvalID
		}
		t.Row(r.group, count, fmt.Sprint(r.event.PreviousCount), fmt.Sprint(r.event.Error), r.event.Message,
			eval, render.When(r.event.Time, c.Now(), verbose))
	}
	return t.String()
}
