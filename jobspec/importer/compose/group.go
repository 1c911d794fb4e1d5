package compose

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// Restarts of services that are always to be there: three at once, then a
// pause, and never an end.
const (
	restartAttempts = 3
	restartInterval = 5 * time.Minute
	restartDelay    = 15 * time.Second
)

// replicasMax bounds counts that a file can ask for.
const replicasMax = 100000

func (r *reader) group(g *outline.Group, s types.ServiceConfig) {
	if s.Scale != nil {
		g.Count = *s.Scale
	}
	if s.Deploy != nil {
		r.deploy(g, s.Deploy)
	}
	g.Count = min(max(g.Count, 0), replicasMax)
	if g.Restart == nil {
		g.Restart = restart(s.Restart)
	}
	if s.NetworkMode == "host" {
		g.Mode = "host"
	} else if s.NetworkMode != "" && s.NetworkMode != "bridge" && s.NetworkMode != "default" {
		g.Lost("network_mode %s", s.NetworkMode)
	}
	if len(s.Profiles) > 0 {
		g.Check("the service belonged to the profiles %s; set count = 0 when it is not to run", strings.Join(s.Profiles, ", "))
	}
	r.platform(g, s)
}

func (r *reader) platform(g *outline.Group, s types.ServiceConfig) {
	if s.Platform == "" {
		return
	}
	parts := strings.Split(s.Platform, "/")
	g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${attr.kernel.name}", Value: parts[0]})
	if len(parts) > 1 {
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${attr.cpu.arch}", Value: parts[1]})
	}
}

func restart(policy string) *outline.Restart {
	kind, times, _ := strings.Cut(policy, ":")
	switch kind {
	case "no", "never":
		return &outline.Restart{Mode: "fail"}
	case "always", "unless-stopped":
		return &outline.Restart{Attempts: restartAttempts, Interval: restartInterval, Delay: restartDelay, Mode: "delay"}
	case "on-failure":
		out := &outline.Restart{Attempts: restartAttempts, Interval: restartInterval, Delay: restartDelay, Mode: "fail"}
		if n, err := strconv.Atoi(times); err == nil && n > 0 && n < 1000 {
			out.Attempts = n
			out.Interval = max(restartInterval, time.Duration(n+1)*restartDelay)
		}
		return out
	}
	return nil
}

func (r *reader) deploy(g *outline.Group, d *types.DeployConfig) {
	if d.Replicas != nil {
		g.Count = *d.Replicas
	}
	if p := d.RestartPolicy; p != nil {
		g.Restart = swarmRestart(p)
	}
	if u := d.UpdateConfig; u != nil {
		g.Update = update(u)
	}
	for _, c := range d.Placement.Constraints {
		g.Constraints = append(g.Constraints, placement(g, c)...)
	}
	for _, p := range d.Placement.Preferences {
		if attr := nodeAttribute(p.Spread); attr != "" {
			g.Constraints = append(g.Constraints, outline.Constraint{Attribute: attr, Spread: true})
		} else {
			g.Lost("placement preference %s", p.Spread)
		}
	}
	switch n := d.Placement.MaxReplicas; {
	case n == 1:
		g.Constraints = append(g.Constraints, outline.Constraint{Operator: "distinct_hosts", Value: "true"})
	case n > 1:
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${node.unique.id}", Operator: "distinct_property", Value: fmt.Sprint(n)})
	}
}

func swarmRestart(p *types.RestartPolicy) *outline.Restart {
	out := restart("always")
	if p.Condition == "none" {
		return restart("no")
	}
	if p.Delay != nil && *p.Delay > 0 {
		out.Delay = time.Duration(*p.Delay)
	}
	if p.Window != nil && *p.Window > 0 {
		out.Interval = time.Duration(*p.Window)
	}
	if p.MaxAttempts != nil && *p.MaxAttempts < 1000 {
		out.Attempts, out.Mode = int(*p.MaxAttempts), "fail"
	}
	out.Delay = min(out.Delay, 24*time.Hour)
	// An interval that cannot hold its attempts is refused.
	out.Interval = max(out.Interval, time.Duration(out.Attempts+1)*out.Delay, 5*time.Second)
	if p.Condition == "on-failure" {
		out.Lost("condition on-failure: a task of a service is started again when it ends without failure, too")
	}
	return out
}

func update(u *types.UpdateConfig) *outline.Update {
	out := &outline.Update{MaxParallel: 1}
	if u.Parallelism != nil {
		out.MaxParallel = int(min(*u.Parallelism, replicasMax))
		if *u.Parallelism == 0 {
			out.MaxParallel = 1
			out.Check("parallelism 0 meant all at once; one at a time is safer")
		}
	}
	if u.Delay > 0 {
		out.Lost("delay %s between updates: each new allocation must be healthy before the next", outline.Duration(time.Duration(u.Delay)))
	}
	if u.Monitor > 0 {
		out.MinHealthy = min(time.Duration(u.Monitor), 4*time.Minute)
	}
	if u.FailureAction == "rollback" {
		out.AutoRevert = true
	}
	if u.Order == "start-first" {
		out.Canary, out.AutoPromote = out.MaxParallel, true
		out.Check("order start-first became canaries, which start beside the old allocations")
	}
	return out
}

// rule is a placement constraint of Swarm.
var rule = regexp.MustCompile(`^\s*([\w.\-]+)\s*(==|!=)\s*(.+?)\s*$`)

func placement(g *outline.Group, text string) []outline.Constraint {
	m := rule.FindStringSubmatch(text)
	if m == nil {
		g.Lost("placement constraint %q", text)
		return nil
	}
	attr := nodeAttribute(m[1])
	if attr == "" {
		g.Lost("placement constraint %q: nodes have no such property here; a label of yours can stand for it as metadata of the nodes", text)
		return nil
	}
	op := "="
	if m[2] == "!=" {
		op = "!="
	}
	return []outline.Constraint{{Attribute: attr, Operator: op, Value: m[3]}}
}

func nodeAttribute(name string) string {
	for prefix, attr := range map[string]string{"node.labels.": "${meta.", "engine.labels.": "${meta."} {
		if label, ok := strings.CutPrefix(name, prefix); ok && label != "" {
			return attr + outline.Label(label, "label") + "}"
		}
	}
	switch name {
	case "node.id":
		return "${node.unique.id}"
	case "node.hostname":
		return "${attr.unique.hostname}"
	case "node.platform.os":
		return "${attr.kernel.name}"
	case "node.platform.arch":
		return "${attr.cpu.arch}"
	}
	return ""
}

// ports adds the ports of a service to its group and gives their labels.
func (r *reader) ports(g *outline.Group, s types.ServiceConfig) (labels []string) {
	name := r.serviceName(s.Name)
	seen := map[string]bool{}
	add := func(p *outline.Port) {
		if p != nil && !seen[p.Label] {
			seen[p.Label] = true
			labels = append(labels, p.Label)
		}
	}
	for _, c := range s.Ports {
		to := int(min(c.Target, math.MaxUint16))
		p := g.PortLabel(c.Name, to)
		if p == nil {
			continue
		}
		add(p)
		r.publish(g, p, c)
		g.Expose(name, p)
	}
	for _, e := range s.Expose {
		first, _, _ := strings.Cut(e, "/")
		to, err := strconv.Atoi(first)
		if err != nil {
			g.Lost("expose %s: name each port", e)
			continue
		}
		if p := g.PortLabel("", to); p != nil {
			add(p)
			g.Expose(name, p)
		}
	}
	return labels
}

func (r *reader) publish(g *outline.Group, p *outline.Port, c types.ServicePortConfig) {
	if c.Published == "" || c.Published == "0" {
		return
	}
	n, err := strconv.Atoi(c.Published)
	if err != nil || n < 1 || n > 65535 {
		p.Lost("published port %s: the scheduler chooses one", c.Published)
		return
	}
	if p.Static != 0 && p.Static != n {
		p.Lost("port %d was published as %d as well", p.To, n)
		return
	}
	for _, other := range g.Ports {
		if other != p && other.Static == n {
			p.Lost("published port %d, which %s has already", n, other.Label)
			return
		}
	}
	p.Static = n
	if c.HostIP != "" && c.HostIP != "0.0.0.0" && c.HostIP != "::" {
		p.Lost("published on %s only: choose the address with host_network", c.HostIP)
	}
	if g.Count > 1 {
		p.Check("a static port can be had once on each node; without static the scheduler chooses one, and a proxy finds it in the catalogue")
	}
}
