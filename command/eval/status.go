package eval

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// statusOptions are the flags of eval status.
type statusOptions struct{ monitor, verbose, ui bool }

func statusVerb(*meta.Meta) *meta.Verb {
	var o statusOptions
	return &meta.Verb{
		Name: "eval status", Args: "<eval>", MaxArgs: 1,
		Summary:  "Show what the scheduler made of an evaluation",
		Text:     "Shows an evaluation: why it was made, what was placed, and what stood in the way of the rest. Without an evaluation, -json and -t show all.",
		Examples: []meta.Example{{Text: "Follow an evaluation until it is over", Line: "nomadlike eval status -monitor <eval>"}},
		Flags: func(f *meta.Flags) {
			f.Bool(&o.monitor, "monitor", false, "Follow the evaluation until it is over.")
			f.Output()
			f.Verbose(&o.verbose)
			f.UI(&o.ui)
		},
		Predict: meta.Predict("evals"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if len(c.Args) == 0 {
				return all(ctx, c)
			}
			found, err := c.Eval(ctx, c.Args[0])
			if err != nil {
				return err
			}
			if o.monitor {
				return watch.Eval(ctx, c, found.ID, o.verbose)
			}
			return o.show(ctx, c, found.ID)
		},
	}
}

// all prints every evaluation, for programs.
func all(ctx context.Context, c *meta.Call) error {
	if !c.Structured() {
		return meta.Usagef("This command takes <eval>")
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	evals, _, err := apiclient.Get[[]*nl.Eval](ctx, client, "/v1/evaluations", nil)
	if err != nil {
		return fmt.Errorf("listing evaluations: %w", err)
	}
	_, err = c.PrintStructured(evals)
	return err
}

func (o *statusOptions) show(ctx context.Context, c *meta.Call, id string) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	e, _, err := apiclient.Get[*nl.Eval](ctx, client, "/v1/evaluation/"+id, &apiclient.Query{Params: map[string]string{"related": "true"}})
	if err != nil {
		return fmt.Errorf("reading evaluation %q: %w", render.ID(id, o.verbose), err)
	}
	if done, err := c.PrintStructured(e); done {
		return err
	}
	placed, _, err := apiclient.Get[[]*nl.AllocStub](ctx, client, "/v1/evaluation/"+id+"/allocations", nil)
	if err != nil {
		return fmt.Errorf("reading the allocations of evaluation %q: %w", render.ID(id, o.verbose), err)
	}
	c.Print(pairs(e, c, o.verbose))
	if !e.Terminal() {
		// A server that does not explain leaves the status as it is.
		if x, _, err := apiclient.Get[*nl.EvalExplanation](ctx, client, "/v1/evaluation/"+id+"/explain", nil); err == nil {
			c.Section("Waiting", waiting(x))
			c.Printf("\nFor more, run: %s eval explain %s%s", meta.Binary, c.NamespaceFlag(), render.ID(id, o.verbose))
		}
	}
	if len(e.RelatedEvals) > 0 {
		c.Section("Related Evaluations", related(e.RelatedEvals, o.verbose))
	}
	if len(placed) > 0 {
		c.Section("Placed Allocations", o.placed(c, placed))
	}
	if e.PlanAnnotations != nil && len(e.PlanAnnotations.DesiredTGUpdates) > 0 {
		c.Section("Reconciler Annotations", annotations(e.PlanAnnotations, o.verbose))
	}
	if len(e.FailedTGAllocs) > 0 {
		c.Section("Failed Placements", watch.Failures(e.FailedTGAllocs, c.Colour, o.verbose))
		if e.BlockedEval != "" {
			c.Printf("\nEvaluation %q waiting for additional capacity to place remainder", render.ID(e.BlockedEval, o.verbose))
		}
	}
	c.Hint(ctx, "View this evaluation in the web console", "/ui/evaluations?currentEval="+e.ID, o.ui)
	return nil
}

// waiting is why an evaluation is not over: what it waits for, and why its job
// has work without a place.
func waiting(x *nl.EvalExplanation) string {
	text := "- " + render.Wrap(x.Summary, render.Narrow-2, "  ")
	if x.Now != nil && x.Now.Waiting && x.Now.Summary != x.Summary {
		text += "\n- " + render.Wrap(x.Now.Summary, render.Narrow-2, "  ")
	}
	return text
}

func pairs(e *nl.Eval, c *meta.Call, verbose bool) string {
	description := e.StatusDescription
	if description == "" {
		description = e.Status
	}
	triggered := e.TriggeredBy
	var kv render.Pairs
	kv.Add("ID", render.ID(e.ID, verbose)).
		Add("Create Time", render.When(e.CreateTime, c.Now(), verbose)).
		Add("Modify Time", render.When(e.ModifyTime, c.Now(), verbose)).
		Add("Status", e.Status).
		Add("Status Description", description).
		Add("Type", e.Type).
		Add("TriggeredBy", triggered)
	if e.NodeID != "" && e.JobID == "" {
		kv.Add("Node ID", render.ID(e.NodeID, verbose))
	} else {
		kv.Add("Job ID", e.JobID)
	}
	kv.Add("Namespace", e.Namespace).
		Add("Priority", fmt.Sprint(e.Priority)).
		Add("Placement Failures", meta.PlacementFailures(e)).
		AddIf(!e.WaitUntil.IsZero(), "Wait Until", render.Time(e.WaitUntil.Local())).
		AddIf(e.QuotaLimitReached != "", "Quota Limit Reached", e.QuotaLimitReached).
		Add("Previous Eval", render.ID(e.PreviousEval, verbose)).
		Add("Next Eval", render.ID(e.NextEval, verbose)).
		Add("Blocked Eval", render.ID(e.BlockedEval, verbose))
	return kv.String()
}

func related(evals []*nl.EvalStub, verbose bool) string {
	t := render.NewTable("ID", "Priority", "Triggered By", "Node ID", "Status", "Description")
	for _, e := range evals {
		t.Row(render.ID(e.ID, verbose), fmt.Sprint(e.Priority), e.TriggeredBy, render.ID(e.NodeID, verbose), e.Status, e.StatusDescription)
	}
	return t.String()
}

func (o *statusOptions) placed(c *meta.Call, allocs []*nl.AllocStub) string {
	t := render.NewTable("ID", "Job ID", "Node ID", "Task Group", "Version", "Desired", "Status", "Created", "Modified")
	for _, a := range allocs {
		t.Row(render.ID(a.ID, o.verbose), a.JobID, render.ID(a.NodeID, o.verbose), a.TaskGroup, fmt.Sprint(a.JobVersion),
			a.DesiredStatus, a.ClientStatus, render.When(a.CreateTime, c.Now(), o.verbose), render.When(a.ModifyTime, c.Now(), o.verbose))
	}
	return t.String()
}

func annotations(p *nl.PlanAnnotations, verbose bool) string {
	more := func(title string) string { return render.If(verbose, title) }
	t := render.NewTable("Task Group", "Ignore", "Place", "Stop", "InPlace", "Destructive",
		more("Migrate"), more("Canary"), more("Preemptions"), more("Disconnect"), more("Reconnect"), more("RescheduleNow"), more("RescheduleLater"))
	for _, group := range render.Keys(p.DesiredTGUpdates) {
		u := p.DesiredTGUpdates[group]
		row := []string{group}
		for _, n := range []uint64{
			u.Ignore, u.Place, u.Stop, u.InPlaceUpdate, u.DestructiveUpdate, u.Migrate,
			u.Canary, u.Preemptions, u.Disconnect, u.Reconnect, u.RescheduleNow, u.RescheduleLater,
		} {
			row = append(row, fmt.Sprint(n))
		}
		t.Row(row...)
	}
	return t.String()
}
