package job

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/periodic"
)

// statusOptions are the flags of job status.
type statusOptions struct {
	short, evals, allAllocs, verbose, ui bool
}

// jobState is all that the status of a job is made of.
type jobState struct {
	job        *nl.Job
	summary    *nl.JobSummary
	evals      []*nl.Eval
	allocs     []*nl.AllocStub
	deployment *nl.Deployment
	children   []*nl.JobStub
	actions    []*nl.JobAction
	why        *nl.JobExplanation // nil unless something waits
}

// jobReport is the status of a job in the shape of -json.
type jobReport struct {
	Summary          *nl.JobSummary
	Allocations      []*nl.AllocStub
	LatestDeployment *nl.Deployment
	Evaluations      []*nl.Eval
}

func statusVerb(*meta.Meta) *meta.Verb {
	var o statusOptions
	return &meta.Verb{
		Name: "job status", Args: "[<job>]", MaxArgs: 1,
		Summary: "Show jobs, or the state of one",
		Text:    "Lists all jobs, or shows one: its summary, what could not be placed, its latest deployment and its allocations. The job may be given by the start of its ID.",
		Examples: []meta.Example{
			{Text: "List jobs of all namespaces", Line: "nomadlike job status -namespace '*'"},
			{Text: "Show one job with its evaluations", Line: "nomadlike job status -evals web"},
		},
		Flags: func(f *meta.Flags) {
			f.Bool(&o.short, "short", false, "Show the job and its summary only.")
			f.Bool(&o.evals, "evals", false, "Show the evaluations of the job.")
			f.Bool(&o.allAllocs, "all-allocs", false, "Show also allocations of an earlier job of the same ID.")
			f.Output()
			f.Verbose(&o.verbose)
			f.UI(&o.ui)
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if len(c.Args) == 0 {
				return o.list(ctx, c)
			}
			return o.one(ctx, c)
		},
	}
}

func (o *statusOptions) list(ctx context.Context, c *meta.Call) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	jobs, _, err := apiclient.Get[[]*nl.JobStub](ctx, client, "/v1/jobs", nil)
	if err != nil {
		return fmt.Errorf("listing jobs: %w", err)
	}
	if done, err := c.PrintStructured(jobs); done {
		return err
	}
	if len(jobs) == 0 {
		c.Print("No running jobs")
	} else {
		c.Print(meta.JobTable(jobs, c.AllNamespaces()))
	}
	c.Hint(ctx, "View the jobs in the web console", meta.ConsolePath("jobs"), o.ui)
	return nil
}

func (o *statusOptions) one(ctx context.Context, c *meta.Call) error {
	match, err := c.Job(ctx, c.Args[0])
	if err != nil {
		return err
	}
	s, err := o.read(ctx, c, match.ID)
	if err != nil {
		return err
	}
	report := []jobReport{{s.summary, s.allocs, s.deployment, s.evals}}
	if done, err := c.PrintStructured(report); done {
		return err
	}
	o.print(c, s)
	c.Hint(ctx, "View this job in the web console", meta.ConsolePath("jobs", s.job.ID+"@"+s.job.Namespace), o.ui)
	return nil
}

// read asks for everything that is shown.
func (o *statusOptions) read(ctx context.Context, c *meta.Call, id string) (*jobState, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	s := &jobState{}
	read := func(what, path string, out any, q *apiclient.Query) {
		if err != nil {
			return
		}
		if _, err = client.Call(ctx, "GET", path, nil, out, q); err != nil {
			err = fmt.Errorf("reading %s of job %q: %w", what, id, err)
		}
	}
	read("the definition", watch.JobPath(id), &s.job, nil)
	read("the summary", watch.JobPath(id, "summary"), &s.summary, nil)
	if err != nil || (o.short && !c.Structured()) {
		return s, err
	}
	if s.job.IsPeriodic() || s.job.IsParameterized() {
		read("the children", "/v1/jobs", &s.children, &apiclient.Query{Prefix: id + "/"})
		s.children = slices.DeleteFunc(s.children, func(j *nl.JobStub) bool { return j.ParentID != id })
		if !c.Structured() {
			return s, err
		}
	}
	read("the evaluations", watch.JobPath(id, "evaluations"), &s.evals, nil)
	all := &apiclient.Query{Params: map[string]string{"all": fmt.Sprint(o.allAllocs)}}
	read("the allocations", watch.JobPath(id, "allocations"), &s.allocs, all)
	read("the latest deployment", watch.JobPath(id, "deployment"), &s.deployment, nil)
	if hasActions(s.job) {
		read("the actions", watch.JobPath(id, "actions"), &s.actions, nil)
	}
	if err == nil && !c.Structured() && waits(s) {
		// A server that does not explain leaves the status as it is.
		s.why, _ = explanation(ctx, c, id, nil)
	}
	return s, err
}

func hasActions(job *nl.Job) bool {
	for _, g := range job.TaskGroups {
		for _, t := range g.Tasks {
			if len(t.Actions) > 0 {
				return true
			}
		}
	}
	return false
}

func (o *statusOptions) print(c *meta.Call, s *jobState) {
	job := s.job
	c.Print(jobPairs(c, job))
	switch {
	case job.IsParameterized():
		c.Section("Parameterized Job", parameters(job.ParameterizedJob))
		childSummary(c, s.summary)
		if !o.short {
			childList(c, "Dispatched Jobs", "No dispatched instances of this job", s.children)
		}
	case job.IsPeriodic():
		childSummary(c, s.summary)
		if !o.short {
			childList(c, "Previously Launched Jobs", "No instances of this job were launched yet", s.children)
		}
	default:
		if s.summary != nil {
			c.Section("Summary", summaryTable(s.summary))
		}
		if !o.short {
			o.printWork(c, s)
		}
	}
}

// jobPairs is what a job is.
func jobPairs(c *meta.Call, job *nl.Job) string {
	var kv render.Pairs
	kv.Add("ID", job.ID).
		Add("Name", job.Name).
		Add("Submit Date", render.Nanos(job.SubmitTime)).
		Add("Type", job.Type).
		Add("Priority", fmt.Sprint(job.Priority)).
		Add("Datacenters", render.List(job.Datacenters)).
		Add("Namespace", job.Namespace).
		Add("Node Pool", job.NodePool).
		Add("Status", meta.JobStatus(job.Status, job.Stop)).
		Add("Periodic", fmt.Sprint(job.IsPeriodic())).
		Add("Parameterized", fmt.Sprint(job.IsParameterized())).
		AddIf(job.DispatchIdempotencyToken != "", "Idempotency Token", job.DispatchIdempotencyToken)
	if job.IsPeriodic() && !job.IsParameterized() {
		kv.Add("Next Periodic Launch", nextPeriodic(c, job))
	}
	return kv.String()
}

func nextPeriodic(c *meta.Call, job *nl.Job) string {
	if !job.Periodic.Enabled || job.Stop {
		return "none (job stopped or periodic block not enabled)"
	}
	next, err := periodic.Next(job.Periodic, c.Now())
	if err != nil || next.IsZero() {
		return "none (the job is not launched again)"
	}
	return fmt.Sprintf("%s (%s)", render.Time(next), render.Since(next, c.Now()))
}

func parameters(p *nl.Parameterized) string {
	var kv render.Pairs
	return kv.Add("Payload", p.Payload).
		Add("Required Metadata", strings.Join(p.MetaRequired, ", ")).
		Add("Optional Metadata", strings.Join(p.MetaOptional, ", ")).String()
}

func childSummary(c *meta.Call, summary *nl.JobSummary) {
	if summary == nil || summary.Children == nil {
		return
	}
	t := render.NewTable("Pending", "Running", "Dead")
	t.Row(fmt.Sprint(summary.Children.Pending), fmt.Sprint(summary.Children.Running), fmt.Sprint(summary.Children.Dead))
	c.Section("Children Job Summary", t.String())
}

func childList(c *meta.Call, title, none string, children []*nl.JobStub) {
	if len(children) == 0 {
		c.Print("\n" + none)
		return
	}
	t := render.NewTable("ID", "Status")
	for _, j := range children {
		t.Row(j.ID, meta.JobStatus(j.Status, j.Stop))
	}
	c.Section(title, t.String())
}

func summaryTable(s *nl.JobSummary) string {
	t := render.NewTable("Task Group", "Queued", "Starting", "Running", "Failed", "Complete", "Lost", "Unknown")
	for _, name := range render.Keys(s.Summary) {
		g := s.Summary[name]
		t.Row(name, fmt.Sprint(g.Queued), fmt.Sprint(g.Starting), fmt.Sprint(g.Running), fmt.Sprint(g.Failed),
			fmt.Sprint(g.Complete), fmt.Sprint(g.Lost), fmt.Sprint(g.Unknown))
	}
	return t.String()
}
