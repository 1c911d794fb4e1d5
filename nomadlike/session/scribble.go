//go:build !race

package session

// scribble says whether what is in a buffer is overwritten when it is given back.
const scribble = false
