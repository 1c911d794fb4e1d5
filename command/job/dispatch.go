package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// dispatchPoll is how often a dispatched job is looked at while waiting.
	dispatchPoll = time.Second
	// exitJobFailed is the exit code when a job that was waited for has failed.
	exitJobFailed = 2
)

// dispatchOptions are the flags of job dispatch.
type dispatchOptions struct {
	detach, wait, verbose, ui bool
	meta                      map[string]string
	token, template           string
	priority                  int
}

func dispatchVerb(*meta.Meta) *meta.Verb {
	var o dispatchOptions
	return &meta.Verb{
		Name: "job dispatch", Args: "<job> [<file or ->]", MinArgs: 1, MaxArgs: 2,
		Summary: "Run an instance of a parameterized job",
		Text:    "Makes a child of a parameterized job, with metadata and with a payload that is read from a file or, given as -, from standard input.",
		Examples: []meta.Example{
			{Text: "Dispatch with metadata and wait for the end", Line: "nomadlike job dispatch -wait -meta input=a.mp4 encode"},
			{Text: "Dispatch with a payload", Line: "nomadlike job dispatch encode settings.json"},
		},
		Flags: func(f *meta.Flags) {
			f.Detach(&o.detach)
			f.Map(&o.meta, "meta", "Metadata of the instance. May be given many times.")
			f.String(&o.token, "idempotency-token", "", "<token>", "Dispatch nothing when an instance with this token exists and has not ended.")
			f.String(&o.template, "id-prefix-template", "", "<template>", "Goes into the ID of the instance, between the ID of the job and the time.")
			f.Int(&o.priority, "priority", 0, "<priority>", "Priority of the instance, if it is to differ from the job's.")
			f.Bool(&o.wait, "wait", false, "Wait until the instance has ended, and show its summary. The exit code is 2 when allocations have failed.")
			f.Verbose(&o.verbose)
			f.UI(&o.ui)
		},
		Predict: meta.Predict("jobs"),
		Do:      o.dispatch,
	}
}

func (o *dispatchOptions) dispatch(ctx context.Context, c *meta.Call) error {
	if o.detach && o.wait {
		return meta.Usagef("-detach and -wait exclude each other")
	}
	payload, err := readPayload(c)
	if err != nil {
		return err
	}
	match, err := c.JobOf(ctx, c.Args[0], meta.JobKind{
		What: "parameterized job", Filter: "ParameterizedJob is not empty",
		Is: func(j *nl.JobStub) bool { return j.ParameterizedJob },
	})
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	request := struct {
		JobID            string
		Payload          []byte
		Meta             map[string]string
		IdPrefixTemplate string
		Priority         int
	}{match.ID, payload, o.meta, o.template, o.priority}
	q := &apiclient.Query{}
	if o.token != "" {
		q.Params = map[string]string{"idempotency_token": o.token}
	}
	reply, _, err := apiclient.Put[nl.JobDispatchResponse](ctx, client, watch.JobPath(match.ID, "dispatch"), request, q)
	if err != nil {
		return fmt.Errorf("dispatching job %q: %w", match.ID, err)
	}
	return o.follow(ctx, c, &reply)
}

func (o *dispatchOptions) follow(ctx context.Context, c *meta.Call, reply *nl.JobDispatchResponse) error {
	var kv render.Pairs
	kv.Add("Dispatched Job ID", reply.DispatchedJobID)
	kv.AddIf(reply.EvalID != "", "Evaluation ID", render.ID(reply.EvalID, o.verbose))
	c.Print(kv.String())
	hint := func() {
		c.Hint(ctx, "View the dispatched job in the web console", meta.ConsolePath("jobs", reply.DispatchedJobID+"@"+c.Namespace()), o.ui)
	}
	if o.detach || reply.EvalID == "" {
		hint()
		return nil
	}
	c.Print("")
	err := watch.Eval(ctx, c, reply.EvalID, o.verbose)
	hint()
	var exit meta.Exit
	if errors.As(err, &exit) {
		return meta.Exit(exitFailed)
	}
	if err != nil || !o.wait {
		return err
	}
	return waitForJob(ctx, c, reply.DispatchedJobID)
}

// readPayload is the second argument's content, nil without one.
func readPayload(c *meta.Call) ([]byte, error) {
	if len(c.Args) < 2 {
		return nil, nil
	}
	if c.Args[1] == "-" {
		payload, err := io.ReadAll(c.In)
		if err != nil {
			return nil, fmt.Errorf("reading the payload from standard input: %w", err)
		}
		return payload, nil
	}
	payload, err := os.ReadFile(c.Args[1])
	if err != nil {
		return nil, fmt.Errorf("reading the payload: %w", err)
	}
	return payload, nil
}

// waitForJob waits for the end of a job and shows how it went.
func waitForJob(ctx context.Context, c *meta.Call, id string) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	c.Printf("\n==> %s: Waiting for job %q to end", render.Time(c.Now()), id)
	for {
		job, _, err := apiclient.Get[*nl.Job](ctx, client, watch.JobPath(id), nil)
		if err != nil {
			return fmt.Errorf("reading job %q: %w", id, err)
		}
		if job.Status == nl.JobStatusDead {
			break
		}
		if err := c.Pause(ctx, dispatchPoll); err != nil {
			return err
		}
	}
	summary, _, err := apiclient.Get[*nl.JobSummary](ctx, client, watch.JobPath(id, "summary"), nil)
	if err != nil {
		return fmt.Errorf("reading the summary of job %q: %w", id, err)
	}
	t := render.NewTable("Task Group", "Queued", "Complete", "Failed", "Running", "Starting", "Lost", "Unknown")
	failed := false
	for _, name := range render.Keys(summary.Summary) {
		g := summary.Summary[name]
		failed = failed || g.Failed > 0
		t.Row(name, fmt.Sprint(g.Queued), fmt.Sprint(g.Complete), fmt.Sprint(g.Failed), fmt.Sprint(g.Running),
			fmt.Sprint(g.Starting), fmt.Sprint(g.Lost), fmt.Sprint(g.Unknown))
	}
	c.Section("Job Status", t.String())
	if failed {
		return meta.Exit(exitJobFailed)
	}
	return nil
}
