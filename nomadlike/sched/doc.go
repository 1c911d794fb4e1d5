// Package sched decides where work runs: Schedule takes a snapshot and an
// evaluation and returns a plan and the evaluations that follow. Workers call it,
// and whatever wants to know what would happen. Explain decides the same and
// tells why. Both are pure functions: time, IDs and the seed come in, and nothing
// is written, waited for or logged.
package sched
