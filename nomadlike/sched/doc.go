// Package sched decides where work runs: Schedule takes a snapshot and an
// evaluation and returns a plan, the evaluations that follow and an explanation
// of every choice. Workers call it, and whatever wants to know what would
// happen. It is a pure function: time, IDs and the seed come in, and nothing is
// written, waited for or logged.
package sched
