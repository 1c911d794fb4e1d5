package quality

import (
	"fmt"
	"testing"
)

func BenchmarkGrowth(b *testing.B) {
	names := []string{"plain", "spread", "single", "filled"}
	for _, nodes := range GrowthNodes() {
		f, err := newField(nodes, 1)
		if err != nil {
			b.Fatal(err)
		}
		for kind, name := range names {
			if growthKind(kind) == growthFilled {
				if err := f.fill(); err != nil {
					b.Fatal(err)
				}
			}
			b.Run(fmt.Sprintf("%s/nodes=%d", name, nodes), func(b *testing.B) {
				placed := 0
				for b.Loop() {
					n, err := f.measure(growthKind(kind))
					if err != nil {
						b.Fatal(err)
					}
					placed += n
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(placed), "ns/placement")
			})
		}
	}
}
