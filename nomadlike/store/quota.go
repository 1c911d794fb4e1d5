package store

import (
	"cmp"
	"fmt"
	"iter"
	"reflect"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/quota"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

// Quota is nil when there is none.
func (s *Snapshot) Quota(name string) *nl.QuotaSpec {
	row, _ := s.quotas.Get(name)
	return row.QuotaSpec
}

// Quotas yields the quotas by name.
func (s *Snapshot) Quotas() iter.Seq[*nl.QuotaSpec] {
	return filtered(s.quotas.All(), func(r quotaRow) *nl.QuotaSpec { return r.QuotaSpec }, always)
}

// QuotaLedger is what is used of a quota, nil when no namespace names it.
func (s *Snapshot) QuotaLedger(name string) *quota.Ledger {
	if row, _ := s.ledgers.Get(name); row != nil {
		return row.Ledger
	}
	return nil
}

// QuotaLedgers yields what is used of the quotas that namespaces name, by name.
func (s *Snapshot) QuotaLedgers() iter.Seq[*quota.Ledger] {
	return filtered(s.ledgers.All(), func(r *ledgerRow) *quota.Ledger { return r.Ledger }, always)
}

// Limits are what limits the namespace in a region ("": the default one), with
// what is used of it; nil when nothing does.
func (s *Snapshot) Limits(namespace, region string) (*quota.Limits, *quota.Ledger) {
	l := s.ledgerOf(namespace)
	if l == nil {
		return nil, nil
	}
	limits := quota.For(s.Quota(l.Quota), cmp.Or(region, nl.DefaultRegion))
	if limits == nil {
		return nil, nil
	}
	return limits, l
}

// ledgerOf is that of the namespace's quota, nil when it has none.
func (s *Snapshot) ledgerOf(namespace string) *quota.Ledger {
	if s.ledgers.Len() == 0 {
		return nil
	}
	return s.QuotaLedger(quotaOf(s.Namespace(namespace)))
}

func quotaOf(n *nl.Namespace) string {
	if n == nil {
		return ""
	}
	return n.Quota
}

func poolOf(n *nl.Node) string {
	if n == nil {
		return ""
	}
	return n.NodePool
}

func (t *tx) upsertQuotas(o *op.UpsertQuotas) {
	for _, q := range o.Quotas {
		before := t.Quota(q.Name)
		next := *q
		next.CreateIndex, next.ModifyIndex = t.index, t.index
		if before != nil {
			next.CreateIndex = before.CreateIndex
		}
		t.quotas.Set(t.owner, quotaRow{&next})
		change(t, TableQuotas, "", next.Name, before, &next)
	}
}

func (t *tx) deleteQuotas(o *op.DeleteQuotas) error {
	for _, n := range o.Names {
		before := t.Quota(n)
		if before == nil {
			return nl.Errorf(nl.CodeNotFound, "quota %q not found", n)
		}
		if users := t.quotaUsers(n); len(users) > 0 {
			return nl.Errorf(nl.CodeInvalid, "quota %q is in use by namespaces %q; give them another quota or none first", n, users)
		}
		t.quotas.Delete(t.owner, n)
		change(t, TableQuotas, "", n, before, nil)
	}
	return nil
}

// quotaUsers are the namespaces that name the quota.
func (s *Snapshot) quotaUsers(name string) []string {
	var users []string
	for n := range s.Namespaces() {
		if n.Quota == name {
			users = append(users, n.Name)
		}
	}
	return users
}

func quotaMissing(o *op.UpsertQuotas) string {
	missing := nothingIn(o.Quotas, "quota")
	for _, q := range o.Quotas {
		if missing != "" {
			break
		}
		missing = nothingIn(q.Limits, "limit")
		for _, l := range q.Limits {
			if l == nil || l.RegionLimit == nil {
				continue
			}
			missing += nothingIn(l.RegionLimit.Devices, "device") + nothingIn(l.RegionLimit.NodePools, "node pool")
			for _, p := range l.RegionLimit.NodePools {
				if p != nil {
					missing += nothingIn(p.Devices, "device")
				}
			}
		}
	}
	return missing
}

// editLedger is the ledger of a quota, to be changed in place by this
// transaction. It is made when there is none.
func (t *tx) editLedger(name string) *quota.Ledger {
	row, _ := t.ledgers.Get(name)
	if row != nil && row.owner == t.owner {
		return row.Ledger
	}
	var before *quota.Ledger
	next := &quota.Ledger{Quota: name, CreateIndex: t.index}
	if row != nil {
		before, next = row.Ledger, row.Ledger.Copy()
	}
	next.ModifyIndex = t.index
	t.ledgers.Set(t.owner, &ledgerRow{t.owner, next})
	change(t, TableQuotaUsage, "", name, before, next)
	return next
}

// countUse counts for its namespace's quota what an allocation takes that was
// old and is next; either may be nil.
func (t *tx) countUse(old, next *nl.Alloc) {
	if t.ledgers.Len() == 0 {
		return
	}
	if old != nil && old.Terminal() {
		old = nil
	}
	if next != nil && next.Terminal() {
		next = nil
	}
	if old == nil && next == nil || old != nil && next != nil && old.NodeID == next.NodeID && sameUse(old, next) {
		return
	}
	namespace := ""
	if next != nil {
		namespace = next.Namespace
	} else {
		namespace = old.Namespace
	}
	ledger := t.ledgerOf(namespace)
	if ledger == nil {
		return
	}
	ledger = t.editLedger(ledger.Quota)
	if old != nil {
		ledger.Take(poolOf(t.Node(old.NodeID)), quota.Of(old))
	}
	if next != nil {
		ledger.Add(poolOf(t.Node(next.NodeID)), quota.Of(next))
	}
}

// sameUse tells whether two forms of an allocation count the same. Sharing their
// resources and job only makes that quick to tell: it differs between servers,
// and what is written must not.
func sameUse(a, b *nl.Alloc) bool {
	return a.AllocatedResources == b.AllocatedResources && a.Job == b.Job || reflect.DeepEqual(quota.Of(a), quota.Of(b))
}

// moveNode counts what a node holds for another pool; "" is that of nodes that
// are not there.
func (t *tx) moveNode(id, from, to string) {
	if t.ledgers.Len() == 0 || from == to {
		return
	}
	for a := range t.AllocsByNode(id) {
		if a.Terminal() {
			continue
		}
		if ledger := t.ledgerOf(a.Namespace); ledger != nil {
			ledger, use := t.editLedger(ledger.Quota), quota.Of(a)
			ledger.Take(from, use)
			ledger.Add(to, use)
		}
	}
}

// moveNamespace counts what a namespace holds for another quota; "" is none.
func (t *tx) moveNamespace(namespace, from, to string) {
	if from == to {
		return
	}
	if to != "" {
		t.Snapshot.count(t.editLedger(to), namespace, (*quota.Ledger).Add, 1)
	}
	if from == "" {
		return
	}
	ledger := t.editLedger(from)
	t.Snapshot.count(ledger, namespace, (*quota.Ledger).Take, -1)
	if len(t.quotaUsers(from)) == 0 {
		t.ledgers.Delete(t.owner, from)
		change[quota.Ledger](t, TableQuotaUsage, "", from, ledger, nil)
	}
}

// count adds to a ledger, or takes from it, all that a namespace holds.
func (s *Snapshot) count(l *quota.Ledger, namespace string, count func(*quota.Ledger, string, quota.Use), times int64) {
	for row := range s.jobs.Prefixed(namespacePrefix(namespace)) {
		if row.liveAllocs == 0 {
			continue
		}
		for a := range s.allocsOf(row.allocs.All()) {
			if !a.Terminal() {
				count(l, poolOf(s.Node(a.NodeID)), quota.Of(a))
			}
		}
	}
	for v := range s.Variables(namespace, "") {
		l.Variables += times * int64(len(v.Data))
	}
}

// variableExceeds is what storing next in place of before would exceed of the
// quota in the region, "" when it fits.
func (t *tx) variableExceeds(region string, before, next *nl.Variable) string {
	more := sizeOf(next) - sizeOf(before)
	if region == "" || more <= 0 {
		return ""
	}
	limits, ledger := t.Limits(next.Namespace, region)
	if limits == nil || ledger.Variables+more <= limits.Variables {
		return ""
	}
	return fmt.Sprintf("variables exhausted (%d bytes needed > %d bytes limit)", ledger.Variables+more, limits.Variables)
}

// countVariable counts for its namespace's quota what a variable takes that was
// old and is next; either may be nil.
func (t *tx) countVariable(old, next *nl.Variable) {
	more := sizeOf(next) - sizeOf(old)
	if more == 0 {
		return
	}
	namespace := ""
	if next != nil {
		namespace = next.Namespace
	} else {
		namespace = old.Namespace
	}
	if ledger := t.ledgerOf(namespace); ledger != nil {
		t.editLedger(ledger.Quota).Variables += more
	}
}

// sizeOf is what a variable takes of its namespace's quota, bytes.
func sizeOf(v *nl.Variable) int64 {
	if v == nil {
		return 0
	}
	return int64(len(v.Data))
}

// ledgers counts anew what was restored. Of saved ledgers only the indexes are
// taken: the rest follows from the allocations.
func (rs *restorer) ledgers() {
	saved := rs.s.ledgers
	rs.s.ledgers = cow.Tree[*ledgerRow]{}
	for n := range rs.s.Namespaces() {
		if n.Quota == "" {
			continue
		}
		ledger := rs.s.QuotaLedger(n.Quota)
		if ledger == nil {
			ledger = &quota.Ledger{Quota: n.Quota, CreateIndex: n.ModifyIndex, ModifyIndex: n.ModifyIndex}
			if before, _ := saved.Get(n.Quota); before != nil {
				ledger.CreateIndex, ledger.ModifyIndex = before.CreateIndex, before.ModifyIndex
			}
			rs.s.ledgers.Set(rs.owner, &ledgerRow{rs.owner, ledger})
		}
		rs.s.count(ledger, n.Name, (*quota.Ledger).Add, 1)
	}
}
