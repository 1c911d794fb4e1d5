package cow

import (
	"encoding/hex"
	"math/rand/v2"
	"runtime"
	"testing"
)

type object struct{ id string }

func (o *object) Key() string { return o.id }

func objects(n int) []*object {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]*object, n)
	for i := range list {
		var b [16]byte
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		list[i] = &object{hex.EncodeToString(b[:])}
	}
	return list
}

// BenchmarkInsert adds objects under random IDs to a tree of a million, in
// transactions of a thousand: the measure of the design's table.
func BenchmarkInsert(b *testing.B) {
	const size, txSize = 1_000_000, 1000
	list := objects(size)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var tree Tree[*object]
		var o *Owner
		for i, v := range list {
			if i%txSize == 0 {
				o = new(Owner)
			}
			tree.Set(o, v)
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/size, "B/object")
		b.StartTimer()
		runtime.KeepAlive(&tree)
	}
	b.ReportMetric(float64(b.N)*size/b.Elapsed().Seconds(), "inserts/s")
}

func BenchmarkGet(b *testing.B) {
	list := objects(1_000_000)
	var tree Tree[*object]
	o := new(Owner)
	for _, v := range list {
		tree.Set(o, v)
	}
	i := 0
	for b.Loop() {
		i = (i + 7919) % len(list)
		if _, found := tree.Get(list[i].id); !found {
			b.Fatal("an object is missing")
		}
	}
}
