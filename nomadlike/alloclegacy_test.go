package nomadlike_test

import (
	"encoding/json"
	"testing"

	"github.com/nomadlike/nomadlike/nomadlike"
)

func TestAllocShowsDeprecatedResources(t *testing.T) {
	a := &nomadlike.Alloc{ID: "a", AllocatedResources: &nomadlike.AllocatedResources{
		Shared: nomadlike.AllocatedSharedResources{DiskMB: 300},
		Tasks: map[string]*nomadlike.AllocatedTaskResources{
			"init": {Cpu: nomadlike.AllocatedCpuResources{CpuShares: 20}, Memory: nomadlike.AllocatedMemoryResources{MemoryMB: 16}},
			"main": {Cpu: nomadlike.AllocatedCpuResources{CpuShares: 30}, Memory: nomadlike.AllocatedMemoryResources{MemoryMB: 16, MemoryMaxMB: 64}},
		},
	}}
	var got struct {
		ID                         string
		Resources, SharedResources nomadlike.Resources
		TaskResources              map[string]nomadlike.Resources
	}
	for _, v := range []any{a, *a, map[string]any{"x": a}["x"]} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if got.ID != "a" || got.Resources.CPU != 50 || got.Resources.MemoryMB != 32 || got.Resources.MemoryMaxMB != 80 || got.Resources.DiskMB != 300 {
			t.Errorf("the sum is %+v", got.Resources)
		}
		if got.SharedResources.DiskMB != 300 || got.SharedResources.CPU != 0 {
			t.Errorf("the shared part is %+v", got.SharedResources)
		}
		if len(got.TaskResources) != 2 || got.TaskResources["main"].MemoryMaxMB != 64 || got.TaskResources["main"].DiskMB != 0 {
			t.Errorf("the tasks' parts are %+v", got.TaskResources)
		}
	}
}
