//go:build race

package session

// scribble has the race detector tell of whoever reads a message that was given
// back, and of what was decoded without a copy.
const scribble = true
