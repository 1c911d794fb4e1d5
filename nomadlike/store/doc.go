// Package store is the state of the cluster: an immutable Snapshot, the pure
// function Apply that turns a snapshot and a write of package op into the next
// snapshot, the Store that holds the newest one and wakes whoever waits for
// it, and the form of a snapshot on disk.
//
// Consensus is the only caller of Store.Apply; everybody else reads snapshots,
// waits, or calls the pure Apply to find out what a write would do. Whatever a
// snapshot returns is shared and must never be modified.
//
// Everything that follows from a write is derived here, when it is applied:
// indexes, job versions and statuses, summaries, the counters of deployments,
// links between allocations. Apply reads no clock and no randomness, and never
// lets the order of a map reach its results, so that every server computes the
// same state from the same log. Errors are answers to the proposer: a refused
// write changes nothing but the index.
//
// The package never touches a network, and files only through the reader or
// writer it is given.
package store
