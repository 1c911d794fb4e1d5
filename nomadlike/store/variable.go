package store

import (
	"fmt"
	"iter"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

func variableOf(r variableRow) *nl.Variable { return r.Variable }

// Variable is nil when there is none.
func (s *Snapshot) Variable(namespace, path string) *nl.Variable {
	row, _ := s.variables.Get(JobKey(namespace, path))
	return row.Variable
}

// Variables yields the variables whose path starts with prefix, by namespace
// and path.
func (s *Snapshot) Variables(namespace, prefix string) iter.Seq[*nl.Variable] {
	if namespace == nl.AllNamespaces {
		return filtered(s.variables.All(), variableOf, func(v *nl.Variable) bool { return strings.HasPrefix(v.Path, prefix) })
	}
	return filtered(s.variables.Prefixed(namespacePrefix(namespace)+prefix), variableOf, always)
}

// LockedVariables yields the variables on which a lock is held.
func (s *Snapshot) LockedVariables() iter.Seq[*nl.Variable] {
	return filtered(s.lockedVariables.All(), variableOf, always)
}

// putVariable stores a variable where it is looked for.
func (s *Snapshot) putVariable(o *cow.Owner, v *nl.Variable) {
	row := variableRow{v}
	s.variables.Set(o, row)
	if v.Lock != nil {
		s.lockedVariables.Set(o, row)
	} else {
		s.lockedVariables.Delete(o, row.Key())
	}
}

func (t *tx) applyVariable(o *op.ApplyVariable) (*op.ApplyVariableResult, error) {
	before := t.Variable(o.Variable.Namespace, o.Variable.Path)
	if stopped := variableStopped(before, o); stopped != nil {
		return stopped, nil
	}
	next := &nl.Variable{}
	if before != nil {
		*next = *before
	} else {
		next.Namespace, next.Path = o.Variable.Namespace, o.Variable.Path
		next.CreateIndex, next.CreateTime = t.index, o.Time
	}
	next.ModifyIndex, next.ModifyTime = t.index, o.Time
	switch o.Action {
	case op.VariableDelete:
		t.deleteVariable(before)
		return &op.ApplyVariableResult{}, nil
	case op.VariableSet:
		if t.Namespace(next.Namespace) == nil {
			return nil, nl.Errorf(nl.CodeInternal, "variable %q is in nonexistent namespace %q", next.Path, next.Namespace)
		}
		next.KeyID, next.Data, next.Lock = o.Variable.KeyID, o.Variable.Data, o.Variable.Lock
	case op.VariableAcquire:
		if t.Namespace(next.Namespace) == nil {
			return nil, nl.Errorf(nl.CodeInternal, "variable %q is in nonexistent namespace %q", next.Path, next.Namespace)
		}
		next.Lock, next.LockableFrom = o.Variable.Lock, 0
		if len(o.Variable.Data) > 0 {
			next.KeyID, next.Data = o.Variable.KeyID, o.Variable.Data
		}
	case op.VariableRelease:
		next.Lock = nil
	case op.VariableExpire:
		// A delay that does not parse cannot be kept; it was checked before.
		delay, _ := time.ParseDuration(before.Lock.LockDelay)
		next.Lock, next.LockableFrom = nil, o.Time+int64(delay)
	default:
		return nil, fmt.Errorf("applying a write: the store does not know the action %d on a variable", o.Action)
	}
	if why := t.variableExceeds(o.Region, before, next); why != "" {
		return &op.ApplyVariableResult{Exceeds: why, Variable: before}, nil
	}
	t.putVariable(t.owner, next)
	t.countVariable(before, next)
	change(t, TableVariables, next.Namespace, next.Path, before, next)
	return &op.ApplyVariableResult{Variable: next}, nil
}

// variableStopped tells who stands in the way of a write, nil when nobody does.
func variableStopped(before *nl.Variable, o *op.ApplyVariable) *op.ApplyVariableResult {
	held, mine := before.LockID(), o.Variable.LockID()
	locked := false
	switch o.Action {
	case op.VariableAcquire:
		locked = held != "" && held != mine || before != nil && held == "" && o.Time < before.LockableFrom
	case op.VariableRelease, op.VariableExpire:
		locked = held == "" || held != mine
	default:
		// A caller that names a lock must hold it: one that has run out must not
		// write over what came after.
		locked = held != mine
	}
	if locked {
		return &op.ApplyVariableResult{Locked: true, Variable: before}
	}
	index := uint64(0)
	if before != nil {
		index = before.ModifyIndex
	}
	if o.CAS && o.Expect != index {
		return &op.ApplyVariableResult{Changed: true, Variable: before}
	}
	return nil
}

func (t *tx) deleteVariable(before *nl.Variable) {
	if before == nil {
		return
	}
	key := variableRow{before}.Key()
	t.variables.Delete(t.owner, key)
	t.lockedVariables.Delete(t.owner, key)
	t.countVariable(before, nil)
	change(t, TableVariables, before.Namespace, before.Path, before, nil)
}

func (t *tx) rekeyVariables(o *op.RekeyVariables) {
	for _, v := range o.Variables {
		before := t.Variable(v.Namespace, v.Path)
		if before == nil || before.ModifyIndex != v.ModifyIndex {
			continue
		}
		next := *before
		next.KeyID, next.Data = v.KeyID, v.Data
		t.putVariable(t.owner, &next)
		t.countVariable(before, &next)
		change(t, TableVariables, next.Namespace, next.Path, before, &next)
	}
}
