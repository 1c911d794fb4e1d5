package shrink

import (
	"slices"
	"testing"
)

func TestList(t *testing.T) {
	var all []int
	for i := range 100 {
		all = append(all, i)
	}
	for _, test := range []struct {
		name string
		need []int
	}{
		{"one", []int{42}},
		{"two far apart", []int{3, 97}},
		{"neighbours and one", []int{50, 51, 7}},
		{"none", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := List(all, 10_000, func(list []int) bool {
				for _, n := range test.need {
					if !slices.Contains(list, n) {
						return false
					}
				}
				return true
			})
			want := slices.Sorted(slices.Values(test.need))
			if !slices.Equal(got, want) {
				t.Errorf("%v is left, want %v", got, want)
			}
		})
	}
	t.Run("bounded", func(t *testing.T) {
		calls := 0
		List(all, 10, func([]int) bool { calls++; return false })
		if calls > 10 {
			t.Errorf("%d calls", calls)
		}
	})
}
