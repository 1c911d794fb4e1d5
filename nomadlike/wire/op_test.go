package wire

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// told are updates with everything set, with nothing set, and as nodes send them.
func told() []*nl.AllocUpdate {
	full := new(nl.AllocUpdate)
	(&filler{}).fill(reflect.ValueOf(full).Elem(), 0)
	list := []*nl.AllocUpdate{full, {}, nil, {ID: "a", ClientDescription: "gone"}}
	healthy := true
	for i := range 300 {
		list = append(list, &nl.AllocUpdate{
			ID: fmt.Sprintf("id-%d", i), ClientStatus: nl.AllocClientRunning, ClientDescription: "Tasks are running",
			DeploymentStatus: &nl.AllocDeploymentStatus{Healthy: &healthy}, NetworkStatus: &nl.AllocNetworkStatus{},
		})
	}
	return list
}

// Ops that are written by hand are what the library writes of them.
func TestOpsAreTheLibrarys(t *testing.T) {
	eval := &nl.Eval{ID: "e", JobID: "j"}
	place, err := EncodeAllocs(filled())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		o    op.Op
		form any // nil: the op itself
	}{
		{"updates", &op.UpdateAllocs{NodeID: "n", Updates: told(), Evals: []*nl.Eval{eval}, Time: 1 << 60}, nil},
		{"no updates", &op.UpdateAllocs{Time: -1}, nil},
		{"plans", &op.ApplyPlans{Plans: []*op.PlanDelta{
			{EvalID: "e", Time: 5, Place: filled(), Stop: []nl.AllocStop{{AllocID: "s"}}, Evals: []*nl.Eval{eval}},
		}}, []planForm{{EvalID: "e", Time: 5, Place: place, Stop: []nl.AllocStop{{AllocID: "s"}}, Evals: []*nl.Eval{eval}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := EncodeOp(c.o)
			if err != nil {
				t.Fatal(err)
			}
			if c.form == nil {
				c.form = c.o
			}
			want, err := Encode(c.form)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got[1:], want) {
				t.Errorf("%x\nwant\n%x", got[1:], want)
			}
			back, err := DecodeOp(got)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.o, back, cmp.Comparer(func(a, b nl.TaskStates) bool { return a == b })); d != "" {
				t.Error(d)
			}
		})
	}
}

// What an encoder was used for before makes no difference.
func TestBlocksAreAlone(t *testing.T) {
	list := filled()
	var want [][]byte
	for _, part := range [][]*nl.Alloc{list[3:5], list, list[1:2], list[200:]} {
		b, err := AppendAllocs(nil, part)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, b)
	}
	for range 3 {
		for i, part := range [][]*nl.Alloc{list[3:5], list, list[1:2], list[200:]} {
			b, err := AppendAllocs(nil, part)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, want[i]) {
				t.Fatalf("block %d: %x\nwant\n%x", i, b, want[i])
			}
		}
	}
}

// The entries that most of a busy cluster's log is made of.
func BenchmarkEncodeOp(b *testing.B) {
	const count = 2000
	res := &nl.AllocatedResources{Shared: nl.AllocatedSharedResources{DiskMB: 300}}
	metric := &nl.AllocMetric{NodesEvaluated: 6100}
	plan, update := &op.PlanDelta{EvalID: id(0), Time: 1}, &op.UpdateAllocs{Time: 1}
	for i := range count {
		plan.Place = append(plan.Place, &nl.Alloc{
			ID: id(i), Name: fmt.Sprintf("j.g[%d]", i), Namespace: "default", JobID: "j", TaskGroup: "g", EvalID: id(0),
			NodeID: id(count + i), NodeName: fmt.Sprintf("node-%d", i), DeploymentID: id(1),
			AllocatedResources: res, Metrics: metric, DesiredStatus: "run", ClientStatus: "pending",
			CreateTime: 1 << 60, ModifyTime: 1 << 60,
		})
		update.Updates = append(update.Updates, &nl.AllocUpdate{
			ID: id(i), ClientStatus: nl.AllocClientRunning, ClientDescription: "Tasks are running",
			TaskStates: nl.PackTaskStates(map[string]*nl.TaskState{"t": {State: "running", Events: []*nl.TaskEvent{{Type: "Received"}, {Type: "Started"}}}}),
		})
	}
	for _, c := range []struct {
		name string
		o    op.Op
	}{
		{"plan", &op.ApplyPlans{Plans: []*op.PlanDelta{plan}}},
		{"updates", update},
		{"batch", &op.Batch{Ops: []op.Op{&op.ApplyPlans{Plans: []*op.PlanDelta{plan}}, update}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := EncodeOp(c.o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/alloc")
		})
	}
	encoded, err := EncodeOp(update)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read updates", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeOp(encoded); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/alloc")
	})
}

func id(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012d", i*2654435761%(1<<32), i) }

// Equal objects have one position, whether they are few or many.
func TestEqualObjectsAreWrittenOnce(t *testing.T) {
	for _, kinds := range []int{1, 2, 5, comparedMax, 3 * comparedMax} {
		var list []*nl.Alloc
		for range 3 {
			for kind := range kinds {
				list = append(list, &nl.Alloc{ID: "a", AllocatedResources: &nl.AllocatedResources{Shared: nl.AllocatedSharedResources{DiskMB: int64(kind)}}})
			}
		}
		b, err := EncodeAllocs(list)
		if err != nil {
			t.Fatal(err)
		}
		var block allocBlock
		if err := Decode(b, &block); err != nil {
			t.Fatal(err)
		}
		if len(block.Resources) != kinds {
			t.Errorf("%d kinds: %d are written", kinds, len(block.Resources))
		}
		back, err := DecodeAllocs(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(list, back); d != "" {
			t.Errorf("%d kinds: %s", kinds, d)
		}
	}
}
