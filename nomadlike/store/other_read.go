package store

import (
	"iter"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Namespace is nil when there is none.
func (s *Snapshot) Namespace(name string) *nl.Namespace {
	row, _ := s.namespaces.Get(name)
	return row.Namespace
}

// Namespaces yields the namespaces by name.
func (s *Snapshot) Namespaces() iter.Seq[*nl.Namespace] {
	return filtered(s.namespaces.All(), func(r namespaceRow) *nl.Namespace { return r.Namespace }, always)
}

// NodePool is nil when there is none.
func (s *Snapshot) NodePool(name string) *nl.NodePool {
	row, _ := s.nodePools.Get(name)
	return row.NodePool
}

// NodePools yields the node pools by name.
func (s *Snapshot) NodePools() iter.Seq[*nl.NodePool] {
	return filtered(s.nodePools.All(), func(r nodePoolRow) *nl.NodePool { return r.NodePool }, always)
}

func serviceOf(r serviceRow) *nl.ServiceRegistration { return r.ServiceRegistration }

// Service is nil when there is none.
func (s *Snapshot) Service(namespace, id string) *nl.ServiceRegistration {
	row, _ := s.services.Get(namespace + keySeparator + id)
	return row.ServiceRegistration
}

// Services yields the instances of all services, by namespace, name and ID.
func (s *Snapshot) Services(namespace string) iter.Seq[*nl.ServiceRegistration] {
	return filtered(s.servicesByName.Prefixed(namespacePrefix(namespace)), serviceOf, always)
}

// ServicesByName yields the instances of one service, by ID.
func (s *Snapshot) ServicesByName(namespace, name string) iter.Seq[*nl.ServiceRegistration] {
	return filtered(s.servicesByName.Prefixed(namespace+keySeparator+name+keySeparator), serviceOf, always)
}

// ServicesByAlloc yields the instances of an allocation.
func (s *Snapshot) ServicesByAlloc(allocID string) iter.Seq[*nl.ServiceRegistration] {
	return filtered(s.servicesByAlloc.Prefixed(allocID+keySeparator), serviceOf, always)
}

// SchedulerConfig is never nil.
func (s *Snapshot) SchedulerConfig() *nl.SchedulerConfiguration { return s.scheduler }

// AutopilotConfig is never nil.
func (s *Snapshot) AutopilotConfig() *nl.AutopilotConfig { return s.autopilot }

// RootKeys yields the keys by ID.
func (s *Snapshot) RootKeys() iter.Seq[*nl.RootKey] {
	return filtered(s.rootKeys.All(), func(r rootKeyRow) *nl.RootKey { return r.RootKey }, always)
}

// RootKey is nil when there is none.
func (s *Snapshot) RootKey(id string) *nl.RootKey {
	row, _ := s.rootKeys.Get(id)
	return row.RootKey
}

// ActiveRootKey is the key new data is protected with; nil when there is none.
func (s *Snapshot) ActiveRootKey() *nl.RootKey {
	for k := range s.RootKeys() {
		if k.Meta.State == rootKeyActive {
			return k
		}
	}
	return nil
}

// ClusterID is "" until it is set.
func (s *Snapshot) ClusterID() string { return s.cluster.ID }
