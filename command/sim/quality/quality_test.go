package quality

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/command/render"
)

// still is a clock for reports that must not differ.
func still() time.Time { return time.Unix(0, 0) }

func run(t *testing.T, cfg Config) *Report {
	t.Helper()
	r, err := Run(cfg, still, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSchedulerPacksAsFullBestFit is the promise: never more than AboveMax
// above full best fit, at any load, and never below the bound.
func TestSchedulerPacksAsFullBestFit(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		r := run(t, Config{Nodes: 40, Churn: 1, Seed: seed})
		if len(r.Loads) != 3 {
			t.Fatalf("seed %d: %d loads", seed, len(r.Loads))
		}
		for _, l := range r.Loads {
			for _, p := range l.Policies {
				if p.Churned < l.Bound.Churned-1e-9 || float64(p.Filled) < l.Bound.Filled-1e-9 {
					t.Errorf("seed %d, load %.1f: %s uses %d and %.1f nodes, fewer than the bound of %.1f and %.1f",
						seed, l.Load, p.Name, p.Filled, p.Churned, l.Bound.Filled, l.Bound.Churned)
				}
			}
			if p := l.Policies[0]; p.Name != PolicyScheduler || p.Above > AboveMax {
				t.Errorf("seed %d, load %.1f: %s uses %.2f %% more nodes than full best fit", seed, l.Load, p.Name, 100*p.Above)
			}
			if scheduler, best := l.Policies[0], l.Policies[1]; scheduler.Failed > best.Failed {
				t.Errorf("seed %d, load %.1f: %d allocations found no place, %d with full best fit", seed, l.Load, scheduler.Failed, best.Failed)
			}
		}
		if two := r.Loads[1].Policies[3]; two.Above < 0.1 {
			t.Errorf("seed %d: the best of 2 nodes is only %.1f %% above full best fit: the comparison tells nothing", seed, 100*two.Above)
		}
	}
}

func TestSameSeedSameReport(t *testing.T) {
	cfg := Config{Nodes: 20, Churn: 0.5, Loads: []float64{0.5}, Seed: 7}
	first, second := run(t, cfg), run(t, cfg)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("one seed gave two reports:\n%s\n%s", first.Text(render.Palette{}), second.Text(render.Palette{}))
	}
	cfg.Seed = 8
	if reflect.DeepEqual(first.Loads, run(t, cfg).Loads) {
		t.Error("another seed gave the same report")
	}
}

// TestUnplacedIsCounted overfills a small cluster of jobs that fit badly.
func TestUnplacedIsCounted(t *testing.T) {
	r := run(t, Config{
		Nodes: 4, Node: Shape{CPU: 10, Memory: 10}, Loads: []float64{0.9}, Seed: 1,
		Demand: []Demand{{Shape: Shape{CPU: 6, Memory: 6}, Count: 1, Lifetime: 1}},
	})
	for _, p := range r.Loads[0].Policies {
		if p.Filled != 4 || p.Failed != 2 {
			t.Errorf("%s: %d nodes in use, %d unplaced; want 4 and 2", p.Name, p.Filled, p.Failed)
		}
	}
}

func TestSyntheticShape(t *testing.T) {
	node := Shape{CPU: 96000, Memory: 384 * 1024}
	demand := Synthetic(node, 3)
	var cpus, memories []float64
	single := 0
	for _, d := range demand {
		cpus = append(cpus, math.Log(float64(d.CPU)))
		memories = append(memories, math.Log(float64(d.Memory)))
		if d.Count == 1 {
			single++
		}
		if d.CPU < 1 || d.Memory < 1 || d.CPU > node.CPU || d.Memory > node.Memory || d.Lifetime <= 0 || d.Count < 1 || d.Count > countMax {
			t.Fatalf("no job asks for %+v", d)
		}
	}
	if r := correlation(cpus, memories); r < 0.7 || r > 0.98 {
		t.Errorf("CPU and memory correlate by %.2f", r)
	}
	if part := float64(single) / float64(len(demand)); part < 0.8 || part == 1 {
		t.Errorf("%.2f of the jobs have one allocation", part)
	}
}

func correlation(a, b []float64) float64 {
	mean := func(v []float64) (m float64) {
		for _, x := range v {
			m += x / float64(len(v))
		}
		return m
	}
	ma, mb := mean(a), mean(b)
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}

func TestReadTrace(t *testing.T) {
	const header = "name,cpu_milli,memory_mib,creation_time,deletion_time\n"
	for _, test := range []struct{ name, csv, want string }{
		{"pods", header + "a,4000,8192,10,70\nb,500,256,5,\n", ""},
		{"no column", "name,cpu\na,1\n", `no column "cpu_milli"`},
		{"no number", header + "a,much,1,0,1\n", `line 2: cpu_milli: "much" is no number`},
		{"nothing", header, "has no pods"},
		{"ragged", header + "a,1\n", "wrong number of fields"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "pods.csv"), []byte(test.csv), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := ReadTrace(dir)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("got %v, want %q", err, test.want)
				}
				return
			}
			want := []Demand{
				{Shape{4000, 8192}, 1, 60}, {Shape{500, 256}, 1, math.MaxInt32 - 5},
			}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, %v; want %v", got, err, want)
			}
		})
	}
	if _, err := ReadTrace(t.TempDir()); err == nil {
		t.Error("a directory without pods was read")
	}
}

func TestRunRefuses(t *testing.T) {
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{Loads: []float64{0}}, "load 0.00"},
		{Config{Loads: []float64{0.99}}, "at most 0.95"},
		{Config{Nodes: nodesMax + 1}, "cannot be replayed"},
		{Config{Node: Shape{CPU: 1}}, "a node cannot have"},
	} {
		if _, err := Run(test.cfg, still, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.cfg, err, test.want)
		}
	}
}

func TestText(t *testing.T) {
	r := run(t, Config{Nodes: 20, Churn: 0.5, Loads: []float64{0.3, 0.6}, Seed: 1})
	text := r.Text(render.Palette{})
	for _, want := range []string{"20 nodes of 96 cores/384 GiB", "30 %", "60 %", PolicyScheduler, PolicyBestFit, "fractional bound", "64 cores/256 GiB", "worst load: "} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
	r.Loads[0].Policies[0].Above = 0.02
	if text := r.Text(render.Palette{}); !strings.Contains(text, "+2.0 %. That is too many") {
		t.Errorf("a bad result is not told:\n%s", text)
	}
	for _, chart := range []string{r.Plot(), GrowthPlot([]GrowthRow{{100, 1000, 2000, 3000, 3500}, {1000, 4000, 5000, 6000, 6500}})} {
		if !strings.HasPrefix(chart, "<svg") || strings.Contains(chart, "NaN") || strings.Contains(chart, "Inf") {
			t.Errorf("no chart:\n%s", chart)
		}
	}
}

func TestGrowth(t *testing.T) {
	ticks := time.Unix(0, 0)
	clock := func() time.Time { ticks = ticks.Add(time.Second); return ticks }
	rows, err := Growth([]int{40}, 1, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []GrowthRow{{Nodes: 40, Plain: time.Millisecond, Spread: time.Millisecond, Single: time.Second / growthSingles, Filled: time.Second / growthSingles}}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("got %+v, want %+v", rows, want)
	}
}
