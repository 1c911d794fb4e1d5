package sim

import (
	"bufio"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/cluster"
)

func TestRunReport(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	o := &runOptions{runs: 3, faults: "all", span: 20 * time.Second, failures: failuresMax, twice: true}
	opts, err := o.check()
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewWriter(&out)
	r := runner{o: o, opts: opts, out: buffered, told: now, began: now, now: func() time.Time { return now.Add(time.Second) }}
	r.all(t.Context(), 1)
	if err := r.report(false); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	buffered.Flush()
	if want := regexp.MustCompile(`^3 runs, 0 failed, in 1\.0 s \(333 ms each\); [0-9ms]+ of virtual time, \d+ entries of the log, history [0-9a-f]{16}\n$`); !want.MatchString(out.String()) {
		t.Errorf("report: %s", &out)
	}
	out.Reset()
	r.o.runs = 9
	if code := r.report(true); code == nil {
		t.Error("runs that were left out are no error")
	}
	buffered.Flush()
	if got := out.String(); !strings.HasPrefix(got, "3 of 9 runs, 0 failed") || !strings.HasSuffix(got, "; interrupted\n") {
		t.Errorf("interrupted: %s", got)
	}
	r.o.runs = 3
	out.Reset()
	r.note(7, cluster.Result{Err: errDisconnected}, "")
	if want := "seed 7: there is no connection to a server\n  nomadlike sim run -seed 7 -runs 1 -faults all -time 20s\n"; out.String() != want {
		t.Errorf("failure: %swant: %s", &out, want)
	}
	if r.report(false) == nil {
		t.Error("a failure is no error")
	}
	out.Reset()
	r.now = func() time.Time { return now.Add(time.Minute) }
	r.note(8, cluster.Result{}, "")
	r.note(9, cluster.Result{}, "")
	if got := strings.Count(out.String(), "1 failed, in 60.0 s"); got != 1 {
		t.Errorf("progress is told %d times:\n%s", got, &out)
	}
}

func TestRunOptions(t *testing.T) {
	good := runOptions{runs: 1, faults: "none", failures: 1}
	for name, change := range map[string]func(*runOptions){
		`-faults: "rain" is no kind of fault`: func(o *runOptions) { o.faults = "rain" },
		`-keep: "x" is no list of steps`:      func(o *runOptions) { o.keep = "x" },
		"a cluster has 1, 3 or 5 servers":     func(o *runOptions) { o.servers = 2 },
		"1 to 500 nodes":                      func(o *runOptions) { o.nodes = 501 },
		"-runs 0":                             func(o *runOptions) { o.runs = 0 },
		"at least a second":                   func(o *runOptions) { o.span = time.Millisecond },
		"seeds are not negative":              func(o *runOptions) { o.seed = -1 },
		"-parallel -1":                        func(o *runOptions) { o.parallel = -1 },
		"-failures 0":                         func(o *runOptions) { o.failures = 0 },
		"choose one":                          func(o *runOptions) { o.twice, o.metamorphic = true, true },
	} {
		o := good
		change(&o)
		if _, err := o.check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
	if _, err := good.check(); err != nil {
		t.Error(err)
	}
}
