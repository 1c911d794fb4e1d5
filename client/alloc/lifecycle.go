package alloc

import (
	"github.com/nomadlike/nomadlike/client/task"
)

// gate is where a group stands in the order of its tasks' lifecycle hooks.
type gate uint8

const (
	gateInit gate = iota
	gatePrestart
	gateMain
	gatePoststart
	gateWait
	gatePoststop
)

// allows tells whether a task may start while the group is at g.
func (g gate) allows(s *task.Spec) bool {
	switch s.Hook {
	case task.HookPrestart:
		if s.Sidecar {
			return g >= gatePrestart && g <= gateWait
		}
		return g == gatePrestart
	case task.HookPoststart:
		if s.Sidecar {
			return g == gatePoststart || g == gateWait
		}
		return g == gatePoststart
	case task.HookPoststop:
		return g == gatePoststop
	}
	return g >= gateMain && g <= gateWait
}

// next is where the group stands given its tasks. It only ever advances.
func (g gate) next(tasks []*task.Machine) gate {
	for {
		n := g
		switch {
		case g != gatePoststop && every(tasks, notPoststop, (*task.Machine).Dead):
			n = gatePoststop
		case g == gateInit:
			n = gatePrestart
		case g == gatePrestart && every(tasks, ephemeral(task.HookPrestart), (*task.Machine).Succeeded) &&
			every(tasks, sidecar(task.HookPrestart), (*task.Machine).Running):
			n = gateMain
		case g == gateMain && every(tasks, isMain, notPending):
			n = gatePoststart
		case g == gatePoststart && every(tasks, ephemeral(task.HookPoststart), (*task.Machine).Dead):
			n = gateWait
		}
		if n == g {
			return g
		}
		g = n
	}
}

func every(tasks []*task.Machine, which, holds func(*task.Machine) bool) bool {
	for _, t := range tasks {
		if which(t) && !holds(t) {
			return false
		}
	}
	return true
}

func notPending(m *task.Machine) bool  { return m.Running() || m.Dead() }
func isMain(m *task.Machine) bool      { return m.Spec.Hook == "" }
func notPoststop(m *task.Machine) bool { return m.Spec.Hook != task.HookPoststop }
func isSidecar(m *task.Machine) bool   { return m.Spec.Hook != "" && m.Spec.Sidecar }

func ephemeral(hook string) func(*task.Machine) bool {
	return func(m *task.Machine) bool { return m.Spec.Hook == hook && !m.Spec.Sidecar }
}

func sidecar(hook string) func(*task.Machine) bool {
	return func(m *task.Machine) bool { return m.Spec.Hook == hook && m.Spec.Sidecar }
}
