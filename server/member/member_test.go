package member

import (
	"bytes"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must come, on a busy machine.
const patience = 30 * time.Second

// pool runs the gossip of one server.
type pool struct {
	*Pool
	changes chan Change
}

func open(t *testing.T, name, region string, keys ...[]byte) *pool {
	t.Helper()
	p := &pool{changes: make(chan Change, 64)}
	var err error
	p.Pool, err = Open(Config{Name: name, Region: region, Datacenter: "dc1", ID: "id-" + name, Build: "2.0.6", Bind: "127.0.0.1:0",
		RPCAddr: "127.0.0.1:4647", Expect: 3, Fast: true, Keys: keys, Logger: hclog.NewNullLogger(), Changed: func(c Change) { p.changes <- c }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return p
}

// await waits for the change of a server.
func (p *pool) await(t *testing.T, kind ChangeKind, server string) Change {
	t.Helper()
	for late := time.After(patience); ; {
		select {
		case c := <-p.changes:
			if c.Kind == kind && c.Member.Server == server {
				return c
			}
		case <-late:
			t.Fatalf("no change %d of %s within %s", kind, server, patience)
		}
	}
}

func names(members []Member) (out []string) {
	for _, m := range members {
		out = append(out, m.Name)
	}
	return out
}

func TestJoinAndLeave(t *testing.T) {
	a, b := open(t, "a", "global"), open(t, "b", "europe")
	if n, err := a.Join([]string{b.Addr()}); n != 1 || err != nil {
		t.Fatalf("joined %d: %v", n, err)
	}
	c := a.await(t, Joined, "b")
	b.await(t, Joined, "a")
	if m := c.Member; m.ID != "id-b" || m.RPCAddr != "127.0.0.1:4647" || m.Region != "europe" || m.Expect != 3 || m.Build != "2.0.6" || m.Bootstrap {
		t.Errorf("b is known as %+v", m)
	}
	if got := names(a.Members()); !slices.Equal(got, []string{"a.global", "b.europe"}) {
		t.Errorf("members %v", got)
	}
	if got := names(a.Region("europe")); !slices.Equal(got, []string{"b.europe"}) {
		t.Errorf("of europe %v", got)
	}
	if got := a.Regions(); !slices.Equal(got, []string{"europe", "global"}) {
		t.Errorf("regions %v", got)
	}
	if err := b.Leave(); err != nil {
		t.Fatal(err)
	}
	a.await(t, Left, "b")
	if got := a.Regions(); !slices.Equal(got, []string{"global"}) {
		t.Errorf("regions %v after the last server of one has left", got)
	}
}

// Keys are managed on all servers at once, and only where there are any.
func TestKeyring(t *testing.T) {
	first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	text := base64.StdEncoding.EncodeToString
	p := open(t, "a", "global", first)
	for _, step := range []struct {
		action, key string
		keys        int
		fails       string
	}{
		{"list", "", 1, ""},
		{"install", text(second), 0, ""},
		{"list", "", 2, ""},
		{"remove", text(first), 0, "1/1 nodes reported failure"}, // it is in use
		{"use", text(second), 0, ""},
		{"remove", text(first), 0, ""},
		{"list", "", 1, ""},
		{"use", text(first), 0, "1/1 nodes reported failure"},
		{"install", "no key", 0, "illegal base64"},
		{"nonsense", "", 0, "unknown keyring action"},
	} {
		r, err := p.Keyring(step.action, step.key)
		if step.fails != "" {
			if err == nil || !strings.Contains(err.Error(), step.fails) {
				t.Errorf("%s: %v, want %q", step.action, err, step.fails)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", step.action, err)
			continue
		}
		if len(r.Keys) != step.keys || r.NumNodes != 1 {
			t.Errorf("%s: %+v, want %d keys of one node", step.action, r, step.keys)
		}
	}
	if _, err := open(t, "b", "global").Keyring("list", ""); err == nil || err.Error() != "1/1 nodes reported failure" {
		t.Errorf("without encryption: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := Config{Name: "a", Region: "r", ID: "i", Bind: "127.0.0.1:0", Fast: true, Logger: hclog.NewNullLogger(), Changed: func(Change) {}}
	for what, change := range map[string]func(*Config){
		"no name": func(c *Config) { c.Name = "" }, "no region": func(c *Config) { c.Region = "" }, "no ID": func(c *Config) { c.ID = "" },
		"no listener of changes": func(c *Config) { c.Changed = nil }, "no logger": func(c *Config) { c.Logger = nil },
		"an address without a port": func(c *Config) { c.Bind = "127.0.0.1" }, "a short key": func(c *Config) { c.Keys = [][]byte{{1}} },
	} {
		c := good
		change(&c)
		if p, err := Open(c); err == nil {
			p.Close()
			t.Errorf("opened with %s", what)
		}
	}
}
