// Package check runs the checks of services whose provider is nomad: http and
// tcp probes from the node. The allocation's runner starts a Set per
// allocation and is told of every result. What a result means for health or
// restarts is decided elsewhere.
package check

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Statuses and modes of checks, as the API shows them.
const (
	StatusPending = "pending"
	StatusSuccess = "success"
	StatusFailure = "failure"

	ModeHealthiness = "healthiness"
	ModeReadiness   = "readiness"

	onUpdateIgnore = "ignore"
)

const (
	// outputBytesMax is how much of an answer's body is kept.
	outputBytesMax = 3 << 10
	outputHTTP     = "nomad: http ok"
	outputTCP      = "nomad: tcp ok"
)

// Spec is a check with everything filled in.
type Spec struct {
	ID       string
	Alloc    string // name of the allocation
	Task     string // "" for those of the group
	Service  string
	Restarts string // task that check_restart restarts, "" none
	Check    *nl.ServiceCheck
	Addr     string
	Port     int
}

// ID names a check: any change to what it does makes another one.
func ID(allocID, group, task string, c *nl.ServiceCheck) string {
	h := sha256.New()
	for _, s := range []string{
		allocID, group, task, c.Name, c.Type, c.PortLabel, c.OnUpdate, c.AddressMode,
		c.Interval.String(), c.Timeout.String(), c.Protocol, c.Path, c.Method, strconv.FormatBool(c.TLSSkipVerify),
	} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Mode is what the check is for.
func Mode(c *nl.ServiceCheck) string {
	if c.OnUpdate == onUpdateIgnore {
		return ModeReadiness
	}
	return ModeHealthiness
}

// Result is the outcome of one run.
type Result struct {
	Spec   *Spec
	Status string
	At     time.Time
}

// Set runs the checks of one allocation. All methods may be called
// concurrently.
type Set struct {
	tell func(Result)
	now  func() time.Time

	mu      sync.Mutex
	running map[string]context.CancelFunc
	results map[string]*nl.CheckQueryResult
	wg      sync.WaitGroup
}

// NewSet makes a set; tell is called with every result and must not block.
func NewSet(now func() time.Time, tell func(Result)) *Set {
	return &Set{tell: tell, now: now, running: map[string]context.CancelFunc{}, results: map[string]*nl.CheckQueryResult{}}
}

// Start runs checks that do not run yet, until they are stopped or ctx ends.
func (s *Set) Start(ctx context.Context, specs []*Spec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range specs {
		if s.running[c.ID] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		s.running[c.ID] = cancel
		s.results[c.ID] = &nl.CheckQueryResult{
			ID: c.ID, Mode: Mode(c.Check), Status: StatusPending, Timestamp: s.now().Unix(),
			Output: "nomad: waiting to run", Group: c.Alloc, Task: c.Task, Service: c.Service, Check: c.Check.Name,
		}
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			s.run(ctx, c)
		}()
	}
}

// Stop ends the checks with these IDs and forgets their results; nil means all.
func (s *Set) Stop(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ids == nil {
		for id := range s.running {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if cancel := s.running[id]; cancel != nil {
			cancel()
		}
		delete(s.running, id)
		delete(s.results, id)
	}
}

// Wait waits for the ends of all checks that were stopped.
func (s *Set) Wait() { s.wg.Wait() }

// Results are the latest ones by check ID.
func (s *Set) Results() map[string]*nl.CheckQueryResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]*nl.CheckQueryResult, len(s.results))
	for id, r := range s.results {
		out[id] = r
	}
	return out
}

func (s *Set) run(ctx context.Context, c *Spec) {
	timer := time.NewTimer(c.Check.Interval / 2)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		status, code, output := Probe(ctx, c)
		if ctx.Err() != nil {
			return
		}
		now := s.now()
		s.mu.Lock()
		if old := s.results[c.ID]; old != nil {
			r := *old
			r.Status, r.StatusCode, r.Output, r.Timestamp = status, code, output, now.Unix()
			s.results[c.ID] = &r
		}
		s.mu.Unlock()
		s.tell(Result{Spec: c, Status: status, At: now})
		timer.Reset(c.Check.Interval)
	}
}

// Probe runs a check once.
func Probe(ctx context.Context, c *Spec) (status string, code int, output string) {
	timeout := c.Check.Timeout
	if timeout <= 0 {
		timeout = c.Check.Interval
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if c.Check.Type == "tcp" {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", c.hostPort())
		if err != nil {
			return StatusFailure, 0, err.Error()
		}
		conn.Close()
		return StatusSuccess, 0, outputTCP
	}
	return probeHTTP(ctx, c)
}

func (c *Spec) hostPort() string { return net.JoinHostPort(c.Addr, strconv.Itoa(c.Port)) }

func probeHTTP(ctx context.Context, c *Spec) (status string, code int, output string) {
	protocol, method := c.Check.Protocol, c.Check.Method
	if protocol == "" {
		protocol = "http"
	}
	if method == "" {
		method = http.MethodGet
	}
	url := protocol + "://" + c.hostPort() + "/" + strings.TrimPrefix(c.Check.Path, "/")
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(c.Check.Body))
	if err != nil {
		return StatusFailure, 0, err.Error()
	}
	for k, values := range c.Check.Header {
		for _, v := range values {
			req.Header.Add(k, v)
		}
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: c.Check.TLSSkipVerify, ServerName: c.Check.TLSServerName},
	}}
	resp, err := client.Do(req)
	if err != nil {
		return StatusFailure, 0, err.Error()
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return StatusSuccess, resp.StatusCode, outputHTTP
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, outputBytesMax))
	output = string(body)
	if err != nil {
		output = err.Error()
	}
	if resp.StatusCode < http.StatusBadRequest {
		return StatusSuccess, resp.StatusCode, output
	}
	return StatusFailure, resp.StatusCode, output
}
