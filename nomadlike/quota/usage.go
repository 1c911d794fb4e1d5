package quota

import (
	"encoding/base64"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Usage is what the API shows of the quota in a region: for its limit there
// what is used of it. A nil ledger is that of a quota nobody is under.
func Usage(q *nl.QuotaSpec, l *Ledger, region string) *nl.QuotaUsage {
	if l == nil {
		l = &Ledger{CreateIndex: q.CreateIndex, ModifyIndex: q.ModifyIndex}
	}
	u := &nl.QuotaUsage{
		Name: q.Name, Used: map[string]*nl.QuotaLimit{},
		CreateIndex: q.CreateIndex, ModifyIndex: max(q.ModifyIndex, l.ModifyIndex),
	}
	for _, limit := range q.Limits {
		if limit.Region == region {
			u.Used[UsedKey(limit)] = used(limit, l)
		}
	}
	return u
}

// UsedKey is under which key QuotaUsage.Used tells of a limit.
func UsedKey(limit *nl.QuotaLimit) string { return base64.StdEncoding.EncodeToString(limit.Hash) }

func used(limit *nl.QuotaLimit, l *Ledger) *nl.QuotaLimit {
	mb := int((l.Variables + bytesPerMB - 1) / bytesPerMB)
	r := limit.RegionLimit
	if r == nil {
		r = &nl.QuotaResources{}
	}
	total := l.Total()
	out := &nl.QuotaResources{
		CPU: number[int](total.CPU), Cores: number[int](total.Cores), MemoryMB: number[int64](total.Memory),
		MemoryMaxMB: number[int64](total.MemoryMax), SecretsMB: number[int](total.Secrets),
		Devices: usedDevices(r.Devices, total), Storage: &nl.QuotaStorageResources{VariablesMB: mb},
	}
	for _, p := range r.NodePools {
		u := l.In(p.NodePool)
		out.NodePools = append(out.NodePools, &nl.NodePoolLimit{
			NodePool: p.NodePool,
			CPU:      number[int](u.CPU), Cores: number[int](u.Cores), MemoryMB: number[int64](u.Memory),
			MemoryMaxMB: number[int64](u.MemoryMax), SecretsMB: number[int](u.Secrets), Devices: usedDevices(p.Devices, u),
		})
	}
	return &nl.QuotaLimit{Region: limit.Region, RegionLimit: out, VariablesLimit: &mb, Hash: limit.Hash}
}

func number[T int | int64](n int64) *T {
	v := T(n)
	return &v
}

// usedDevices counts, for every kind that is limited, what is used of it.
func usedDevices(limited []*nl.RequestedDevice, u Use) []*nl.RequestedDevice {
	var out []*nl.RequestedDevice
	for _, d := range limited {
		out = append(out, &nl.RequestedDevice{Name: d.Name, Count: uint64(parseKind(d.Name).in(u))})
	}
	return out
}
