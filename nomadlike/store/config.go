package store

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// rootKeyActive is the state of the key that new data is protected with;
// rootKeyInactive that of the keys before it.
const (
	rootKeyActive   = "active"
	rootKeyInactive = "inactive"
)

func defaultSchedulerConfig() *nl.SchedulerConfiguration {
	return &nl.SchedulerConfiguration{
		SchedulerAlgorithm: "binpack",
		PreemptionConfig:   nl.PreemptionConfig{SystemSchedulerEnabled: true},
		CreateIndex:        firstIndex, ModifyIndex: firstIndex,
	}
}

func defaultAutopilotConfig() *nl.AutopilotConfig {
	return &nl.AutopilotConfig{
		CleanupDeadServers: true, LastContactThreshold: "200ms", MaxTrailingLogs: 250,
		ServerStabilizationTime: "10s",
		CreateIndex:             firstIndex, ModifyIndex: firstIndex,
	}
}

func (t *tx) setSchedulerConfig(o *op.SetSchedulerConfig) bool {
	before := t.scheduler
	if o.CAS && o.Expect != before.ModifyIndex {
		return false
	}
	next := *o.Config
	next.CreateIndex, next.ModifyIndex = before.CreateIndex, t.index
	t.scheduler = &next
	change(t, TableSchedulerConfig, "", "", before, &next)
	return true
}

func (t *tx) setAutopilotConfig(o *op.SetAutopilotConfig) bool {
	before := t.autopilot
	if o.CAS && o.Expect != before.ModifyIndex {
		return false
	}
	next := *o.Config
	next.CreateIndex, next.ModifyIndex = before.CreateIndex, t.index
	t.autopilot = &next
	change(t, TableAutopilotConfig, "", "", before, &next)
	return true
}

func (t *tx) upsertRootKey(o *op.UpsertRootKey) {
	before, _ := t.rootKeys.Get(o.Key.Meta.KeyID)
	next := *o.Key
	meta := *o.Key.Meta
	next.Meta = &meta
	meta.CreateIndex = t.index
	if before.RootKey != nil {
		meta.CreateIndex = before.Meta.CreateIndex
	}
	if o.Activate {
		meta.State = rootKeyActive
		var active []*nl.RootKey
		for k := range t.RootKeys() {
			if k.Meta.State == rootKeyActive && k.Meta.KeyID != meta.KeyID {
				active = append(active, k)
			}
		}
		for _, k := range active {
			retired, retiredMeta := *k, *k.Meta
			retired.Meta = &retiredMeta
			retiredMeta.State = rootKeyInactive
			t.putRootKey(k, &retired)
		}
	}
	t.putRootKey(before.RootKey, &next)
}

func (t *tx) putRootKey(before, next *nl.RootKey) {
	next.Meta.ModifyIndex = t.index
	t.rootKeys.Set(t.owner, rootKeyRow{next})
	change(t, TableRootKeys, "", next.Meta.KeyID, before, next)
}

func (t *tx) deleteRootKey(o *op.DeleteRootKey) error {
	before, _ := t.rootKeys.Get(o.KeyID)
	if before.RootKey == nil {
		return nl.Errorf(nl.CodeInternal, "root key not found")
	}
	t.rootKeys.Delete(t.owner, o.KeyID)
	change(t, TableRootKeys, "", o.KeyID, before.RootKey, nil)
	return nil
}

// setClusterID names the cluster; a second name changes nothing.
func (t *tx) setClusterID(o *op.SetClusterID) {
	if t.cluster.ID != "" {
		return
	}
	t.cluster.ID = o.ID
	if !o.CreateTime.IsZero() {
		t.cluster.CreateTime = o.CreateTime.UnixNano()
	}
	t.indexes[TableClusterMeta] = t.index
}
