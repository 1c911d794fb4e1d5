//go:build !unix

package attach

import "context"

// resized never tells: these systems send no signal.
func resized(context.Context) <-chan struct{} { return nil }
