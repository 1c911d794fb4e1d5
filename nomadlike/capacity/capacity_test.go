package capacity

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/rank"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

// model is the plain form of an index.
type model map[string]Slot

func (m model) clone() model {
	out := make(model, len(m))
	for id, s := range m {
		out[id] = s
	}
	return out
}

// history is an index and what it should hold, with earlier copies of both.
type history struct {
	index  Index
	model  model
	before []copied
}

type copied struct {
	index Index
	model model
}

// shapes are how different the nodes of a case are.
type shapes struct {
	capacities, kinds, steps int64
}

func randomNode(r *rand.Rand, sh shapes, id int) *nl.Node {
	n := &nl.Node{
		ID: fmt.Sprintf("n%d", id), Datacenter: "dc1", NodePool: "default", Status: nl.NodeStatusReady,
		SchedulingEligibility: nl.NodeEligible, ComputedClass: fmt.Sprint("c", r.Int64N(sh.kinds)),
		NodeResources: &nl.NodeResources{
			Cpu:    nl.LegacyNodeCpuResources{CpuShares: 1000 * r.Int64N(sh.capacities+1)},
			Memory: nl.NodeMemoryResources{MemoryMB: 1000 + 512*r.Int64N(sh.capacities)},
			Disk:   nl.NodeDiskResources{DiskMB: 100},
		},
	}
	if r.IntN(20) == 0 {
		n.Status = nl.NodeStatusDown
	}
	if r.IntN(10) == 0 {
		n.NodeMaxAllocs = 2
	}
	return n
}

// randomUsage may be more than there is.
func randomUsage(r *rand.Rand, sh shapes, n *nl.Node) fit.Usage {
	c := fit.Capacity(n)
	part := func(of int64) int64 { return of * r.Int64N(sh.steps+1) / sh.steps * 11 / 10 }
	return fit.Usage{Used: fit.Vector{CPU: part(c.CPU), Memory: part(c.Memory), Disk: part(c.Disk)}, Live: r.IntN(4)}
}

// change applies some changes as one owner.
func (h *history) change(r *rand.Rand, sh shapes, nodes int) {
	if r.IntN(3) == 0 {
		h.before = append(h.before, copied{h.index, h.model.clone()})
	}
	o := new(cow.Owner)
	for range 1 + r.IntN(nodes) {
		id := r.IntN(nodes)
		key := fmt.Sprintf("n%d", id)
		old, known := h.model[key]
		switch {
		case known && r.IntN(3) > 0:
			u := randomUsage(r, sh, old.Node)
			h.index.SetUsage(o, key, u)
			old.Usage = u
			h.model[key] = old
		case known && r.IntN(4) == 0:
			h.index.Delete(o, key)
			delete(h.model, key)
		default:
			n := randomNode(r, sh, id)
			u := randomUsage(r, sh, n)
			h.index.Set(o, n, u)
			delete(h.model, key)
			if n.Ready() {
				h.model[key] = Slot{Node: n, Cap: fit.Capacity(n), Usage: u, Order: hash(key)}
			}
		}
	}
	h.index.Settle(o)
}

// TestIndex compares what an index and its earlier copies answer with what
// looking at every node would.
func TestIndex(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		sh := shapes{capacities: 1 + r.Int64N(1+int64(seed%7)), kinds: 1 + r.Int64N(4), steps: 1 + r.Int64N(1+int64(seed%50))}
		nodes := 1 + r.IntN(3)
		if seed%3 > 0 {
			nodes = 1 + r.IntN(300)
		}
		h := &history{model: model{}}
		for range 8 {
			h.change(r, sh, nodes)
			compare(t, r, h.index, h.model)
		}
		for _, b := range h.before {
			compare(t, r, b.index, b.model)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func compare(t *testing.T, r *rand.Rand, x Index, m model) {
	t.Helper()
	if x.Len() != len(m) {
		t.Fatalf("%d nodes, want %d", x.Len(), len(m))
	}
	sum := 0
	byKind := map[string]float64{}
	for k := range x.Kinds() {
		checkBranch(t, k.root)
		sum += k.Len()
		byKind[k.Key()] = 0
		if r.IntN(3) == 0 {
			byKind[k.Key()] = float64(r.IntN(5)-2) / 2
		}
		if got := kindOf(k.Sample()); got != k.Key() {
			t.Fatalf("kind %q has a node of kind %q", k.Key(), got)
		}
	}
	if sum != len(m) {
		t.Fatalf("kinds have %d nodes, want %d", sum, len(m))
	}
	need := fit.Vector{CPU: r.Int64N(1500), Memory: r.Int64N(1500), Disk: r.Int64N(60)}
	if r.IntN(4) == 0 {
		need = fit.Vector{}
	}
	compareLacks(t, x, m, need)
	compareSearch(t, r, x, m, need, byKind)
}

// checkBranch looks for spans that are not those of what is below.
func checkBranch(t *testing.T, b *branch) {
	t.Helper()
	var want span
	first := true
	var last *Slot
	b.all(func(s *Slot) bool {
		one := spanOf(s)
		want.add(&one, first)
		first = false
		if last != nil && !last.before(s) {
			t.Fatalf("%s comes after %s", last.Node.ID, s.Node.ID)
		}
		last = s
		return true
	})
	if b.stale || b.span != want {
		t.Fatalf("span is %+v (stale %t), want %+v", b.span, b.stale, want)
	}
	for _, c := range b.children {
		checkBranch(t, c)
	}
}

func compareLacks(t *testing.T, x Index, m model, need fit.Vector) {
	t.Helper()
	var got, want Lack
	for k := range x.Kinds() {
		l := k.Lacks(need)
		l.Each(got.Add)
	}
	for _, s := range m {
		want.Add(s.Room(need), 1)
	}
	if got != want {
		t.Fatalf("need %v is lacked by %+v, want %+v", need, got, want)
	}
}

func compareSearch(t *testing.T, r *rand.Rand, x Index, m model, need fit.Vector, plus map[string]float64) {
	t.Helper()
	alg := rank.Algorithm(r.IntN(2))
	turn := NewTurn(r.Uint64())
	type scored struct {
		id    string
		score float64
		order uint64
	}
	var want []scored
	for id, s := range m {
		if s.Room(need) == "" {
			want = append(want, scored{id, rank.Fit(alg, s.Used.Plus(need), s.Cap) + plus[kindOf(s.Node)], turn.OfNode(id)})
		}
	}
	slices.SortFunc(want, func(a, b scored) int {
		return cmp.Or(-cmp.Compare(a.score, b.score), cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id))
	})
	s := NewSearch(need, Score{
		Of:     func(used, capacity fit.Vector) float64 { return rank.Fit(alg, used, capacity) },
		AtMost: func(low, high fit.Shares) float64 { return rank.FitAtMost(alg, low, high) },
	}, turn)
	for k := range x.Kinds() {
		s.Add(k, plus[k.Key()])
	}
	for i, w := range want {
		if above := s.Next(math.Nextafter(w.score, math.Inf(1)), 0); above != nil {
			t.Fatalf("%s is handed out although it is worse than %g", above.Node.ID, w.score)
		}
		got := s.Next(w.score, w.order)
		if got == nil || got.Node.ID != w.id {
			t.Fatalf("node %d of %d is %v, want %+v", i, len(want), got, w)
		}
	}
	if more := s.Next(math.Inf(-1), 0); more != nil {
		t.Fatalf("%s is handed out although it does not fit", more.Node.ID)
	}
}

// benchIndex has nodes of one shape, filled by chance.
func benchIndex(nodes int) Index {
	r := rand.New(rand.NewPCG(1, 1))
	var x Index
	o := new(cow.Owner)
	for i := range nodes {
		n := randomNode(r, shapes{capacities: 1, kinds: 1}, i)
		n.Status, n.NodeMaxAllocs, n.NodeResources.Cpu.CpuShares = nl.NodeStatusReady, 0, 16000
		n.NodeResources.Memory.MemoryMB = 32000
		u := randomUsage(r, shapes{steps: 1000}, n)
		u.Used.Disk = 0
		x.Set(o, n, u)
	}
	x.Settle(o)
	return x
}

func BenchmarkSearch(b *testing.B) {
	for _, nodes := range []int{100, 1000, 10_000, 50_000} {
		b.Run(fmt.Sprint("nodes=", nodes), func(b *testing.B) {
			x := benchIndex(nodes)
			r := rand.New(rand.NewPCG(2, 2))
			score := Score{
				Of:     func(used, capacity fit.Vector) float64 { return rank.Fit(rank.Pack, used, capacity) },
				AtMost: func(low, high fit.Shares) float64 { return rank.FitAtMost(rank.Pack, low, high) },
			}
			for b.Loop() {
				s := NewSearch(fit.Vector{CPU: r.Int64N(2000), Memory: r.Int64N(4000)}, score, NewTurn(r.Uint64()))
				for k := range x.Kinds() {
					s.Add(k, 0)
				}
				if s.Next(math.Inf(-1), 0) == nil {
					b.Fatal("no node has room")
				}
			}
		})
	}
}

func BenchmarkLacks(b *testing.B) {
	for _, nodes := range []int{100, 1000, 10_000, 50_000} {
		b.Run(fmt.Sprint("nodes=", nodes), func(b *testing.B) {
			x := benchIndex(nodes)
			r := rand.New(rand.NewPCG(2, 2))
			for b.Loop() {
				need := fit.Vector{CPU: r.Int64N(2000), Memory: r.Int64N(4000)}
				for k := range x.Kinds() {
					k.Lacks(need)
				}
			}
		})
	}
}

// BenchmarkUpdate changes the use of some nodes by one owner.
func BenchmarkUpdate(b *testing.B) {
	for _, c := range []struct{ nodes, changes int }{{1000, 1}, {1000, 1000}, {5000, 100}, {5000, 600}, {5000, 1500}, {5000, 5000}, {50_000, 1}, {50_000, 1000}} {
		b.Run(fmt.Sprintf("nodes=%d/changes=%d", c.nodes, c.changes), func(b *testing.B) {
			x := benchIndex(c.nodes)
			r := rand.New(rand.NewPCG(2, 2))
			for b.Loop() {
				o := new(cow.Owner)
				for range c.changes {
					id := fmt.Sprintf("n%d", r.IntN(c.nodes))
					u := x.Get(id).Usage
					u.Used = u.Used.Plus(fit.Vector{CPU: 20, Memory: 20})
					x.SetUsage(o, id, u)
				}
				x.Settle(o)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.changes), "ns/change")
		})
	}
}
