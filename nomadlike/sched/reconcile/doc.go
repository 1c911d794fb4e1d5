// Package reconcile compares what a job wants with the allocations it has and
// says what must change: which to place, stop, replace, update in place or move,
// what to do later, and what becomes of the job's deployment. The scheduler
// calls it and finds the nodes afterwards. It never looks at capacity, and has
// no clock, randomness or state of its own.
package reconcile
