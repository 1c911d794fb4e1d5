// Command main is the embedded task supervisor: nothing but core. It is built
// by drivers/internal/supervise/build and started by drivers, never by hand.
package main

import (
	"syscall"

	"github.com/nomadlike/nomadlike/drivers/internal/supervise/core"
)

func main() { syscall.Exit(core.Run()) }
