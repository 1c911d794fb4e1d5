package sched_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// largeJobs are shapes of jobs that must not stall the scheduler. Scale divides
// their size.
func largeJobs(scale int) map[string]*nl.Job {
	wide := benchJob(1, nil)
	group := wide.TaskGroups[0]
	wide.TaskGroups = nil
	for i := range 2000 / scale {
		g := *group
		g.Name, g.Count = fmt.Sprintf("g%d", i), 5
		wide.TaskGroups = append(wide.TaskGroups, &g)
	}
	deep := benchJob(1, nil)
	deep.TaskGroups = nil
	for i := range 5 {
		g := *group
		g.Name, g.Count = fmt.Sprintf("g%d", i), 2000/scale
		deep.TaskGroups = append(deep.TaskGroups, &g)
	}
	batch := benchJob(25_000/scale, func(g *nl.Group) { g.Update = nil })
	batch.Type = nl.JobTypeBatch
	ports := benchJob(1, nil)
	ports.TaskGroups[0].Tasks = nil
	ports.TaskGroups[0].Count = 1000 / scale
	for i := range 5 {
		ports.TaskGroups[0].Tasks = append(ports.TaskGroups[0].Tasks, &nl.Task{
			Name: fmt.Sprintf("t%d", i), Driver: "mock_driver", Resources: &nl.Resources{CPU: 20, MemoryMB: 20},
		})
		p := &nl.Port{Label: fmt.Sprintf("p%d", i), Value: 8000 + i}
		if i == 0 {
			ports.TaskGroups[0].Networks = []*nl.Network{{}}
		}
		ports.TaskGroups[0].Networks[0].ReservedPorts = append(ports.TaskGroups[0].Networks[0].ReservedPorts, p)
	}
	return map[string]*nl.Job{"2000 groups of 5": wide, "5 groups of 2000": deep, "batch of 25000": batch, "1000 with static ports": ports}
}

func wanted(job *nl.Job) int {
	n := 0
	for _, g := range job.TaskGroups {
		n += g.Count
	}
	return n
}

// TestLarge places the same shapes at a tenth of their size. Work that grew with
// the square of it would show in what is allocated.
func TestLarge(t *testing.T) {
	const allocationsMax = 400 // for each placement
	for name, job := range largeJobs(10) {
		t.Run(name, func(t *testing.T) {
			s := benchApply(t, benchCluster(t, 200), &op.RegisterJob{Job: job})
			e := &nl.Eval{ID: "30000000-0000-0000-0000-000000000001", Namespace: "default", JobID: "bench", Type: job.Type, Priority: 50}
			placed := 0
			allocations := testing.AllocsPerRun(1, func() {
				out, err := sched.Schedule(s, e, benchInput())
				if err != nil {
					t.Fatal(err)
				}
				placed = len(out.Plan.Place)
			})
			if placed != wanted(job) {
				t.Fatalf("placed %d of %d", placed, wanted(job))
			}
			if each := allocations / float64(placed); each > allocationsMax {
				t.Errorf("%.0f allocations for each placement", each)
			}
		})
	}
}

func BenchmarkLarge(b *testing.B) {
	for name, job := range largeJobs(1) {
		b.Run(name, func(b *testing.B) {
			s := benchApply(b, benchCluster(b, 2000), &op.RegisterJob{Job: job})
			e := &nl.Eval{ID: "30000000-0000-0000-0000-000000000001", Namespace: "default", JobID: "bench", Type: job.Type, Priority: 50}
			for b.Loop() {
				out, err := sched.Schedule(s, e, benchInput())
				if err != nil || len(out.Plan.Place) != wanted(job) {
					b.Fatalf("placed %d of %d: %v", len(out.Plan.Place), wanted(job), err)
				}
			}
			b.ReportMetric(float64(wanted(job))*float64(b.N)/b.Elapsed().Seconds(), "placements/s")
		})
	}
}

// The allocations of a large plan have IDs that lie together and come in order,
// those that replace others as well; those of a small plan are as they were made.
func TestLargePlanIDs(t *testing.T) {
	for _, c := range []struct {
		count    int
		together bool
	}{{255, false}, {256, true}} {
		s := benchCluster(t, 10)
		random := rand.NewChaCha8([32]byte{1})
		in := sched.Input{Now: time.Unix(1, 0), Seed: 1, NewID: func() string { return nl.NewID(random) }}
		for version := range 2 {
			job := benchJob(c.count, func(g *nl.Group) { g.Update = &nl.UpdateStrategy{} })
			job.Meta = map[string]string{"version": fmt.Sprint(version)}
			s = benchApply(t, s, &op.RegisterJob{Job: job})
			e := &nl.Eval{ID: in.NewID(), Namespace: "default", JobID: "bench", Type: nl.JobTypeService, Priority: 50}
			out, err := sched.Schedule(s, e, in)
			if err != nil || len(out.Plan.Place) != c.count {
				t.Fatalf("%d of %d placed: %v", len(out.Plan.Place), c.count, err)
			}
			var got []string
			for _, a := range out.Plan.Place {
				got = append(got, a.ID)
			}
			together := slices.IsSorted(got) && got[0][:4] == got[len(got)-1][:4]
			if together != c.together {
				t.Errorf("%d allocations, version %d: together is %t: %s to %s", c.count, version, together, got[0], got[len(got)-1])
			}
			s = benchApply(t, s, &op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(out.Plan, 1)}})
		}
	}
}
