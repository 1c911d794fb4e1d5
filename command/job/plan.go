package job

import (
	"context"
	"fmt"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/explain"
	"github.com/nomadlike/nomadlike/command/jobfile"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

const (
	// exitChanges is what plan exits with when allocations would change.
	exitChanges = 1
	// exitPlanError is what plan exits with when it fails, so that scripts can
	// tell that from changes.
	exitPlanError = 255
	// exitFlags is what validate exits with when flags exclude each other.
	exitFlags = 255
	// exitFailed is the exit code of failures.
	exitFailed = 1
)

// planOptions are the flags of job plan.
type planOptions struct {
	file                 jobfile.Flags
	diff, override, json bool
	explain, verbose     bool
	template             string
}

func planVerb(*meta.Meta) *meta.Verb {
	var o planOptions
	return &meta.Verb{
		Name: "job plan", Aliases: []string{"plan"}, Args: "<path>", MinArgs: 1, MaxArgs: 1, ErrorCode: exitPlanError,
		Summary: "Show what running a job file would change",
		Text: `Compares the job in the file with the one that runs and asks the scheduler what it would do, without doing it. The path may be - for standard input.

The command exits with 0 when no allocation would be created or destroyed, with 1 when some would, and with 255 when the plan could not be made.`,
		Examples: []meta.Example{
			{Text: "Look before running", Line: "nomadlike job plan web.nomad.hcl"},
			{Text: "Run only what was planned", Line: "nomadlike job run -check-index <index of the plan> web.nomad.hcl"},
		},
		Flags: func(f *meta.Flags) {
			f.Bool(&o.diff, "diff", true, "Show the difference to the job that runs.")
			f.Bool(&o.explain, "explain", false, "Tell also what every group asks for, what keeps nodes from taking it, and where and why it would be placed.")
			f.Bool(&o.json, "json-output", false, "Print the plan as JSON.")
			f.Bool(&o.override, "policy-override", false, "Set soft mandatory policies aside.")
			f.String(&o.template, "t", "", "<template>", "Print the plan through a Go template.")
			o.file.Declare(f)
			f.Verbose(&o.verbose)
		},
		Predict: meta.PredictFiles("*"),
		Do: func(ctx context.Context, c *meta.Call) error {
			job, err := o.file.Read(ctx, c.Meta, c.Args[0])
			if err != nil {
				return err
			}
			return o.plan(ctx, c, job)
		},
	}
}

func (o *planOptions) plan(ctx context.Context, c *meta.Call, job *jobfile.Job) error {
	if o.json && o.template != "" {
		return meta.Usagef("-json-output and -t exclude each other")
	}
	client, err := c.Within(job.Text("Region"), job.Text("Namespace"))
	if err != nil {
		return err
	}
	request := struct {
		Job            spec.Document
		Diff           bool
		PolicyOverride bool
		Explain        bool `json:",omitempty"`
	}{job.Doc, true, o.override, o.explain}
	reply, _, err := apiclient.Put[nl.JobPlanResponse](ctx, client, watch.JobPath(job.Text("ID"), "plan"), request, nil)
	if err != nil {
		return fmt.Errorf("planning job %q: %w", job.Text("ID"), explainRefusal(ctx, client, job, err))
	}
	hideSecrets(reply.Diff, job.Secrets)
	if o.json || o.template != "" {
		if err := o.printStructured(c, &reply); err != nil {
			return err
		}
	} else {
		o.print(c, job, &reply)
	}
	if changes(&reply) {
		return meta.Exit(exitChanges)
	}
	return nil
}

func (o *planOptions) printStructured(c *meta.Call, reply *nl.JobPlanResponse) error {
	text, err := "", error(nil)
	if o.json {
		text, err = render.JSON(reply)
	} else {
		text, err = render.Template(o.template, reply)
	}
	if err == nil {
		c.Print(text)
	}
	return err
}

func (o *planOptions) print(c *meta.Call, job *jobfile.Job, reply *nl.JobPlanResponse) {
	if o.diff && reply.Diff != nil {
		c.Print(Diff(reply.Diff, c.Colour, o.verbose) + "\n")
	}
	c.Print(c.Colour.Bold("Scheduler dry-run:"))
	c.Print(dryRun(c, job, reply))
	if reply.Explanation != nil {
		c.Print("\n" + explain.View{Colour: c.Colour, Verbose: o.verbose, Now: c.Now()}.Job(reply.Explanation))
	}
	if reply.Annotations != nil && len(reply.Annotations.PreemptedAllocs) > 0 {
		c.Section("Preemptions:", preemptions(reply.Annotations.PreemptedAllocs))
	}
	if reply.Warnings != "" {
		c.Print("")
		c.Print(c.Colour.Paint(render.Yellow, "Job Warnings:") + "\n" + job.WarningText(reply.Warnings))
	}
	c.Print("\n" + c.Colour.Bold(fmt.Sprintf("Job Modify Index: %d", reply.JobModifyIndex)))
	c.Print("To submit the job, provided that nobody changes it before, run:\n")
	c.Printf("    %s job run %s-check-index %d %s%s", meta.Binary, c.NamespaceFlag(), reply.JobModifyIndex, job.Secrets.Mask(o.file.Hint()), c.Args[0])
}

// dryRun tells what the scheduler would do.
func dryRun(c *meta.Call, job *jobfile.Job, reply *nl.JobPlanResponse) string {
	var lines []string
	if len(reply.FailedTGAllocs) > 0 {
		lines = append(lines, c.Colour.Paint(render.Yellow, "- WARNING: Failed to place all allocations."),
			render.Indent(watch.Failures(reply.FailedTGAllocs, c.Colour, false), "  "))
	} else if !job.Has("Periodic") && !job.Has("ParameterizedJob") {
		lines = append(lines, c.Colour.Paint(render.Green, "- All tasks successfully allocated."))
	}
	for _, e := range reply.CreatedEvals {
		if e.TriggeredBy == nl.TriggerRollingUpdate {
			lines = append(lines, fmt.Sprintf("- Rolling update, next evaluation will be in %s.", e.Wait))
		}
	}
	if next := reply.NextPeriodicLaunch; !next.IsZero() {
		lines = append(lines, c.Colour.Paint(render.Green, fmt.Sprintf("- If submitted now, next periodic launch would be at %s (%s).",
			render.Time(next.Local()), render.Since(next.Time, c.Now()))))
		for i, at := range reply.NextPeriodicLaunches {
			if i > 0 {
				lines = append(lines, fmt.Sprintf("    then at %s (%s)", render.Time(at.Local()), render.Since(at.Time, c.Now())))
			}
		}
	}
	if len(lines) == 0 {
		lines = append(lines, "- Nothing is started until the job is launched or dispatched.")
	}
	return strings.Join(lines, "\n")
}

// changes tells whether allocations would be created or destroyed.
func changes(reply *nl.JobPlanResponse) bool {
	if reply.Annotations == nil {
		return false
	}
	for _, u := range reply.Annotations.DesiredTGUpdates {
		if u != nil && u.Stop+u.Place+u.Migrate+u.DestructiveUpdate+u.Canary > 0 {
			return true
		}
	}
	return false
}

// preemptionRows is how many rows a table of preemptions has before it shows
// totals instead.
const preemptionRows = 10

// preemptions tells who would have to make way: each allocation, or each job
// when they are many, or only how many of each type.
func preemptions(allocs []*nl.AllocStub) string {
	if len(allocs) < preemptionRows {
		t := render.NewTable("Alloc ID", "Job ID", "Task Group")
		for _, a := range allocs {
			t.Row(a.ID, a.JobID, a.TaskGroup)
		}
		return t.String()
	}
	type jobKey struct{ id, namespace, kind string }
	jobs, types := map[jobKey]int{}, map[string]int{}
	var order []jobKey
	for _, a := range allocs {
		key := jobKey{a.JobID, a.Namespace, a.JobType}
		if jobs[key] == 0 {
			order = append(order, key)
		}
		jobs[key]++
		types[a.JobType]++
	}
	if len(jobs) < preemptionRows {
		t := render.NewTable("Job ID", "Namespace", "Job Type", "Preemptions")
		for _, key := range order {
			t.Row(key.id, key.namespace, key.kind, fmt.Sprint(jobs[key]))
		}
		return t.String()
	}
	t := render.NewTable("Job Type", "Preemptions")
	for _, kind := range render.Keys(types) {
		t.Row(kind, fmt.Sprint(types[kind]))
	}
	return t.String()
}
