package task

import (
	"context"
	"fmt"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

// Restore looks for a task that ran before the agent did.
func (s *Shell) Restore(ctx context.Context) Restored {
	s.mu.Lock()
	raw, runID, t := s.rec.Handle, s.rec.RunID, s.task
	s.mu.Unlock()
	h, err := s.host.Drivers.Get(ctx, t.Driver)
	if err != nil {
		return Restored{Event: Message(s.host.Now(), EventRestoreFailed, "failed to restore task: "+err.Error())}
	}
	if raw == nil {
		if runID != "" {
			// The agent died between asking for the start and noting the handle.
			h.DestroyTask(ctx, runID, true)
		}
		return Restored{}
	}
	handle, err := driver.UnmarshalTaskHandle(raw)
	if err == nil {
		err = h.RecoverTask(ctx, handle)
	}
	if err != nil {
		if handle != nil {
			h.DestroyTask(ctx, handle.Config.ID, true)
		}
		return Restored{Event: Message(s.host.Now(), EventRestoreFailed,
			fmt.Sprintf("failed to restore task; will not run until server is contacted: %v", err))}
	}
	s.mu.Lock()
	s.handle, s.ended = handle, make(chan struct{})
	s.mu.Unlock()
	if err := s.startLogs(); err != nil {
		s.log.Error("output of the restored task is not collected", "error", err)
	}
	s.registerServices()
	s.keepCores()
	if len(t.Templates) > 0 {
		s.followTemplates(ctx, t)
	}
	return Restored{Found: true}
}

// keepCores reserves the cores of a restored task again.
func (s *Shell) keepCores() {
	alloc, _, t := s.current()
	if s.host.Cgroups == nil || alloc.AllocatedResources == nil {
		return
	}
	r := alloc.AllocatedResources.Tasks[t.Name]
	if r == nil || len(r.Cpu.ReservedCores) == 0 {
		return
	}
	if _, err := s.host.Cgroups.Make(alloc.ID, t.Name, r.Cpu.ReservedCores); err != nil {
		s.log.Warn("cores of the restored task are not kept for it", "error", err)
	}
}
