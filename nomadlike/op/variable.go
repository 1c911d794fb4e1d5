package op

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// VariableAction says what ApplyVariable does. Actions are never renumbered.
type VariableAction uint8

// The actions on a variable.
const (
	// VariableSet writes the items.
	VariableSet VariableAction = iota + 1
	// VariableDelete removes the variable.
	VariableDelete
	// VariableAcquire takes or keeps the lock and, when there are items, writes
	// them.
	VariableAcquire
	// VariableRelease gives up the lock.
	VariableRelease
	// VariableExpire takes away a lock that was not renewed in time.
	VariableExpire
)

// ApplyVariable writes one variable. Whoever stands in the way, and a quota
// that allows no more, is the result.
// Result: *ApplyVariableResult.
type ApplyVariable struct {
	Action VariableAction
	// Variable names the variable and holds what is written. Its Lock names
	// the lock of the caller and, for VariableAcquire, its terms.
	Variable *nl.Variable
	// CAS writes only when the variable's ModifyIndex equals Expect; 0 is that
	// of a variable that does not exist.
	CAS    bool
	Expect uint64
	Time   int64 // unix ns
	// Region is whose quota limits hold for what is stored; "" holds none.
	Region string
}

// ApplyVariableResult tells what became of ApplyVariable.
type ApplyVariableResult struct {
	// Locked tells that the lock of another forbade it, Changed that CAS did.
	// Nothing was written then.
	Locked, Changed bool
	// Exceeds is what the write would have exceeded of the namespace's quota;
	// nothing was written unless it is "".
	Exceeds string
	// Variable is as it is now; nil when there is none.
	Variable *nl.Variable
}

// RekeyVariables encrypts variables anew: it replaces the KeyID and Data of
// those that still have the same ModifyIndex, and leaves the indexes alone.
type RekeyVariables struct{ Variables []*nl.Variable }
