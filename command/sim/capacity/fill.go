package capacity

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
)

// fillMax bounds how many allocations are tried.
const fillMax = 200_000

// FillAnswer is how often something would fit beside everything else.
type FillAnswer struct {
	What string
	Each fit.Vector
	// CPUMillis are thousandths of a core beside the MHz of Each.
	CPUMillis int64 `json:",omitempty"`
	Count     int
	// AtLeast tells that the search ended at its bound: more may fit.
	AtLeast bool `json:",omitempty"`
	Where   []Share
}

// fill tries how many more of each group or shape fit.
func (e *engine) fill() error {
	for _, what := range e.q.Fill {
		a, err := e.fillOne(what)
		if err != nil {
			return fmt.Errorf("-fill %s: %w", what, err)
		}
		e.answer.Fill = append(e.answer.Fill, a)
	}
	return nil
}

func (e *engine) fillOne(what string) (*FillAnswer, error) {
	job, group, err := e.fillJob(what)
	if err != nil {
		return nil, err
	}
	if job.Type == nl.JobTypeSystem || job.Type == nl.JobTypeSysBatch {
		return nil, fmt.Errorf("job %s runs once on every node: it has no more to fill", job.ID)
	}
	ask, err := sched.DescribeAsk(job, job.Group(group))
	if err != nil {
		return nil, err
	}
	need := demandOf(ask)
	f := e.c.Fork()
	s := f.Snapshot()
	room := roomFor(usageOf(s), need)
	a := &FillAnswer{What: what, Each: need.Vector, CPUMillis: need.millis, AtLeast: room > fillMax}
	// One more than can fit: the scheduler says where the end is.
	job = job.Copy()
	job.Group(group).Count += int(min(room, fillMax)) + 1
	placed := map[Kind]int{}
	f.OnOutcome = func(o *sched.Outcome) {
		if o.Eval.JobID != job.ID || o.Eval.Namespace != job.Namespace {
			return
		}
		for _, alloc := range o.Plan.Place {
			if alloc.TaskGroup == group && s.Alloc(alloc.ID) == nil {
				placed[kindOf(s.Node(alloc.NodeID))]++
				a.Count++
			}
		}
	}
	// Beside everything else: nothing makes way for it.
	config := *s.SchedulerConfig()
	config.PreemptionConfig = nl.PreemptionConfig{}
	if _, err := f.Do(&op.SetSchedulerConfig{Config: &config}); err != nil {
		return nil, err
	}
	if _, err := f.Do(&op.RegisterJob{Job: job, Eval: f.Eval(job, nl.TriggerJobRegister)}); err != nil {
		return nil, err
	}
	if err := f.Evaluate(); err != nil {
		return nil, err
	}
	a.Where = sharesOf(placed)
	return a, nil
}

// fillJob is the job and group to grow: one of those that are there, or one that
// is made of a shape.
func (e *engine) fillJob(what string) (*nl.Job, string, error) {
	if !strings.Contains(what, "=") {
		job, group, err := e.group(e.planned, what)
		if err != nil {
			return nil, "", err
		}
		return e.c.Snapshot().Job(job.Namespace, job.ID), group, nil
	}
	resources := &nl.Resources{}
	disk := &nl.EphemeralDisk{}
	job := &nl.Job{
		Name: "fill", Namespace: nl.DefaultNamespace, Region: "global", Type: nl.JobTypeService,
		Priority: 50, Datacenters: []string{"*"}, NodePool: nl.NodePoolAll,
	}
	for _, part := range strings.Split(what, ",") {
		key, value, _ := strings.Cut(part, "=")
		amount, thousandths := strings.CutSuffix(value, "m")
		if key != "cpu" {
			amount, thousandths = value, false
		}
		n, err := strconv.ParseInt(amount, 10, 64)
		switch {
		case key == "pool":
			job.NodePool, err = value, nil
		case key == "dc":
			job.Datacenters, err = []string{value}, nil
		case err != nil || n < 0:
		case thousandths:
			resources.CPUMillis = int(n)
		case key == "cpu":
			resources.CPU = int(n)
		case key == "memory":
			resources.MemoryMB = n
		case key == "disk":
			disk.SizeMB = int(n)
		default:
			err = fmt.Errorf("unknown")
		}
		if err != nil {
			return nil, "", fmt.Errorf("%q is no part of a shape: write cpu=MHZ|THOUSANDTHSm,memory=MB[,disk=MB][,pool=NAME][,dc=NAME]", part)
		}
	}
	if resources.CPU+resources.CPUMillis == 0 && resources.MemoryMB == 0 {
		return nil, "", fmt.Errorf("a shape needs cpu or memory")
	}
	driver := e.commonDriver()
	if driver == "" {
		return nil, "", fmt.Errorf("no node of the snapshot has a healthy driver")
	}
	job.ID = e.c.NewID()
	job.TaskGroups = []*nl.Group{{
		Name: "fill", EphemeralDisk: disk, Update: &nl.UpdateStrategy{},
		Tasks: []*nl.Task{{Name: "fill", Driver: driver, Resources: resources}},
	}}
	return job, "fill", nil
}

// commonDriver is the driver that most nodes have.
func (e *engine) commonDriver() string {
	counts := map[string]int{}
	for n := range e.c.Snapshot().Nodes() {
		for name, d := range n.Drivers {
			if d.Detected && d.Healthy && n.Ready() {
				counts[name]++
			}
		}
	}
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	return slices.MinFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// roomFor is how often need fits by its amounts alone.
func roomFor(nodes []usage, need demand) (n int64) {
	for _, u := range nodes {
		if u.node.Ready() {
			n += times(u.capacity.Minus(u.used), need.on(fit.RateOf(u.node)))
		}
	}
	return n
}
