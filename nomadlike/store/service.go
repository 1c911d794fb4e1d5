package store

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// serviceKeys are the keys of an instance by ID, by name and by allocation.
func serviceKeys(r *nl.ServiceRegistration) (id, name, alloc string) {
	id = r.Namespace + keySeparator + r.ID
	return id, r.Namespace + keySeparator + r.ServiceName + keySeparator + r.ID, r.AllocID + keySeparator + id
}

func (t *tx) upsertServices(o *op.UpsertServices) {
	for _, s := range o.Services {
		before := t.Service(s.Namespace, s.ID)
		next := *s
		next.CreateIndex, next.ModifyIndex = t.index, t.index
		if before != nil {
			t.dropService(before)
			next.CreateIndex = before.CreateIndex
		}
		id, name, alloc := serviceKeys(&next)
		t.services.Set(t.owner, serviceRow{id, &next})
		t.servicesByName.Set(t.owner, serviceRow{name, &next})
		t.servicesByAlloc.Set(t.owner, serviceRow{alloc, &next})
		change(t, TableServices, next.Namespace, next.ID, before, &next)
	}
}

// dropService takes an instance from its trees.
func (t *tx) dropService(s *nl.ServiceRegistration) {
	id, name, alloc := serviceKeys(s)
	t.services.Delete(t.owner, id)
	t.servicesByName.Delete(t.owner, name)
	t.servicesByAlloc.Delete(t.owner, alloc)
}

// deleteServices passes over instances that are gone: their allocation may have
// ended meanwhile.
func (t *tx) deleteServices(o *op.DeleteServices) {
	for _, id := range o.IDs {
		if s := t.Service(o.Namespace, id); s != nil {
			t.dropService(s)
			change(t, TableServices, s.Namespace, s.ID, s, nil)
		}
	}
	for _, alloc := range o.ByAlloc {
		t.deleteServicesOf(alloc)
	}
}

func (t *tx) deleteServicesOf(allocID string) {
	if t.services.Len() == 0 {
		return
	}
	var gone []*nl.ServiceRegistration
	for s := range t.ServicesByAlloc(allocID) {
		gone = append(gone, s)
	}
	for _, s := range gone {
		t.dropService(s)
		change(t, TableServices, s.Namespace, s.ID, s, nil)
	}
}
