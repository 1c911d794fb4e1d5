package store

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

var rewrite = flag.Bool("rewrite", false, "write the results of scripts into testdata")

// A script is a list of blocks: lines of commands, a line of dashes, and what
// the commands print. Commands write (opsOf) or show (show).
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(text))
			if got == string(text) {
				return
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s gives other results; run with -rewrite and review the diff:\n%s", file, firstDifference(string(text), got))
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return "one is longer"
}

const dashes = "----"

// runScript runs the commands and returns the script with their results.
func runScript(t *testing.T, text string) string {
	s := &script{t: t, state: Empty()}
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		commands, _, _ := strings.Cut(block, "\n"+dashes)
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "%s\n", commands)
		s.out.Reset()
		s.block(strings.Split(commands, "\n"))
		if s.out.Len() > 0 {
			fmt.Fprintf(&out, "%s\n%s", dashes, s.out.String())
		}
	}
	checkRestore(t, s.state)
	return out.String()
}

type script struct {
	t     *testing.T
	state *Snapshot
	out   strings.Builder
	batch []op.Op // being collected between "batch" and "end"; nil: none is
}

func (s *script) block(lines []string) {
	for _, line := range lines {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(line, "#"):
		case words[0] == "show":
			s.show(words[1:])
		case words[0] == "batch":
			s.batch = []op.Op{}
		case words[0] == "end":
			o := &op.Batch{Ops: s.batch}
			s.batch = nil
			s.apply(o)
		default:
			o := s.parse(words)
			if s.batch != nil {
				s.batch = append(s.batch, o)
				continue
			}
			s.apply(o)
		}
	}
}

// apply applies an op as the log would and prints what changed. It also holds
// every write to what is true of all of them.
func (s *script) apply(o op.Op) {
	t := s.t
	entry, err := wire.EncodeOp(o)
	if err != nil {
		t.Fatal(err)
	}
	decode := func() op.Op {
		o, err := wire.DecodeOp(entry)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	before := s.state.Fingerprint()
	index := s.state.Index() + 1
	next, changes, result, err := Apply(s.state, index, decode())
	again, _, _, _ := Apply(s.state, index, decode())
	if next.Fingerprint() != again.Fingerprint() {
		t.Errorf("index %d: applied twice it gives two states", index)
	}
	if s.state.Fingerprint() != before {
		t.Errorf("index %d: the earlier snapshot changed", index)
	}
	if next.Index() != index {
		t.Errorf("index %d: the snapshot says it is at %d", index, next.Index())
	}
	fmt.Fprintf(&s.out, "%d:", index)
	if err != nil {
		if len(changes) > 0 {
			t.Errorf("index %d: refused, but something changed", index)
		}
		fmt.Fprintf(&s.out, " refused: %s\n", strings.ReplaceAll(err.Error(), "\n", "\\n"))
	} else {
		s.changes(changes, result)
	}
	s.state = next
	checkCounters(t, next)
}

var tableNames = map[Table]string{
	TableJobs: "job", TableJobVersions: "version", TableJobSummaries: "summary", TableJobSubmissions: "submission",
	TableScalingEvents: "scaling-event", TableScalingPolicies: "policy", TableAllocs: "alloc", TableEvals: "eval",
	TableDeployments: "deployment", TableNodes: "node", TableNamespaces: "namespace", TableNodePools: "pool",
	TableServices: "service", TableSchedulerConfig: "scheduler", TableAutopilotConfig: "autopilot",
	TableQuotas: "quota", TableQuotaUsage: "usage",
	TableVariables: "variable", TableHostVolumes: "host-volume", TableHostVolumeClaims: "claim", TableCSIVolumes: "csi-volume", TableRootKeys: "key", TablePeriodicLaunches: "launch",
}

func (s *script) changes(changes []Change, result any) {
	for _, c := range changes {
		sign := "~"
		switch {
		case c.Before == nil:
			sign = "+"
		case c.After == nil:
			sign = "-"
		}
		key := c.Key
		if c.Table == TableScalingPolicies {
			key = ""
		}
		fmt.Fprintf(&s.out, " %s%s", sign, tableNames[c.Table])
		if key != "" {
			fmt.Fprintf(&s.out, " %s", key)
		}
		fmt.Fprint(&s.out, ";")
	}
	switch r := result.(type) {
	case *op.ApplyVariableResult:
		if r.Locked {
			fmt.Fprint(&s.out, " locked")
		}
		if r.Changed {
			fmt.Fprint(&s.out, " changed")
		}
		if r.Exceeds != "" {
			fmt.Fprint(&s.out, " ", r.Exceeds)
		}
	case *op.RegisterJobResult:
		fmt.Fprintf(&s.out, " modify=%d version=%d", r.JobModifyIndex, r.Version)
		if r.ExistingChild != "" {
			fmt.Fprintf(&s.out, " child=%s@%d", r.ExistingChild, r.ExistingChildCreateIndex)
		}
	case bool:
		fmt.Fprintf(&s.out, " %v", r)
	}
	fmt.Fprintln(&s.out)
}

// checkRestore holds a snapshot to being equal to what is restored of it.
func checkRestore(t *testing.T, s *Snapshot) {
	t.Helper()
	var saved bytes.Buffer
	if err := s.Save(&saved); err != nil {
		t.Fatal(err)
	}
	restored, err := Restore(bytes.NewReader(saved.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if restored.Fingerprint() != s.Fingerprint() {
		t.Error("the restored state has another fingerprint")
	}
	if restored.Index() != s.Index() || restored.TableIndex(TableJobs, TableAllocs) != s.TableIndex(TableJobs, TableAllocs) {
		t.Error("the restored state has other indexes")
	}
	checkCounters(t, restored)
}

// checkCounters compares what is counted write by write with what is there.
func checkCounters(t *testing.T, s *Snapshot) {
	t.Helper()
	for set := range s.allocsByNode.All() {
		var usage fit.Usage
		for a := range s.allocsOf(set.allocs.All()) {
			usage.Add(a, +1)
		}
		for _, f := range s.FreedPorts(set.key) {
			if a := s.Alloc(f.AllocID); a == nil || a.NodeID != set.key {
				t.Errorf("node %q freed ports of %s, which is not there", set.key, f.AllocID)
			}
		}
		if usage != s.NodeUsage(set.key) {
			t.Errorf("node %q counts %+v and has %+v", set.key, s.NodeUsage(set.key), usage)
		}
	}
	allocs := 0
	for row := range s.jobs.All() {
		live := 0
		for a := range s.allocsOf(row.allocs.All()) {
			allocs++
			if !a.Terminal() {
				live++
			}
			if s.Alloc(a.ID) != a {
				t.Errorf("allocation %s of %q is not the one found by its ID", a.ID, row.key)
			}
		}
		if live != row.liveAllocs {
			t.Errorf("job %q counts %d live allocations and has %d", row.key, row.liveAllocs, live)
		}
		live = 0
		for e := range row.evals.All() {
			if !e.Terminal() {
				live++
			}
			if s.Eval(e.ID) != e.Eval {
				t.Errorf("evaluation %s of %q is not the one found by its ID", e.ID, row.key)
			}
		}
		if live != row.liveEvals {
			t.Errorf("job %q counts %d live evaluations and has %d", row.key, row.liveEvals, live)
		}
		active := 0
		for id := range row.deployments.All() {
			if s.Deployment(string(id)).Active() {
				active++
			}
		}
		if active != row.activeDeployments {
			t.Errorf("job %q counts %d active deployments and has %d", row.key, row.activeDeployments, active)
		}
		if row.job != nil && (len(row.versions) == 0 || row.versions[0] != row.job) {
			t.Errorf("job %q is not its newest version", row.key)
		}
	}
	checkLedgers(t, s)
	byNode, byEval := 0, 0
	for set := range s.allocsByNode.All() {
		for a := range s.allocsOf(set.allocs.All()) {
			byNode++
			if s.Alloc(a.ID) != a || a.NodeID != set.key {
				t.Errorf("allocation %s of node %s is not the one found by its ID", a.ID, set.key)
			}
		}
	}
	for set := range s.allocsByEval.All() {
		for a := range s.allocsOf(set.numbers.all()) {
			byEval++
			if s.Alloc(a.ID) != a || a.EvalID != set.key {
				t.Errorf("allocation %s of evaluation %s is not the one found by its ID", a.ID, set.key)
			}
		}
	}
	if n := s.allocs.Len(); n != allocs || n != byNode || n != byEval || n != s.allocsByID.Len() {
		t.Errorf("%d allocations, but %d by job, %d by node, %d by evaluation, %d by ID", n, allocs, byNode, byEval, s.allocsByID.Len())
	}
	if s.evals.Len() != s.evalsCreated.Len() || s.deployments.Len() != s.deploymentsCreated.Len() {
		t.Error("indexes by creation have other lengths than their tables")
	}
}
