//go:build !linux

package core

// Run is only offered on Linux.
func Run() int { return 1 }
