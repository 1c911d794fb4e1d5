package quality

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// The synthetic workload, in the shape of published traces: sizes are
// log-normal, so that a tenth of the allocations takes half of the resources;
// memory follows CPU with some freedom; most jobs have one allocation, a few
// have many small ones; most lifetimes are minutes, some are days.
const (
	syntheticJobs = 4000
	cpuMedian     = 0.06 // of a node
	cpuSigma      = 0.9
	memoryPerCPU  = 0.85 // median ratio of the parts of a node that are taken
	memorySigma   = 0.55
	partMin       = 0.002 // of a node, the smallest allocation
	partMax       = 0.9   // and the largest
	singles       = 0.9   // part of the jobs with one allocation
	countAlpha    = 1.3   // of the Pareto distribution of the others' counts
	countMax      = 40
	longLived     = 0.3 // part of the jobs that run for days
	shortSeconds  = 300.0
	longSeconds   = 200_000.0
	lifetimeSigma = 1.2
)

// Synthetic makes demands for nodes of the shape.
func Synthetic(node Shape, seed uint64) []Demand {
	random := rand.New(rand.NewPCG(seed, streamDemand))
	part := func(median, sigma float64) float64 { return median * math.Exp(sigma*random.NormFloat64()) }
	out := make([]Demand, syntheticJobs)
	for i := range out {
		d := Demand{Count: 1}
		if random.Float64() >= singles {
			d.Count = min(countMax, int(2*math.Pow(1-random.Float64(), -1/countAlpha)))
		}
		cpu := clamp(part(cpuMedian, cpuSigma) / math.Sqrt(float64(d.Count)))
		memory := clamp(cpu * part(memoryPerCPU, memorySigma))
		d.Shape = Shape{CPU: int64(cpu * float64(node.CPU)), Memory: int64(memory * float64(node.Memory))}
		d.Lifetime = part(shortSeconds, lifetimeSigma)
		if random.Float64() < longLived {
			d.Lifetime = part(longSeconds, lifetimeSigma)
		}
		out[i] = d
	}
	return out
}

func clamp(part float64) float64 { return min(max(part, partMin), partMax) }

// The columns of a trace's pods.csv that are read.
const (
	columnCPU     = "cpu_milli"
	columnMemory  = "memory_mib"
	columnCreated = "creation_time"
	columnDeleted = "deletion_time"
)

// ReadTrace reads the pods of a trace: pods.csv in dir, with CPU in thousandths
// of a core, memory in MiB and times in seconds. Each pod is a job of one
// allocation.
func ReadTrace(dir string) ([]Demand, error) {
	path := filepath.Join(dir, "pods.csv")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the trace: %w", err)
	}
	defer f.Close()
	in := csv.NewReader(f)
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the columns of %s: %w", path, err)
	}
	at := map[string]int{}
	for i, name := range header {
		at[name] = i
	}
	for _, name := range []string{columnCPU, columnMemory, columnCreated, columnDeleted} {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("%s is no trace of pods: it has no column %q", path, name)
		}
	}
	var out []Demand
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		d, err := demandOfRow(row, at)
		if err != nil {
			line, _ := in.FieldPos(0)
			return nil, fmt.Errorf("reading %s, line %d: %w", path, line, err)
		}
		if d.CPU > 0 && d.Memory > 0 {
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no pods", path)
	}
	return out, nil
}

func demandOfRow(row []string, at map[string]int) (Demand, error) {
	var values [4]int64
	for i, name := range []string{columnCPU, columnMemory, columnCreated, columnDeleted} {
		text := row[at[name]]
		if text == "" && name == columnDeleted {
			values[i] = math.MaxInt32 // still there at the end of the trace
			continue
		}
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return Demand{}, fmt.Errorf("%s: %q is no number", name, text)
		}
		values[i] = v
	}
	return Demand{
		Shape: Shape{CPU: values[0], Memory: values[1]}, Count: 1,
		Lifetime: float64(max(values[3]-values[2], 1)),
	}, nil
}
