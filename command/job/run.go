package job

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/jobfile"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/periodic"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

// registerRequest is what a registration sends: the job as its file says it,
// so that the servers fill in what it does not say.
type registerRequest struct {
	Submission        *nl.JobSubmission `json:"Submission,omitempty"`
	Job               spec.Document
	EnforceIndex      bool   `json:"EnforceIndex,omitempty"`
	JobModifyIndex    uint64 `json:"JobModifyIndex,omitempty"`
	PolicyOverride    bool   `json:"PolicyOverride,omitempty"`
	PreserveCounts    bool   `json:"PreserveCounts,omitempty"`
	PreserveResources bool   `json:"PreserveResources,omitempty"`
	EvalPriority      int    `json:"EvalPriority,omitempty"`
}

// runOptions are the flags of job run.
type runOptions struct {
	file            jobfile.Flags
	checkIndex      string
	consulNamespace string
	evalPriority    int

	detach, output, override          bool
	preserveCounts, preserveResources bool
	verbose, ui                       bool
}

func runVerb(*meta.Meta) *meta.Verb {
	var o runOptions
	return &meta.Verb{
		Name: "job run", Aliases: []string{"run"}, Args: "<path>", MinArgs: 1, MaxArgs: 1,
		Summary: "Run a new job or update an existing one",
		Text: `Submits the job in the file at the path to the cluster: a new job is started, an existing one is updated to what the file says. The path may be - for standard input, or the http or https URL of a file.

The command then follows the evaluation, and the deployment if there is one, until everything runs. It exits with 0 then, with 2 when allocations could not be placed, and with 1 on any other failure.`,
		Examples: []meta.Example{
			{Text: "Run a job and wait until it is healthy", Line: "nomadlike job run web.nomad.hcl"},
			{Text: "Run only if nobody has changed the job since it was planned", Line: "nomadlike job run -check-index 42 web.nomad.hcl"},
			{Text: "Set a variable of the job file", Line: "nomadlike job run -var version=1.2.3 web.nomad.hcl"},
		},
		Flags: func(f *meta.Flags) {
			f.String(&o.checkIndex, "check-index", "", "<index>", "Submit only if the job still has this modify index; 0 means that it must not exist yet. The plan command prints the index.")
			f.Detach(&o.detach)
			f.Int(&o.evalPriority, "eval-priority", 0, "<priority>", "Priority of the evaluation, 1 to 100, if it is to differ from the job's.")
			f.Bool(&o.output, "output", false, "Print the request as JSON and submit nothing. It holds the values of sensitive variables too.")
			f.Bool(&o.override, "policy-override", false, "Set soft mandatory policies aside.")
			f.Bool(&o.preserveCounts, "preserve-counts", false, "Keep the counts of existing groups, whatever the file says.")
			f.Bool(&o.preserveResources, "preserve-resources", false, "Keep the resources of existing tasks, whatever the file says.")
			f.String(&o.consulNamespace, "consul-namespace", "", "<namespace>", "Consul namespace of the job.")
			o.file.Declare(f)
			f.Verbose(&o.verbose)
			f.UI(&o.ui)
		},
		Predict: meta.PredictFiles("*"),
		Do: func(ctx context.Context, c *meta.Call) error {
			job, err := o.file.Read(ctx, c.Meta, c.Args[0])
			if err != nil {
				return err
			}
			return o.run(ctx, c, job)
		},
	}
}

func (o *runOptions) run(ctx context.Context, c *meta.Call, job *jobfile.Job) error {
	request, err := o.request(job)
	if err != nil {
		return err
	}
	if o.output {
		request.Submission = nil
		text, err := render.JSON(request)
		if err != nil {
			return err
		}
		c.Print(text)
		return nil
	}
	client, err := c.Within(job.Text("Region"), job.Text("Namespace"))
	if err != nil {
		return err
	}
	reply, _, err := apiclient.Put[nl.JobRegisterResponse](ctx, client, "/v1/jobs", request, nil)
	if err != nil {
		if request.EnforceIndex && strings.Contains(err.Error(), "nforcing job modify index") {
			return fmt.Errorf("the job was changed by somebody else and was not updated: %w\nPlan it again and run it with the index that the plan prints", err)
		}
		return fmt.Errorf("submitting job %q: %w", job.Text("ID"), explainRefusal(ctx, client, job, err))
	}
	printWarnings(c, job.WarningText(reply.Warnings))
	return o.follow(ctx, c, job, reply.EvalID)
}

func (o *runOptions) request(job *jobfile.Job) (*registerRequest, error) {
	if o.consulNamespace != "" {
		job.Doc["ConsulNamespace"] = o.consulNamespace
	}
	request := &registerRequest{
		Job: job.Doc, Submission: job.Submission,
		PolicyOverride: o.override, PreserveCounts: o.preserveCounts,
		PreserveResources: o.preserveResources, EvalPriority: o.evalPriority,
	}
	if o.checkIndex != "" {
		index, err := strconv.ParseUint(o.checkIndex, 10, 64)
		if err != nil {
			return nil, meta.Usagef("-check-index must be a number that is not negative, not %q", o.checkIndex)
		}
		request.EnforceIndex, request.JobModifyIndex = true, index
	}
	return request, nil
}

// follow tells what becomes of a registered job.
func (o *runOptions) follow(ctx context.Context, c *meta.Call, job *jobfile.Job, evalID string) error {
	switch {
	case job.Has("Periodic") || job.Has("ParameterizedJob") || job.Has("Multiregion") || o.detach || evalID == "":
		c.Print("Job registration successful")
		if text := nextLaunch(c, job); text != "" {
			c.Print(text)
		}
		if evalID != "" {
			c.Print("Evaluation ID: " + evalID)
		}
		o.hint(ctx, c, job)
		return nil
	}
	err := watch.Eval(ctx, c, evalID, o.verbose)
	o.hint(ctx, c, job)
	return err
}

func (o *runOptions) hint(ctx context.Context, c *meta.Call, job *jobfile.Job) {
	c.Hint(ctx, "View this job in the web console", meta.ConsolePath("jobs", job.Text("ID")+"@"+c.Namespace()), o.ui)
}

// nextLaunch tells when a periodic job runs next, "" for other jobs.
func nextLaunch(c *meta.Call, job *jobfile.Job) string {
	if !job.Has("Periodic") {
		return ""
	}
	decoded, err := spec.Register(job.Doc)
	if err != nil || decoded.Periodic == nil || job.Has("ParameterizedJob") {
		return ""
	}
	if !decoded.Periodic.Enabled {
		return "The job is not launched by the clock: its periodic block is not enabled"
	}
	next, err := periodic.Next(decoded.Periodic, c.Now())
	if err != nil || next.IsZero() {
		return ""
	}
	return fmt.Sprintf("Approximate next launch time: %s (%s)", render.Time(next.Local()), render.Since(next, c.Now()))
}

// printWarnings shows what the servers have to say about a job.
func printWarnings(c *meta.Call, warnings string) {
	if warnings != "" {
		c.Warn("Job Warnings:\n" + warnings + "\n")
	}
}
