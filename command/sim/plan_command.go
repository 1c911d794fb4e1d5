package sim

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nomadlike/nomadlike/command/jobfile"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/sim/capacity"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
	"github.com/nomadlike/nomadlike/server/consensus"
)

// exitUnplaced tells scripts that something found no place.
const exitUnplaced = 2

// planOptions are the flags of sim plan.
type planOptions struct {
	snapshot                        string
	jobs, counts, add, remove, fill []string
	files                           jobfile.Flags
	seed                            uint64
	explain                         bool
}

// PlanCommand is sim plan.
func PlanCommand(*meta.Meta) *meta.Verb {
	o := &planOptions{files: jobfile.Flags{Strict: true}}
	return &meta.Verb{
		Name: "sim plan", Local: true, Summary: "Plan capacity on a snapshot of a cluster",
		Text: `Answers what would happen to a cluster, from a file that "operator snapshot save" wrote. No cluster is asked or touched: the state is loaded into this process, nodes are added and removed, jobs are registered as servers would, and the real scheduler works until everything has come to rest. Everything that is placed is taken to start and to stay healthy; canaries are promoted.

It tells how many allocations of each group are placed and on what kinds of nodes, what is moved, lost or evicted, what finds no place and by how much, how many more nodes of the kinds that there are would do, and how full the nodes are before and after.

-add-nodes takes how many, and what differs from the commonest node: N[:like=NODE,cpu=MHZ,memory=MB,disk=MB,class=NAME,pool=NAME,dc=NAME,attr.NAME=VALUE,meta.NAME=VALUE]; like names a node, or a class.

-remove-nodes takes the name or the start of the ID of a node, a field (class=, pool=, dc=, attr.NAME=, meta.NAME=), or how many: the nodes with the most allocations are taken. What ran there is placed anew, as when nodes die.

-count and -fill name groups as GROUP, of the jobs given, or as JOB/GROUP, of any job; NAMESPACE@JOB/GROUP outside the default namespace. -fill also takes a shape, cpu=MHZ|THOUSANDTHSm,memory=MB[,disk=MB][,pool=NAME][,dc=NAME].

The exit code is 0 when everything finds its place, 2 when not, and 1 after an error.`,
		Examples: []meta.Example{
			{Text: "Will the job fit, and where does it go?", Line: "nomadlike sim plan -snapshot backup.snap -job app.hcl"},
			{Text: "What if the ten busiest nodes die?", Line: "nomadlike sim plan -snapshot backup.snap -remove-nodes 10"},
			{Text: "Does the job fit 200 times once a rack is gone and 20 larger nodes have come?", Line: "nomadlike sim plan -snapshot backup.snap -job app.hcl -count web=200 -remove-nodes meta.rack=r1 -add-nodes 20:memory=131072"},
			{Text: "How many more of a running group fit, and how many of a shape?", Line: "nomadlike sim plan -snapshot backup.snap -fill api/web -fill cpu=2000,memory=4096"},
		},
		Flags: o.declare,
		Do:    o.do,
	}
}

func (o *planOptions) declare(f *meta.Flags) {
	f.String(&o.snapshot, "snapshot", "", "<file>", "Snapshot to start from. Required.")
	f.Strings(&o.jobs, "job", "<file>", "Job file to register; may be given many times.")
	f.Strings(&o.files.Vars, "var", "<key>=<value>", "Value of a variable of the job files; may be given many times.")
	f.Strings(&o.files.VarFiles, "var-file", "<path>", "File with values of variables; may be given many times.")
	f.Strings(&o.counts, "count", "<group>=<n>", "Count of a group instead of its own; may be given many times.")
	f.Strings(&o.add, "add-nodes", "<n>[:<field>=<value>,...]", "Nodes to add; may be given many times.")
	f.Strings(&o.remove, "remove-nodes", "<nodes>", "Nodes to remove; may be given many times.")
	f.Strings(&o.fill, "fill", "<group or shape>", "Tell how many more of it fit; may be given many times.")
	f.Uint64(&o.seed, "seed", 1, "<n>", "Orders nodes that score alike. Default: 1.")
	f.Bool(&o.explain, "explain", false, "Tell all of why something finds no place, and what would help.")
	f.Output()
}

func (o *planOptions) do(ctx context.Context, c *meta.Call) error {
	if o.snapshot == "" {
		return meta.Usagef("Say which snapshot to start from with -snapshot")
	}
	q := capacity.Question{Seed: o.seed, Remove: o.remove, Add: o.add, Counts: o.counts, Fill: o.fill}
	var files []*jobfile.Job
	for _, path := range o.jobs {
		read, err := o.files.Read(ctx, c.Meta, path)
		if err != nil {
			return fmt.Errorf("job file %s: %w", path, err)
		}
		job, err := spec.Register(read.Doc)
		if err != nil {
			return fmt.Errorf("job file %s: %w", path, err)
		}
		q.Jobs, files = append(q.Jobs, job), append(files, read)
	}
	f, err := os.Open(o.snapshot)
	if err != nil {
		return fmt.Errorf("opening the snapshot: %w", err)
	}
	defer f.Close()
	if q.Snapshot, q.Made, err = consensus.LoadArchive(f); err != nil {
		return fmt.Errorf("file %s is no sound snapshot: %w", o.snapshot, err)
	}
	answer, err := capacity.Ask(q)
	if err != nil {
		return o.refused(err, files)
	}
	if done, err := c.PrintStructured(answer); err != nil {
		return err
	} else if !done {
		c.Print(answer.Text(c.Colour, o.explain))
	}
	if !answer.Fits() {
		return meta.Exit(exitUnplaced)
	}
	return nil
}

// refused is an error of the question, with where in its file a job is not valid.
func (o *planOptions) refused(err error, files []*jobfile.Job) error {
	var job *capacity.RefusedJobError
	if !errors.As(err, &job) || job.At >= len(files) {
		return err
	}
	if text := files[job.At].Refusal(admit.Located(job.Err)); text != "" {
		return fmt.Errorf("job file %s: the job is not valid\n\n%s", o.jobs[job.At], text)
	}
	return err
}
