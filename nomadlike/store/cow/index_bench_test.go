package cow

import "testing"

// BenchmarkIndex adds and finds the numbers of a million objects under random
// IDs; an object that is found is looked at.
func BenchmarkIndex(b *testing.B) {
	const size, txSize = 1_000_000, 1000
	objects := objects(size)
	of := func(number uint64) string { return objects[number].id }
	var x Index
	b.Run("set", func(b *testing.B) {
		for b.Loop() {
			x = Index{}
			var o *Owner
			for i, v := range objects {
				if i%txSize == 0 {
					o = new(Owner)
				}
				x.Set(o, v.id, uint64(i), of)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/set")
	})
	b.Run("get", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i = (i + 7919) % size
			if number, found := x.Get(objects[i].id, of); !found || number != uint64(i) {
				b.Fatal("an object is missing")
			}
		}
	})
	b.Run("miss", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i = (i + 7919) % size
			id := objects[i].id
			if _, found := x.Get(id[1:], of); found {
				b.Fatal("an object is there that is not")
			}
		}
	})
}
