package store

import (
	"fmt"
	"reflect"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/quota"
)

// parseQuota: quota NAME cpu= mem= variables= (MB), all for region global.
func (s *script) parseQuota(verb, name string, a arguments) op.Op {
	if verb == "quota-delete" {
		return &op.DeleteQuotas{Names: []string{name}}
	}
	cpu, memory, variables := a.number("cpu"), int64(a.number("mem")), a.number("variables")
	return &op.UpsertQuotas{Quotas: []*nl.QuotaSpec{{Name: name, Limits: []*nl.QuotaLimit{{
		Region: nl.DefaultRegion, RegionLimit: &nl.QuotaResources{CPU: &cpu, MemoryMB: &memory}, VariablesLimit: &variables,
	}}}}}
}

// given are the resources that place gives: cpu=, mem=, memmax=, cores=, gpu=; none of
// them gives none.
func given(a arguments) *nl.AllocatedResources {
	if !a.has("cpu") && !a.has("mem") {
		return nil
	}
	t := &nl.AllocatedTaskResources{
		Cpu:    nl.AllocatedCpuResources{CpuShares: int64(a.number("cpu"))},
		Memory: nl.AllocatedMemoryResources{MemoryMB: int64(a.number("mem")), MemoryMaxMB: int64(a.number("memmax"))},
	}
	for i := range a.number("cores") {
		t.Cpu.ReservedCores = append(t.Cpu.ReservedCores, uint64(i))
	}
	if n := a.number("gpu"); n > 0 {
		d := &nl.AllocatedDeviceResource{Vendor: "nvidia", Type: "gpu", Name: "a100"}
		for i := range n {
			d.DeviceIDs = append(d.DeviceIDs, fmt.Sprint(i))
		}
		t.Devices = append(t.Devices, d)
	}
	return &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{"t": t}}
}

func (s *script) showUsage(name string) {
	l := s.state.QuotaLedger(name)
	if l == nil {
		s.line("%s: not in use", name)
		return
	}
	s.line("%s: variables=%d create=%d modify=%d", name, l.Variables, l.CreateIndex, l.ModifyIndex)
	for _, p := range l.Pools {
		s.line("  pool %q cpu=%d cores=%d mem=%d max=%d %v", p.Pool, p.Use.CPU, p.Use.Cores, p.Use.Memory, p.Use.MemoryMax, p.Use.Devices)
	}
}

// checkLedgers compares what is counted write by write for quotas with what is
// there.
func checkLedgers(t *testing.T, s *Snapshot) {
	t.Helper()
	want := map[string]*quota.Ledger{}
	for n := range s.Namespaces() {
		if n.Quota == "" {
			continue
		}
		l := want[n.Quota]
		if l == nil {
			l = &quota.Ledger{Quota: n.Quota}
			want[n.Quota] = l
		}
		for a := range s.Allocs(n.Name) {
			if !a.Terminal() {
				pool := ""
				if node := s.Node(a.NodeID); node != nil {
					pool = node.NodePool
				}
				l.Add(pool, quota.Of(a))
			}
		}
		for v := range s.Variables(n.Name, "") {
			l.Variables += int64(len(v.Data))
		}
	}
	found := 0
	for l := range s.QuotaLedgers() {
		found++
		w := want[l.Quota]
		if w == nil {
			t.Errorf("quota %s is counted and nobody is under it", l.Quota)
			continue
		}
		if l.Variables != w.Variables || len(l.Pools) != len(w.Pools) || len(l.Pools) > 0 && !reflect.DeepEqual(l.Pools, w.Pools) {
			t.Errorf("quota %s counts %+v and there is %+v", l.Quota, *l, *w)
		}
	}
	if found != len(want) {
		t.Errorf("%d quotas are in use and %d are counted", len(want), found)
	}
}
