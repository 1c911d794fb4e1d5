package task

import (
	"slices"

	"github.com/nomadlike/nomadlike/client/step/service"
)

// owner is the task as the owner of its services.
func (s *Shell) owner() *service.Owner {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &service.Owner{Alloc: s.alloc, Node: s.host.Node(), Group: s.group, Task: s.task, Replace: s.env.Replace}
	if n := s.rec.Network; n != nil {
		o.Network = &service.Network{IP: n.IP, PortMap: n.PortMap, AutoAdvertise: n.AutoAdvertise}
	}
	return o
}

// Owner is the task as the owner of its services, for its checks.
func (s *Shell) Owner() *service.Owner { return s.owner() }

// registerServices tells the servers of the task's services, and of the end of
// those that an update took away.
func (s *Shell) registerServices() {
	s.buildEnv(nil)
	list, err := s.owner().Registrations()
	if err != nil {
		s.emit(HookFailed(s.host.Now(), "services", err.Error()))
		return
	}
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = r.ID
	}
	s.mu.Lock()
	old := s.services
	s.services = ids
	s.mu.Unlock()
	s.host.Services.Register(list)
	s.host.Services.Deregister(slices.DeleteFunc(old, func(id string) bool { return slices.Contains(ids, id) }))
}

func (s *Shell) deregisterServices() {
	s.mu.Lock()
	ids := s.services
	s.services = nil
	s.mu.Unlock()
	s.host.Services.Deregister(ids)
}
