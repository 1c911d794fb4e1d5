package query

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// VariableList lists variables. Method Variables.List, reply Variables.
type VariableList struct{ nl.QueryOptions }

// Variables answers VariableList.
type Variables struct {
	Variables []*nl.VariableMetadata
	nl.QueryMeta
}

// VariableGet reads one variable. Method Variables.Get, reply VariableReply.
type VariableGet struct {
	nl.QueryOptions
	Path string
}

// VariableReply answers VariableGet; Variable is nil when there is none.
type VariableReply struct {
	Variable *nl.VariableDecrypted
	nl.QueryMeta
}

// VariableAction says what VariableApply does.
type VariableAction string

// The actions on a variable.
const (
	VariableSet     VariableAction = "set"
	VariableDelete  VariableAction = "delete"
	VariableAcquire VariableAction = "lock-acquire"
	VariableRelease VariableAction = "lock-release"
)

// VariableApply writes one variable. With CAS only if its ModifyIndex equals
// Expect. Method Variables.Apply, reply VariableApplied.
type VariableApply struct {
	nl.WriteOptions
	Action   VariableAction
	Variable *nl.VariableDecrypted
	CAS      bool
	Expect   uint64
}

// VariableApplied answers VariableApply.
type VariableApplied struct {
	// Variable is what was written, nil after a deletion.
	Variable *nl.VariableDecrypted
	// Conflict is what stood in the way; nothing was written then. It holds no
	// more than namespace and path when that is a lock.
	Conflict *nl.VariableDecrypted
	nl.WriteMeta
}

// VariableRenew keeps a lock for another time to live. Method
// Variables.RenewLock, reply VariableRenewed.
type VariableRenew struct {
	nl.WriteOptions
	Path, LockID string
}

// VariableRenewed answers VariableRenew.
type VariableRenewed struct{ Variable *nl.VariableMetadata }
