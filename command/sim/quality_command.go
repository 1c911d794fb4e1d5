package sim

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/sim/quality"
)

// qualityOptions are the flags of sim quality.
type qualityOptions struct {
	trace, json, plot string
	nodes             int
	loads             string
	churn             string
	seed              uint64
	growth            bool
}

// QualityCommand is sim quality.
func QualityCommand(*meta.Meta) *meta.Verb {
	o := &qualityOptions{}
	return &meta.Verb{
		Name: "sim quality", Local: true, Summary: "Measure how well the scheduler packs",
		Text: `Replays a workload of arriving and leaving jobs through the scheduler and, in the same order, through models of other ways to choose nodes: full best fit with the same score formulas, the best of log2(n) random nodes, and the best of 2. It shows how many nodes each keeps in use, against a bound that nothing can beat, and how many allocations of three large shapes would still find a place. Everything happens in this process; no cluster is touched.

The workload is synthetic unless -trace names a directory with a file pods.csv (columns cpu_milli, memory_mib, creation_time, deletion_time). The same seed gives the same figures.

The command exits with 1 when the scheduler keeps more than 1 % more nodes in use than full best fit at any load.

With -growth it measures instead how the processor time of a placement grows with the number of nodes.`,
		Examples: []meta.Example{
			{Text: "Replay the synthetic workload at 30, 50 and 80 % load and draw it", Line: "nomadlike sim quality -plot packing.svg"},
			{Text: "Fill a cluster to half with the jobs of a trace, without departures", Line: "nomadlike sim quality -trace traces -load 0.5 -churn 0"},
			{Text: "Measure growth from 100 to 50,000 nodes", Line: "nomadlike sim quality -growth -plot growth.svg"},
		},
		Flags: o.declare,
		Do:    o.do,
	}
}

func (o *qualityOptions) declare(f *meta.Flags) {
	f.String(&o.trace, "trace", "", "<directory>", "Replay the pods of a trace instead of the synthetic workload.")
	f.Int(&o.nodes, "nodes", 0, "<n>", "Nodes of the cluster. Default: 600, with -trace as many as make the whole trace half a load.")
	f.String(&o.loads, "load", "0.3,0.5,0.8", "<part,...>", "Loads to replay, as parts of the scarcer resource. Default: 0.3,0.5,0.8.")
	f.String(&o.churn, "churn", "1", "<factor>", "How many jobs arrive once the load is reached, by those before; as many leave. Default: 1.")
	f.Uint64(&o.seed, "seed", 1, "<n>", "Seed of everything that is drawn by lot. Default: 1.")
	f.Bool(&o.growth, "growth", false, "Measure the time of placements on clusters of 100 to 50,000 nodes.")
	f.String(&o.json, "json", "", "<file>", "Write the report as JSON to the file, - is the output.")
	f.String(&o.plot, "plot", "", "<file>", "Write a chart as SVG to the file.")
}

func (o *qualityOptions) do(_ context.Context, c *meta.Call) error {
	progress := func(what string) {
		if c.Terminal {
			fmt.Fprintf(c.Err, "\r\x1b[K%s", c.Colour.Paint(render.Dim, what+" ..."))
		}
	}
	clear := func() {
		if c.Terminal {
			fmt.Fprint(c.Err, "\r\x1b[K")
		}
	}
	if o.growth {
		rows, err := quality.Growth(quality.GrowthNodes(), o.seed, processorTime, progress)
		clear()
		if err != nil {
			return err
		}
		return o.write(c, rows, quality.GrowthText(rows), quality.GrowthPlot(rows))
	}
	cfg, err := o.config()
	if err != nil {
		return err
	}
	report, err := quality.Run(*cfg, time.Now, progress)
	clear()
	if err != nil {
		return err
	}
	if err := o.write(c, report, report.Text(c.Colour), report.Plot()); err != nil {
		return err
	}
	if report.Worst() > quality.AboveMax {
		return meta.Exit(1)
	}
	return nil
}

// processorTime is the time that this process has been running on a processor:
// other work on the machine does not count.
func processorTime() time.Time {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return time.Now()
	}
	return time.Unix(0, used.Utime.Nano()+used.Stime.Nano())
}

func (o *qualityOptions) config() (*quality.Config, error) {
	cfg := &quality.Config{Nodes: o.nodes, Seed: o.seed}
	var err error
	if cfg.Churn, err = strconv.ParseFloat(o.churn, 64); err != nil || cfg.Churn < 0 {
		return nil, meta.Usagef("-churn %q is no number from 0 up", o.churn)
	}
	for _, part := range strings.Split(o.loads, ",") {
		load, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil {
			return nil, meta.Usagef("-load %q is no list of numbers such as 0.3,0.5", o.loads)
		}
		cfg.Loads = append(cfg.Loads, load)
	}
	if o.trace != "" {
		if cfg.Demand, err = quality.ReadTrace(o.trace); err != nil {
			return nil, err
		}
	}
	return cfg, nil
}

// write gives the report in the forms that were asked for.
func (o *qualityOptions) write(c *meta.Call, report any, text, chart string) error {
	if o.plot != "" {
		if err := os.WriteFile(o.plot, []byte(chart), 0o644); err != nil {
			return fmt.Errorf("writing the chart: %w", err)
		}
	}
	if o.json != "" {
		encoded, err := render.JSON(report)
		if err != nil {
			return err
		}
		if o.json == "-" {
			c.Print(encoded)
			return nil
		}
		if err := os.WriteFile(o.json, []byte(encoded+"\n"), 0o644); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	c.Print(text)
	return nil
}
