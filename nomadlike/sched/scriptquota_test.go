package sched_test

import (
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/quota"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// putQuota makes a quota. Keys: cpu, mem, memmax, cores, gpu (nvidia/gpu), a100
// and t4 (models of it); POOL.cpu and POOL.mem limit a pool; region is the one
// it holds in.
func (w *world) putQuota(name string, a args) {
	r := &nl.QuotaResources{}
	limit := &nl.QuotaLimit{Region: nl.DefaultRegion, RegionLimit: r}
	pools := map[string]*nl.NodePoolLimit{}
	for _, p := range a.pairs {
		n, _ := strconv.Atoi(p[1])
		switch key := p[0][strings.LastIndexByte(p[0], '.')+1:]; key {
		case "cpu", "mem", "memmax", "secrets":
			if n > 0 {
				n *= int(w.scale)
			}
		}
		long := int64(n)
		device := func(name string) {
			r.Devices = append(r.Devices, &nl.RequestedDevice{Name: name, Count: uint64(n)})
		}
		pool, key, inPool := strings.Cut(p[0], ".")
		if !inPool {
			pool, key = "", p[0]
		} else if pools[pool] == nil {
			pools[pool] = &nl.NodePoolLimit{NodePool: pool}
			r.NodePools = append(r.NodePools, pools[pool])
		}
		switch {
		case key == "cpu" && inPool:
			pools[pool].CPU = &n
		case key == "mem" && inPool:
			pools[pool].MemoryMB = &long
		case key == "cpu":
			r.CPU = &n
		case key == "mem":
			r.MemoryMB = &long
		case key == "memmax":
			r.MemoryMaxMB = &long
		case key == "cores":
			r.Cores = &n
		case key == "secrets":
			r.SecretsMB = &n
		case key == "gpu":
			device("nvidia/gpu")
		case key == "a100", key == "t4":
			device("nvidia/gpu/" + key)
		case key == "region":
			limit.Region = p[1]
		default:
			w.t.Fatalf("unknown limit %q", p[0])
		}
	}
	q := &nl.QuotaSpec{Name: name, Limits: []*nl.QuotaLimit{limit}}
	if wrong := quota.Validate(q); len(wrong) > 0 {
		w.t.Fatal(wrong)
	}
	w.apply(&op.UpsertQuotas{Quotas: []*nl.QuotaSpec{q}})
}

// checkQuotas: no step uses more of a quota than it allows, unless as much was
// used before.
func (w *world) checkQuotas(before, after *store.Snapshot) {
	w.t.Helper()
	limits, was := before.Limits(nl.DefaultNamespace, nl.DefaultRegion)
	if limits == nil {
		return
	}
	if over := limits.Ledger(was, after.QuotaLedger(was.Quota)); len(over) > 0 {
		w.t.Errorf("a quota is exceeded: %v", over)
	}
}
