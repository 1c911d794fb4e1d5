package broker

import (
	"time"

	"github.com/nomadlike/nomadlike/nomadlike/quota"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/broker/blocked"
)

// noteUsage notes a quota of which less is used than before.
func noteUsage(room *blocked.Changes, change store.Change) {
	before, _ := change.Before.(*quota.Ledger)
	after, _ := change.After.(*quota.Ledger)
	if before != nil && after != nil && after.Freed(before) {
		room.Quotas[change.Key] = true
	}
}

// rememberQuotas takes every quota that changed, or of which anything else is
// used, for one that has made room.
func (b *Broker) rememberQuotas(now time.Time, s *store.Snapshot, oldest uint64) {
	note := func(name string, index uint64) {
		if index > oldest {
			b.blocked.Remember(now, blocked.Changes{Index: index, Quotas: map[string]bool{name: true}})
		}
	}
	for l := range s.QuotaLedgers() {
		note(l.Quota, l.ModifyIndex)
	}
	for q := range s.Quotas() {
		note(q.Name, q.ModifyIndex)
	}
}
