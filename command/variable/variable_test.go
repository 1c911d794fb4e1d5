package variable

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/command/clitest"
	"github.com/nomadlike/nomadlike/command/meta"
)

var _ = flag.Bool("rewrite", false, "write the transcripts instead of comparing them")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) { clitest.Run(t, "testdata/*.txt", Commands) }

// lockAgent answers lock operations: takes is how many acquisitions fail first,
// and renewals fail when lost is set.
type lockAgent struct {
	mu    sync.Mutex
	takes int
	lost  bool
	asked []string
}

func (a *lockAgent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := r.URL.Query()
	for _, name := range []string{"lock-acquire", "lock-renew", "lock-release"} {
		if q.Has(name) {
			a.asked = append(a.asked, name)
		}
	}
	switch {
	case q.Has("lock-acquire") && a.takes > 0:
		a.takes--
		w.WriteHeader(http.StatusConflict)
	case q.Has("lock-renew") && a.lost:
		w.WriteHeader(http.StatusConflict)
	default:
		io.WriteString(w, `{"Path":"p","Lock":{"ID":"l1","TTL":"15s"}}`)
	}
}

// runLock runs var lock; pause stands for waiting.
func runLock(t *testing.T, agent *lockAgent, pause func(context.Context, time.Duration) error, args ...string) (code int, out string) {
	t.Helper()
	server := httptest.NewServer(agent)
	defer server.Close()
	var printed bytes.Buffer
	m := &meta.Meta{
		In: strings.NewReader(""), Out: &printed, Err: io.Discard, Now: time.Now, Pause: pause,
		Getenv: func(key string) string {
			if key == "NOMAD_ADDR" {
				return server.URL
			}
			return ""
		},
		Environ: func() []string { return []string{"PATH=/usr/bin:/bin"} }, Width: func() int { return 0 },
	}
	command, err := meta.Factory(m, lock)()
	if err != nil {
		t.Fatal(err)
	}
	return command.Run(args), printed.String()
}

func untilEnded(ctx context.Context, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

func atOnce(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func TestLock_RunsCommand(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		out  string
	}{
		{"p|echo|hello", 0, "hello\n"},
		{"p|echo $((1+1))", 0, "2\n"},
		{"-shell=false|p|echo|$((1+1))", 0, "$((1+1))\n"},
		{"p|exit 3", 1, ""},
	} {
		agent := &lockAgent{}
		code, out := runLock(t, agent, untilEnded, strings.Split(c.args, "|")...)
		if code != c.code || out != c.out {
			t.Errorf("%s: exit code %d and %q, want %d and %q", c.args, code, out, c.code, c.out)
		}
		if got := strings.Join(agent.asked, " "); got != "lock-acquire lock-release" {
			t.Errorf("%s: asked %s", c.args, got)
		}
	}
}

func TestLock_TriesAgain(t *testing.T) {
	waited := 0
	pause := func(ctx context.Context, d time.Duration) error {
		if d != 11*time.Second {
			return untilEnded(ctx, d)
		}
		waited++
		return nil
	}
	agent := &lockAgent{takes: 2}
	if code, _ := runLock(t, agent, pause, "-ttl", "10s", "p", "true"); code != 0 || waited != 2 {
		t.Errorf("exit code %d after %d waits", code, waited)
	}
	agent = &lockAgent{takes: 2}
	if code, _ := runLock(t, agent, atOnce, "-max-retry", "1", "p", "true"); code != 1 || len(agent.asked) != 2 {
		t.Errorf("exit code %d after %v", code, agent.asked)
	}
	agent = &lockAgent{takes: 1}
	if code, _ := runLock(t, agent, atOnce, "-early-return", "p", "true"); code != 1 || len(agent.asked) != 1 {
		t.Errorf("exit code %d after %v", code, agent.asked)
	}
}

// A command must not go on when somebody else may hold the lock.
func TestLock_StopsCommandWhenLost(t *testing.T) {
	agent := &lockAgent{lost: true}
	code, _ := runLock(t, agent, atOnce, "-shell=false", "p", "sleep", "60")
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	if got := strings.Join(agent.asked, " "); got != "lock-acquire lock-renew" {
		t.Errorf("asked %s", got)
	}
}
