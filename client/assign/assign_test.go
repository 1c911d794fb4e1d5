package assign

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func TestCompare(t *testing.T) {
	alloc := func(id string, index uint64, desired, client string) *nl.Alloc {
		return &nl.Alloc{ID: id, AllocModifyIndex: index, DesiredStatus: desired, ClientStatus: client}
	}
	known := map[string]Known{"a": {5}, "b": {5}, "c": {5}}
	tests := []struct {
		name string
		m    query.NodeAllocChanges
		want string // start / update / remove / over
	}{
		{"nothing", query.NodeAllocChanges{}, " /  /  / "},
		{"new ones, in order", query.NodeAllocChanges{Allocs: []*nl.Alloc{alloc("y", 9, "run", "pending"), alloc("x", 9, "run", "pending")}}, "x y /  /  / "},
		{"new but over", query.NodeAllocChanges{Allocs: []*nl.Alloc{alloc("x", 9, "stop", "pending"), alloc("y", 9, "run", "failed"), alloc("z", 9, "stop", "complete")}}, " /  /  / x"},
		{"newer and not", query.NodeAllocChanges{Allocs: []*nl.Alloc{alloc("b", 6, "stop", "running"), alloc("a", 5, "run", "running")}}, " / b /  / "},
		{"removed", query.NodeAllocChanges{Removed: []string{"c", "q", "a"}}, " /  / a c / "},
		{"reset", query.NodeAllocChanges{Reset: true, Allocs: []*nl.Alloc{alloc("b", 5, "run", "running")}, Removed: []string{"a"}}, " /  / a c / "},
	}
	for _, tt := range tests {
		has := func(id string) (Known, bool) { k, ok := known[id]; return k, ok }
		d := Compare(has, maps.Keys(known), &tt.m)
		ids := func(list []*nl.Alloc) string {
			var out []string
			for _, a := range list {
				out = append(out, a.ID)
			}
			return strings.Join(out, " ")
		}
		if got := fmt.Sprintf("%s / %s / %s / %s", ids(d.Start), ids(d.Update), strings.Join(d.Remove, " "), ids(d.Over)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
