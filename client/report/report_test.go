package report

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// TestBatches drives a batcher in fake time.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var calls []string
		fail := 0
		b := New(func(_ context.Context, list []*nl.AllocUpdate) error {
			mu.Lock()
			defer mu.Unlock()
			var ids []string
			for _, u := range list {
				ids = append(ids, u.ID+":"+u.ClientStatus)
			}
			calls = append(calls, fmt.Sprintf("%v %s", time.Since(start), strings.Join(ids, " ")))
			if fail > 0 {
				fail--
				return errors.New("no leader")
			}
			time.Sleep(10 * time.Millisecond) // the call takes that long
			return nil
		}, hclog.NewNullLogger())
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.Run(ctx)
		}()
		expect := func(want ...string) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(calls, "; "); got != strings.Join(want, "; ") {
				t.Errorf("calls are %s; want %s", got, strings.Join(want, "; "))
			}
			calls = nil
		}
		put := func(id, status string, urgent bool) { b.Put(&nl.AllocUpdate{ID: id, ClientStatus: status}, urgent) }

		put("a", "running", true)
		synctest.Wait()
		// While the first call is under way, what comes goes out together.
		put("b", "running", true)
		put("a", "complete", true)
		put("c", "pending", false)
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		expect("0s a:running", "10ms a:complete b:running c:pending")

		// What nobody waits for is collected.
		put("d", "pending", false)
		time.Sleep(100 * time.Millisecond)
		put("e", "pending", false)
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		expect("250ms d:pending e:pending")

		// What could not be told is told again, in its newest form.
		fail = 1
		put("f", "running", true)
		synctest.Wait()
		put("f", "failed", true)
		put("g", "running", true)
		b.Forget("g")
		time.Sleep(time.Second)
		synctest.Wait()
		expect("350ms f:running", "550ms f:failed")
		cancel()
		<-done
	})
}
