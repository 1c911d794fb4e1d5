package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

const (
	// debugLogBytesMax bounds how much of one agent's log is kept.
	debugLogBytesMax = 64 << 20
	// debugCallMax bounds one question.
	debugCallMax = 30 * time.Second
	// everyone stands for all agents of a sort.
	everyone = "all"
)

// debugFlags are the flags of the command.
type debugFlags struct {
	duration, interval, profile  time.Duration
	level, nodes, class, servers string
	output                       string
	location, stale, verbose     bool
	maxNodes                     int
}

func debug(*meta.Meta) *meta.Verb {
	var f debugFlags
	return &meta.Verb{
		Name: "operator debug", Summary: "Collect what helps to find out what is wrong",
		Text: "Asks the cluster and its agents for their state, metrics and logs for some time and puts the answers into an archive. Agents leave out their secrets, but logs and job files may hold some: look before you pass it on.\n" +
			"Profiles are only there from agents with enable_debug.",
		Examples: []meta.Example{
			{Text: "Two minutes of a cluster", Line: meta.Binary + " operator debug -duration=2m -interval=15s"},
			{Text: "The servers only", Line: meta.Binary + " operator debug -node-id=none"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Duration(&f.duration, "duration", 5*time.Minute, "<duration>", "How long to collect. Default: 5m.")
			fl.Duration(&f.interval, "interval", 30*time.Second, "<duration>", "How often to ask for the state. Default: 30s.")
			fl.String(&f.level, "log-level", "TRACE", "<level>", "The lowest level of log messages to keep. Default: TRACE.")
			fl.Bool(&f.location, "log-include-location", true, "Keep which line of code wrote each message. Default: true.")
			fl.Int(&f.maxNodes, "max-nodes", 10, "<n>", "How many nodes to ask at most; 0 is all. Default: 10.")
			fl.String(&f.nodes, "node-id", everyone, "<node>[,<node>...]", "The nodes to ask, by the start of their IDs; all, or none. Default: all.")
			fl.String(&f.class, "node-class", "", "<class>", "Ask only nodes of this class.")
			fl.String(&f.servers, "server-id", everyone, "<server>[,<server>...]", "The servers to ask, by name or leader; all, or none. Default: all.")
			fl.Duration(&f.profile, "pprof-duration", time.Second, "<duration>", "How long to profile each agent. Default: 1s.")
			fl.Bool(&f.stale, "stale", false, "Let any server answer.")
			fl.String(&f.output, "output", "", "<dir>", "Write a directory below this one instead of an archive.")
			fl.Bool(&f.verbose, "verbose", false, "Tell what could not be had.")
		},
		Do: f.run,
	}
}

// collector asks and keeps.
type collector struct {
	flags  *debugFlags
	call   *meta.Call
	client *apiclient.Client
	bundle *bundle

	mu       sync.Mutex
	problems []string
}

// target is one agent that is asked.
type target struct{ kind, id, param string }

func (f *debugFlags) run(ctx context.Context, c *meta.Call) error {
	if f.duration <= 0 || f.interval <= 0 {
		return meta.Usagef("-duration and -interval must be more than nothing")
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	k := &collector{flags: f, call: c, client: client}
	targets, err := k.targets(ctx)
	if err != nil {
		return err
	}
	name := "nomad-debug-" + c.Now().UTC().Format("2006-01-02-150405Z")
	if k.bundle, err = newBundle(name, f.output, c.Now); err != nil {
		return err
	}
	c.Printf("Collecting from %s for %s...", render.Count(len(targets), "agent"), f.duration)
	err = k.collect(ctx, targets)
	if err := errors.Join(err, k.finish(), k.bundle.close()); err != nil {
		return fmt.Errorf("collecting: %w", err)
	}
	if n := len(k.problems); n > 0 {
		c.Warn(fmt.Sprintf("%s had no answer; errors.txt in the bundle tells which.", render.Count(n, "question")))
		if f.verbose {
			c.Warn(strings.Join(k.problems, "\n"))
		}
	}
	c.Printf("Created debug bundle: %s", k.bundle.place())
	return nil
}

// at is the directory of an agent in the bundle. Names come from agents: none
// leads out of the bundle.
func (t target) at() string {
	return t.kind + "/" + strings.NewReplacer("/", "_", "\\", "_", "..", "_").Replace(t.id) + "/"
}

// targets are the agents to ask.
func (k *collector) targets(ctx context.Context) (out []target, err error) {
	f := k.flags
	if f.servers != "none" {
		names := strings.Split(f.servers, ",")
		if f.servers == everyone {
			pool, _, err := apiclient.Get[*nl.ServerMembersResponse](ctx, k.client, "/v1/agent/members", nil)
			if err != nil {
				return nil, fmt.Errorf("listing servers: %w", err)
			}
			names = nil
			for _, m := range pool.Members {
				if m.Status == "alive" {
					names = append(names, m.Name)
				}
			}
		}
		for _, name := range names {
			out = append(out, target{"server", name, "server_id"})
		}
	}
	if f.nodes == "none" {
		return out, nil
	}
	nodes, _, err := apiclient.Get[[]*nl.NodeStub](ctx, k.client, "/v1/nodes", &apiclient.Query{Stale: f.stale})
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	asked := 0
	for _, n := range nodes {
		wanted := f.nodes == everyone || slices.ContainsFunc(strings.Split(f.nodes, ","), func(p string) bool { return p != "" && strings.HasPrefix(n.ID, p) })
		if !wanted || n.Status == nl.NodeStatusDown || f.class != "" && n.NodeClass != f.class || f.maxNodes > 0 && asked == f.maxNodes {
			continue
		}
		asked++
		out = append(out, target{"client", n.ID, "node_id"})
	}
	return out, nil
}

// collect runs until the time is over.
func (k *collector) collect(ctx context.Context, targets []target) error {
	ends, stop := context.WithTimeout(ctx, k.flags.duration)
	defer stop()
	var wait sync.WaitGroup
	for _, t := range targets {
		wait.Go(func() { k.log(ends, t) })
		wait.Go(func() { k.profiles(ctx, t) })
	}
	k.once(ctx)
	for round := 0; ends.Err() == nil; round++ {
		k.state(ctx, fmt.Sprintf("nomad/%04d/", round))
		if k.call.Pause(ends, k.flags.interval) != nil {
			break
		}
	}
	wait.Wait()
	return ctx.Err()
}

// once asks for what does not change soon.
func (k *collector) once(ctx context.Context) {
	for name, path := range map[string]string{
		"agent-self": "/v1/agent/self", "members": "/v1/agent/members", "namespaces": "/v1/namespaces", "node-pools": "/v1/node/pools",
		"regions": "/v1/regions", "scheduler": schedulerPath, "autopilot": autopilotPath,
	} {
		k.save(ctx, "cluster/"+name+".json", path, nil)
	}
}

// state asks for what changes.
func (k *collector) state(ctx context.Context, at string) {
	for name, path := range map[string]string{
		"jobs": "/v1/jobs", "allocations": "/v1/allocations", "evaluations": "/v1/evaluations", "deployments": "/v1/deployments",
		"nodes": "/v1/nodes", "services": "/v1/services", "metrics": "/v1/metrics", "leader": "/v1/status/leader",
		"raft": "/v1/operator/raft/configuration", "health": "/v1/operator/autopilot/health", "fingerprint": "/v1/status/fingerprint",
	} {
		k.save(ctx, at+name+".json", path, &apiclient.Query{Namespace: nl.AllNamespaces, Stale: k.flags.stale})
	}
}

// profiles asks an agent for its machine and profiles.
func (k *collector) profiles(ctx context.Context, t target) {
	at := t.at()
	with := func(more map[string]string) *apiclient.Query {
		params := map[string]string{t.param: t.id}
		for key, v := range more {
			params[key] = v
		}
		return &apiclient.Query{Params: params}
	}
	k.save(ctx, at+"agent-host.json", "/v1/agent/host", with(nil))
	seconds := strconv.Itoa(max(1, int(k.flags.profile.Seconds())))
	k.save(ctx, at+"profile.prof", "/v1/agent/pprof/profile", with(map[string]string{"seconds": seconds}))
	k.save(ctx, at+"heap.prof", "/v1/agent/pprof/heap", with(nil))
	k.save(ctx, at+"goroutine.txt", "/v1/agent/pprof/goroutine", with(map[string]string{"debug": "2"}))
}

// save asks one question and keeps the answer.
func (k *collector) save(ctx context.Context, name, path string, q *apiclient.Query) {
	ctx, stop := context.WithTimeout(ctx, debugCallMax+k.flags.profile)
	defer stop()
	body, err := k.client.Stream(ctx, path, q)
	if err != nil {
		k.problem(name, err)
		return
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	if err == nil && strings.HasSuffix(name, ".json") {
		var pretty bytes.Buffer
		if json.Indent(&pretty, raw, "", "  ") == nil {
			raw = pretty.Bytes()
		}
	}
	if err == nil {
		err = k.bundle.add(name, raw)
	}
	if err != nil {
		k.problem(name, err)
	}
}

// log keeps what an agent logs until the time is over.
func (k *collector) log(ctx context.Context, t target) {
	name := t.at() + "monitor.log"
	var kept bytes.Buffer
	q := &apiclient.Query{Params: map[string]string{
		t.param: t.id, "log_level": k.flags.level, "log_include_location": strconv.FormatBool(k.flags.location),
	}}
	err := k.client.Frames(ctx, "/v1/agent/monitor", q, func(f query.Frame) error {
		if kept.Len()+len(f.Data) > debugLogBytesMax {
			return fmt.Errorf("more than %d MiB", debugLogBytesMax>>20)
		}
		kept.Write(f.Data)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		k.problem(name, err)
	}
	if err := k.bundle.add(name, kept.Bytes()); err != nil {
		k.problem(name, err)
	}
}

func (k *collector) problem(name string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.problems = append(k.problems, name+": "+err.Error())
}

// finish adds the list of what there is and of what there is not.
func (k *collector) finish() error {
	slices.Sort(k.problems)
	var err error
	if len(k.problems) > 0 {
		err = k.bundle.add("errors.txt", []byte(strings.Join(k.problems, "\n")+"\n"))
	}
	names := slices.Sorted(slices.Values(k.bundle.names))
	index, jsonErr := render.JSON(struct {
		Address, Duration, Interval string
		Files                       []string
	}{k.client.Address(), k.flags.duration.String(), k.flags.interval.String(), names})
	return errors.Join(err, jsonErr, k.bundle.add("index.json", []byte(index+"\n")))
}
