package store

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// constant gives the text of a frequent value its one copy in the program, so
// that two million allocations do not each carry their own "running".
func constant(s string) string {
	for _, c := range [...]string{
		nl.AllocDesiredRun, nl.AllocDesiredStop, nl.AllocDesiredEvict,
		nl.AllocClientPending, nl.AllocClientRunning, nl.AllocClientComplete,
		nl.AllocClientFailed, nl.AllocClientLost, nl.AllocClientUnknown,
		"Tasks are running", "All tasks have completed", "No tasks have started", "Failed tasks",
	} {
		if s == c {
			return c
		}
	}
	return s
}

// timeOf is the instant of unix ns; 0 is unset.
func timeOf(ns int64) nl.Time {
	if ns == 0 {
		return nl.Time{}
	}
	return nl.Time{Time: time.Unix(0, ns).UTC()}
}

var yes, no = true, false

// shared is a pointer to that value, the same for all: millions of allocations
// are healthy.
func shared(value bool) *bool {
	if value {
		return &yes
	}
	return &no
}
