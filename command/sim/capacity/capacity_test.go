package capacity_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/clitest"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/sim"
	"github.com/nomadlike/nomadlike/command/sim/settle"
	"github.com/nomadlike/nomadlike/jobspec"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/consensus"
)

var _ = flag.Bool("rewrite", false, "write the transcripts instead of comparing them")

// snapshotPath is where transcripts find the snapshot: outside the directory
// whose files they show.
const snapshotPath = "../cluster.snap"

func TestPlan(t *testing.T) {
	archive := testArchive(t)
	clitest.Run(t, "testdata/*.txt", func(m *meta.Meta) map[string]cli.CommandFactory {
		if err := os.WriteFile(snapshotPath, archive, 0o600); err != nil {
			t.Fatal(err)
		}
		return sim.Commands(m)
	})
}

// testArchive is a cluster of 16 small nodes in two racks and 4 large ones with
// jobs: api (20, priority 50), low (6 on the large nodes, priority 20), agent
// (system), and waiter, which waits for a large node of its own. Evictions are
// allowed.
func testArchive(t *testing.T) []byte {
	t.Helper()
	now := time.Date(2026, 4, 30, 8, 0, 0, 0, time.UTC)
	c := settle.New(store.Empty(), now, 3)
	do := func(o op.Op) {
		t.Helper()
		if _, err := c.Do(o); err != nil {
			t.Fatal(err)
		}
	}
	do(&op.SetSchedulerConfig{Config: &nl.SchedulerConfiguration{PreemptionConfig: nl.PreemptionConfig{ServiceSchedulerEnabled: true, SystemSchedulerEnabled: true}}})
	for i := range 20 {
		n := testNode(i)
		do(&op.RegisterNode{Node: n, Time: now.UnixNano()})
	}
	for _, job := range []*nl.Job{
		testJob(t, "agent", nl.JobTypeSystem, 90, 1, 100, 100, ""),
		testJob(t, "api", nl.JobTypeService, 50, 20, 1000, 1000, ""),
		testJob(t, "low", nl.JobTypeService, 20, 6, 5000, 7000, "large"),
		testJob(t, "waiter", nl.JobTypeBatch, 10, 1, 15000, 15000, "large"),
	} {
		do(&op.RegisterJob{Job: job, Eval: c.Eval(job, nl.TriggerJobRegister)})
	}
	if err := c.Settle(); err != nil {
		t.Fatal(err)
	}
	var state, out bytes.Buffer
	if err := c.Snapshot().Save(&state); err != nil {
		t.Fatal(err)
	}
	meta := &raft.SnapshotMeta{Version: 1, ID: "test", Index: c.Snapshot().Index(), Term: 1, Size: int64(state.Len())}
	if err := consensus.WriteArchive(&out, meta, &state, now); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// testNode is small, or large from the seventeenth on.
func testNode(i int) *nl.Node {
	n := &nl.Node{
		ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", i+1), Name: fmt.Sprintf("small-%d", i+1), SecretID: fmt.Sprint("secret", i),
		Datacenter: "dc1", NodePool: nl.NodePoolDefault, NodeClass: "small", Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible,
		Attributes: map[string]string{"kernel.name": "linux", "driver.mock_driver": "1", "unique.hostname": fmt.Sprint("host-", i+1)},
		Meta:       map[string]string{"rack": fmt.Sprint("r", i%2+1)},
		Drivers:    map[string]*nl.DriverInfo{"mock_driver": {Detected: true, Healthy: true}},
		NodeResources: &nl.NodeResources{
			Cpu: nl.LegacyNodeCpuResources{CpuShares: 4000, TotalCpuCores: 2}, Memory: nl.NodeMemoryResources{MemoryMB: 4000}, Disk: nl.NodeDiskResources{DiskMB: 100_000},
			NodeNetworks: []*nl.NodeNetworkResource{{Mode: "host", Addresses: []*nl.NodeNetworkAddress{{Alias: "default", Address: fmt.Sprint("10.0.0.", i+1)}}}},
		},
		ReservedResources: &nl.NodeReservedResources{},
	}
	if i >= 16 {
		n.Name, n.NodeClass = fmt.Sprintf("large-%d", i-15), "large"
		n.NodeResources.Cpu.CpuShares, n.NodeResources.Cpu.TotalCpuCores, n.NodeResources.Memory.MemoryMB = 16000, 8, 16000
	}
	n.ComputedClass = nl.ComputedClass(n)
	return n
}

// testJob is read from a job file, so that it has all the defaults that jobs of
// a real state have.
func testJob(t *testing.T, id, kind string, priority, count, cpu, memory int, class string) *nl.Job {
	t.Helper()
	constraint := ""
	if class != "" {
		constraint = fmt.Sprintf(`constraint {
			attribute = "${node.class}"
			value     = %q
		}`, class)
	}
	doc, problems := jobspec.Parse(jobspec.Input{Path: id + ".hcl", Body: fmt.Appendf(nil, `
job %q {
	type     = %q
	priority = %d
	group "web" {
		count = %d
		%s
		task "web" {
			driver = "mock_driver"
			resources {
				cpu    = %d
				memory = %d
			}
		}
	}
}`, id, kind, priority, count, constraint, cpu, memory)})
	if problems != nil {
		t.Fatal(problems)
	}
	job, err := spec.Register(doc)
	if err != nil {
		t.Fatal(err)
	}
	admit.Mutate(job, admit.Settings{})
	return job
}
