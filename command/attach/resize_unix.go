//go:build unix

package attach

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func resized(ctx context.Context) <-chan struct{} {
	signals := make(chan os.Signal, 1)
	out := make(chan struct{}, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				select {
				case out <- struct{}{}:
				default: // one is waiting already
				}
			}
		}
	}()
	return out
}
