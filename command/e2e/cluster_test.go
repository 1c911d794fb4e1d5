package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/nomad/api"
)

// writers register jobs all the time while leaders are killed.
const writers = 2

// cluster is some servers, and a client-only agent where one was asked for.
type cluster struct {
	t       *testing.T
	servers []*agent
	client  *agent
}

func quoted(addrs []string, suffix string) string {
	out := make([]string, len(addrs))
	for i, a := range addrs {
		out[i] = fmt.Sprintf("%q", a+suffix)
	}
	return strings.Join(out, ", ")
}

// newCluster starts three servers, and a client of theirs.
func newCluster(t *testing.T, withClient bool) *cluster {
	t.Helper()
	addrs := []string{loopback(), loopback(), loopback()}
	c := &cluster{t: t}
	for i, addr := range addrs {
		s := newAgent(t, fmt.Sprintf("server%d", i), addr, fmt.Sprintf(serverConfig, len(addrs), quoted(addrs, ":4648")))
		s.start()
		c.servers = append(c.servers, s)
	}
	if withClient {
		c.client = newAgent(t, "client", loopback(), fmt.Sprintf(clientConfig, quoted(addrs, ":4647")))
		c.client.start()
	}
	c.awaitVoters(len(addrs))
	if withClient {
		c.client.awaitNode()
	}
	return c
}

// awaitVoters waits until every server knows the leader and so many voters.
func (c *cluster) awaitVoters(count int) {
	c.t.Helper()
	for _, s := range c.servers {
		s.awaitLeader()
		await(c.t, fmt.Sprintf("%s knows %d voters", s.name, count), func() error {
			conf, err := s.api.Operator().RaftGetConfiguration(&api.QueryOptions{AllowStale: true})
			if err != nil {
				return err
			}
			voters := 0
			for _, server := range conf.Servers {
				if server.Voter {
					voters++
				}
			}
			if voters != count {
				return fmt.Errorf("there are %d", voters)
			}
			return nil
		})
	}
}

// leader finds the server that says of itself that it leads; what others say
// may be old. It is nil while none does.
func (c *cluster) leader() *agent {
	for _, s := range c.servers {
		if addr, err := s.api.Status().Leader(); err == nil && addr == s.addr+":4647" {
			return s
		}
	}
	return nil
}

func (c *cluster) awaitKnownLeader() (leader *agent) {
	c.t.Helper()
	await(c.t, "a server leads", func() error {
		if leader = c.leader(); leader == nil {
			return errors.New("none does")
		}
		return nil
	})
	return leader
}

// follower is a server that does not lead.
func (c *cluster) follower() *agent {
	c.t.Helper()
	leader := c.awaitKnownLeader()
	for _, s := range c.servers {
		if s != leader {
			return s
		}
	}
	c.t.Fatal("every server leads")
	return nil
}

// fingerprint is what a server says about its whole state.
type fingerprint struct {
	Fingerprint string
	Index       uint64
}

func (a *agent) fingerprint() (f fingerprint, err error) {
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}).Get(a.url() + "/v1/status/fingerprint")
	if err != nil {
		return f, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return f, fmt.Errorf("%s: status %s", a.name, resp.Status)
	}
	return f, json.NewDecoder(resp.Body).Decode(&f)
}

// awaitSameState waits until all servers are at one index, where their states
// must be equal.
func (c *cluster) awaitSameState() {
	c.t.Helper()
	await(c.t, "all servers reach one index", func() error {
		first, err := c.servers[0].fingerprint()
		if err != nil {
			return err
		}
		for _, s := range c.servers[1:] {
			f, err := s.fingerprint()
			if err != nil {
				return err
			}
			if f.Index != first.Index {
				return fmt.Errorf("%s is at %d, %s at %d", s.name, f.Index, c.servers[0].name, first.Index)
			}
			if f.Fingerprint != first.Fingerprint || f.Fingerprint == "" {
				c.t.Fatalf("at index %d the state of %s is %q, of %s %q", f.Index, s.name, f.Fingerprint, c.servers[0].name, first.Fingerprint)
			}
		}
		return nil
	})
}

// ledger is what writers were promised.
type ledger struct {
	mu       sync.Mutex
	accepted map[string]promise
	refused  int
}

// promise is when a write was sent and when it was acknowledged.
type promise struct{ sent, acknowledged time.Time }

// after gives the earliest acknowledgement of what was sent after a moment.
func (l *ledger) after(moment time.Time) (first time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.accepted {
		if p.sent.After(moment) && (first.IsZero() || p.acknowledged.Before(first)) {
			first = p.acknowledged
		}
	}
	return first
}

// write registers jobs through one server after the other until it is told to
// end, and notes which were accepted.
func (c *cluster) write(ctx context.Context, who int, l *ledger) {
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("w%d-%d", who, n)
		job := service(id, group("g", 0, shell("t", "exec sleep 600")))
		s := c.servers[(who+n)%len(c.servers)]
		attempt, cancel := context.WithTimeout(ctx, patience)
		sent := time.Now()
		_, _, err := s.api.Jobs().Register(job, new(api.WriteOptions).WithContext(attempt))
		cancel()
		l.mu.Lock()
		if err == nil {
			l.accepted[id] = promise{sent, time.Now()}
		} else {
			l.refused++
		}
		l.mu.Unlock()
		pause := time.NewTimer(pollEvery / 4)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// TestLeaderKilled kills the leader of three servers again and again under
// writes: what was acknowledged must be there in the end, on every server.
func TestLeaderKilled(t *testing.T) {
	needRoot(t)
	t.Parallel()
	c := newCluster(t, false)
	l := &ledger{accepted: map[string]promise{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for who := range writers {
		wg.Go(func() { c.write(ctx, who, l) })
	}
	defer wg.Wait()
	defer cancel()

	start := time.Now()
	await(t, "a write is accepted", func() error { return accepted(l, start) })
	var gaps []time.Duration
	for range rounds() {
		leader := c.awaitKnownLeader()
		leader.kill()
		killed := time.Now()
		await(t, "a write is accepted without "+leader.name, func() error { return accepted(l, killed) })
		gaps = append(gaps, l.after(killed).Sub(killed))
		leader.start()
		leader.awaitLeader()
		restarted := time.Now()
		await(t, "a write is accepted with "+leader.name, func() error { return accepted(l, restarted) })
	}
	cancel()
	wg.Wait()

	c.awaitVoters(len(c.servers))
	c.awaitSameState()
	for _, s := range c.servers {
		jobs, _, err := s.api.Jobs().List(&api.QueryOptions{AllowStale: true})
		if err != nil {
			t.Fatal(err)
		}
		have := map[string]bool{}
		for _, j := range jobs {
			have[j.ID] = true
		}
		for id := range l.accepted {
			if !have[id] {
				t.Errorf("%s does not have job %s, which was accepted", s.name, id)
			}
		}
	}
	slices.Sort(gaps)
	t.Logf("killed the leader %d times; from there to the next accepted write: median %s, worst %s; %d writes accepted, %d refused",
		len(gaps), gaps[len(gaps)/2].Round(time.Millisecond), gaps[len(gaps)-1].Round(time.Millisecond), len(l.accepted), l.refused)
}

func accepted(l *ledger, after time.Time) error {
	if l.after(after).IsZero() {
		return errors.New("none since")
	}
	return nil
}

// TestFollowerForwards asks agents that can answer nothing by themselves.
func TestFollowerForwards(t *testing.T) {
	needRoot(t)
	t.Parallel()
	c := newCluster(t, true)
	for _, via := range []*agent{c.follower(), c.client} {
		t.Run(strings.TrimRight(via.name, "012"), func(t *testing.T) {
			c.ask(t, via)
		})
	}
	c.awaitSameState()
}

// ask writes, reads, waits and follows through one agent.
func (c *cluster) ask(t *testing.T, via *agent) {
	id := "via-" + via.name
	via.register(service(id, group("g", 1, shell("t", "echo first; exec sleep 600"))))
	j, meta, err := via.api.Jobs().Info(id, nil)
	if err != nil || *j.ID != id {
		t.Fatalf("reading back what was written: %v", err)
	}
	if !meta.KnownLeader {
		t.Error("a forwarded read knows no leader")
	}
	s := via.awaitAllocs(id, 1, api.AllocClientStatusRunning)[0]
	via.awaitLog(s.ID, "t", "first\n")

	// A blocking query ends with a change made through another agent.
	_, meta, err = via.api.Jobs().Info(id, nil)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		job  *api.Job
		meta *api.QueryMeta
		err  error
	}
	heard := make(chan answer, 1)
	go func() {
		var a answer
		index := meta.LastIndex
		for {
			a.job, a.meta, a.err = via.api.Jobs().Info(id, &api.QueryOptions{WaitIndex: index, WaitTime: patience})
			if a.err != nil || *a.job.Priority == 60 {
				heard <- a
				return
			}
			index = a.meta.LastIndex
		}
	}()
	changed := service(id, group("g", 1, shell("t", "echo first; exec sleep 600")))
	changed.Priority = ptr(60)
	c.awaitKnownLeader().register(changed)
	select {
	case a := <-heard:
		if a.err != nil || a.meta.LastIndex <= meta.LastIndex {
			t.Errorf("the blocking query: %v, index %d after %d", a.err, a.meta.LastIndex, meta.LastIndex)
		}
	case <-time.After(patience):
		t.Fatal("the blocking query did not hear of the change")
	}

	if _, _, err := via.api.Jobs().Deregister(id, false, nil); err != nil {
		t.Fatal(err)
	}
	via.awaitAllocs(id, 1, api.AllocClientStatusComplete)
}
