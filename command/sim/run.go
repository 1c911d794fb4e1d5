package sim

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/sim/campaign"
	"github.com/nomadlike/nomadlike/command/sim/cluster"
	"github.com/nomadlike/nomadlike/command/sim/work"
)

const (
	// shrinkMax bounds the runs that shrinking one failure takes: some seconds.
	shrinkMax = 400
	// failuresMax is after how many failures a command gives up by default.
	failuresMax = 10
	// tellEvery is how often long commands tell how far they are.
	tellEvery = 30 * time.Second
	// gcPercent trades memory for a quarter of the time, of memoryMax bytes at
	// most: a run that is saving a state just when garbage is collected would
	// have the heap grow to thirty times what that takes.
	gcPercent = 3000
	memoryMax = 1 << 30
	// runsMax bounds the runs of one command.
	runsMax = 100_000_000
)

// runOptions are the flags of sim run.
type runOptions struct {
	seed         int64
	runs         int
	span         time.Duration
	servers      int
	nodes        int
	faults, keep string
	metamorphic  bool
	mass         bool
	shrink       bool
	trace        bool
	twice        bool
	parallel     int
	failures     int
}

// RunCommand is sim run.
func RunCommand(*meta.Meta) *meta.Verb {
	o := &runOptions{}
	return &meta.Verb{
		Name: "sim run", Local: true, Summary: "Run simulated clusters with faults and check them",
		Text: `Runs whole clusters in this process, in virtual time: the real store, scheduler, broker, applier, leader's loops and endpoints on every server, the real allocation and task machines on every node, and a model of consensus between the servers. A seed decides everything: the cluster, what users do, and what goes wrong.

Each run has two phases. In the first, users work while servers and nodes crash, links fail and clocks jump. Then everything is healed, no more work comes, and the cluster must settle. All the while checkers look for what must never happen: an acknowledged write that is gone, a node over its capacity, a job with more allocations than it asked for, and so on.

The same seed gives the same history, of which the hash is printed. A failure prints the command that runs it again.`,
		Examples: []meta.Example{
			{Text: "Run a hundred clusters with all faults", Line: "nomadlike sim run -runs 100"},
			{Text: "Run one seed again and see all that happens", Line: "nomadlike sim run -seed 42 -runs 1 -trace"},
			{Text: "Find the shortest list of steps with which a seed fails", Line: "nomadlike sim run -seed 42 -runs 1 -shrink"},
			{Text: "See that every seed has one history", Line: "nomadlike sim run -runs 200 -twice"},
			{Text: "See that other tunings settle to the same", Line: "nomadlike sim run -runs 20 -metamorphic"},
		},
		Flags: o.declare,
		Do:    o.do,
	}
}

func (o *runOptions) declare(f *meta.Flags) {
	f.Int64(&o.seed, "seed", 0, "<n>", "First seed; the others follow it. Default: one from the clock.")
	f.Int(&o.runs, "runs", 1, "<n>", "How many seeds to run. Default: 1.")
	f.Duration(&o.span, "time", 0, "<duration>", "Virtual time of work and faults in each run. Default: drawn from the seed, 2m30s or 5m.")
	f.Int(&o.servers, "servers", 0, "<n>", "Servers of each cluster: 1, 3 or 5. Default: drawn from the seed.")
	f.Int(&o.nodes, "clients", 0, "<n>", "Nodes of each cluster. Default: drawn from the seed, 4 to 20.")
	f.String(&o.faults, "faults", "all", "<kinds>", "What goes wrong: all, none, or some of clock,network,partition,disk,server,node. Default: all.")
	f.String(&o.keep, "keep", "", "<ids>", "Do only these steps of the list, such as 1,4,9-12. Default: all.")
	f.Bool(&o.mass, "mass", false, "Have jobs of 256 to 1,000 allocations in every run. Default: in one of a hundred.")
	f.Bool(&o.metamorphic, "metamorphic", false, "Run each seed under several tunings, which must settle to the same.")
	f.Bool(&o.shrink, "shrink", false, "Shorten the list of steps of each failure as far as it still fails.")
	f.Bool(&o.trace, "trace", false, "Print all that happens.")
	f.Bool(&o.twice, "twice", false, "Run each seed twice; both histories must be the same.")
	f.Int(&o.parallel, "parallel", 0, "<n>", "How many runs at a time. Default: one for each processor.")
	f.Int(&o.failures, "failures", failuresMax, "<n>", "After how many failures to give up. Default: 10.")
}

func (o *runOptions) do(ctx context.Context, c *meta.Call) error {
	opts, err := o.check()
	if err != nil {
		return err
	}
	first := uint64(o.seed)
	if o.seed == 0 {
		first = uint64(c.Now().UnixNano() / int64(time.Millisecond))
	}
	out := bufio.NewWriter(c.Out)
	defer out.Flush()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A run makes much garbage and keeps little.
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(min(memoryMax, debug.SetMemoryLimit(-1))))
	r := runner{o: o, opts: opts, out: out, began: c.Now(), now: c.Now, told: c.Now()}
	r.all(ctx, first)
	return r.report(ctx.Err() != nil)
}

func (o *runOptions) check() (campaign.Options, error) {
	opts := campaign.Options{Servers: o.servers, Nodes: o.nodes, Span: o.span, Mass: o.mass}
	var err error
	if opts.Faults, err = work.ParseFaults(o.faults); err != nil {
		return opts, meta.Usagef("-faults: %v", err)
	}
	if o.keep != "" {
		if opts.Keep, err = campaign.ParseIDs(o.keep); err != nil {
			return opts, meta.Usagef("-keep: %v", err)
		}
	}
	switch {
	case o.servers != 0 && o.servers != 1 && o.servers != 3 && o.servers != 5:
		return opts, meta.Usagef("-servers %d: a cluster has 1, 3 or 5 servers", o.servers)
	case o.nodes < 0 || o.nodes > nodesMax:
		return opts, meta.Usagef("-clients %d: a simulated cluster has 1 to %d nodes", o.nodes, nodesMax)
	case o.runs < 1 || o.runs > runsMax:
		return opts, meta.Usagef("-runs %d: give a number from 1 to %d", o.runs, runsMax)
	case o.parallel < 0:
		return opts, meta.Usagef("-parallel %d: give the number of runs at a time", o.parallel)
	case o.failures < 1:
		return opts, meta.Usagef("-failures %d: give a number from 1 on", o.failures)
	case o.twice && o.metamorphic:
		return opts, meta.Usagef("-twice and -metamorphic: each runs a seed in its own way; choose one")
	case o.span != 0 && o.span < time.Second:
		return opts, meta.Usagef("-time %v: a run takes at least a second", o.span)
	case o.seed < 0:
		return opts, meta.Usagef("-seed %d: seeds are not negative", o.seed)
	}
	return opts, nil
}

// nodesMax bounds the nodes of a simulated cluster.
const nodesMax = 500

// runner runs seeds, several at a time.
type runner struct {
	o     *runOptions
	opts  campaign.Options
	out   *bufio.Writer
	began time.Time
	now   func() time.Time

	mu       sync.Mutex
	done     int
	failures int
	entries  uint64
	virtual  time.Duration
	hash     uint64    // of all histories, in no order
	told     time.Time // when progress was told last
}

func (r *runner) all(ctx context.Context, first uint64) {
	seeds := make(chan uint64)
	var group sync.WaitGroup
	workers := cmp.Or(r.o.parallel, runtime.GOMAXPROCS(0))
	if r.o.trace {
		workers = 1
	}
	for range min(workers, r.o.runs) {
		group.Go(func() {
			for seed := range seeds {
				r.one(seed)
			}
		})
	}
	for i := range r.o.runs {
		if ctx.Err() != nil || r.failed() >= r.o.failures {
			break
		}
		seeds <- first + uint64(i)
	}
	close(seeds)
	group.Wait()
}

func (r *runner) failed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}

func (r *runner) one(seed uint64) {
	if r.o.metamorphic {
		err := campaign.Metamorphic(seed, r.opts)
		r.note(seed, cluster.Result{Err: err}, "")
		return
	}
	var trace io.Writer
	if r.o.trace {
		trace = r.out
	}
	c := campaign.Draw(seed, r.opts)
	result := campaign.Run(c, trace)
	if r.o.twice {
		if again := campaign.Run(c, nil); again.Hash != result.Hash && result.Err == nil {
			result.Err = fmt.Errorf("one seed has two histories: %016x and %016x", result.Hash, again.Hash)
		}
	}
	shrunk := ""
	if result.Err != nil && r.o.shrink {
		steps := campaign.Shrink(c, result.Err, shrinkMax)
		opts := r.opts
		opts.Keep = campaign.IDs(steps)
		shrunk = fmt.Sprintf("  shrunk to %d of %d steps:\n    %s\n", len(steps), len(c.Steps), campaign.Line(seed, opts))
		for i := range steps {
			shrunk += fmt.Sprintf("    %v\n", &steps[i])
		}
	}
	r.note(seed, result, shrunk)
}

func (r *runner) note(seed uint64, result cluster.Result, more string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	r.entries += result.Entries
	r.virtual += result.Time
	r.hash ^= result.Hash
	defer r.progress()
	if result.Err == nil {
		return
	}
	r.failures++
	line := campaign.Line(seed, r.opts)
	if r.o.metamorphic {
		line += " -metamorphic"
	}
	fmt.Fprintf(r.out, "seed %d: %v\n  %s\n%s", seed, result.Err, line, more)
}

// progress tells how far it is, now and then, and shows failures at once.
func (r *runner) progress() {
	if r.o.trace {
		return
	}
	if now := r.now(); now.Sub(r.told) >= tellEvery {
		r.count()
		fmt.Fprintln(r.out)
		r.told = now
	}
	r.out.Flush()
}

// count tells what was run so far.
func (r *runner) count() {
	took := r.now().Sub(r.began)
	of := ""
	if r.done < r.o.runs {
		of = fmt.Sprintf(" of %d", r.o.runs)
	}
	fmt.Fprintf(r.out, "%d%s runs, %d failed, in %.1f s (%.0f ms each)", r.done, of, r.failures, took.Seconds(), took.Seconds()*1000/float64(max(r.done, 1)))
}

// exitInterrupted is what shells take for the end by an interrupt.
const exitInterrupted = 130

// report tells the outcome; runs that an interrupt left out are no success.
func (r *runner) report(interrupted bool) error {
	r.count()
	if !r.o.metamorphic {
		fmt.Fprintf(r.out, "; %s of virtual time, %d entries of the log, history %016x", r.virtual.Round(time.Second), r.entries, cmp.Or(r.hash, 0))
	}
	interrupted = interrupted && r.done < r.o.runs
	if interrupted {
		fmt.Fprint(r.out, "; interrupted")
	}
	fmt.Fprintln(r.out)
	switch {
	case r.failures > 0:
		return meta.Exit(1)
	case interrupted:
		return meta.Exit(exitInterrupted)
	}
	return nil
}
