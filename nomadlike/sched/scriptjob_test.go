package sched_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

func (w *world) scaleJob(j *nl.Job) {
	for _, g := range j.TaskGroups {
		g.EphemeralDisk.SizeMB *= int(w.scale)
		for _, t := range g.Tasks {
			r := t.Resources
			r.CPU *= int(w.scale)
			r.SecretsMB *= int(w.scale)
			r.MemoryMB *= w.scale
			r.MemoryMaxMB *= w.scale
		}
	}
}

// registerJob registers a job. Without group lines it has one group, g, with
// one task, t, and all keys that are not the job's are the group's.
func (w *world) registerJob(id string, a args, below []string) {
	j := &nl.Job{
		ID: id, Name: id, Namespace: "default", Region: "global", Type: nl.JobTypeService, Priority: 50,
		Datacenters: []string{"*"}, NodePool: "default", SubmitTime: w.now.UnixNano(),
	}
	if kind := a.get("type"); kind != "" {
		j.Type = kind
	}
	var own [][2]string
	for _, p := range a.pairs {
		switch p[0] {
		case "type":
		case "prio":
			j.Priority, _ = strconv.Atoi(p[1])
		case "dc":
			j.Datacenters = strings.Split(p[1], ",")
		case "pool":
			j.NodePool = p[1]
		case "namespace":
			j.Namespace = p[1]
			w.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: p[1]}}})
		case "allornothing":
			j.AllOrNothing = p[1] == "true"
		case "allatonce":
			j.AllAtOnce = p[1] == "true"
		case "jobmeta":
			j.Meta = map[string]string{"m": p[1]}
		case "jobconstraint":
			j.Constraints = append(j.Constraints, constraint(p[1]))
		default:
			own = append(own, p)
		}
	}
	var g *nl.Group
	for _, line := range below {
		if text, ok := strings.CutPrefix(line, "json "); ok {
			if g == nil {
				g = w.group(j, "g", own)
				j.TaskGroups = append(j.TaskGroups, g)
			}
			w.setJSON(j, g, text)
			continue
		}
		b := fields(line)
		switch b.words[0] {
		case "group":
			g = w.group(j, b.words[1], append(slices.Clone(own), b.pairs...))
			j.TaskGroups = append(j.TaskGroups, g)
		case "task":
			t := &nl.Task{Name: b.words[1], Driver: "mock", Resources: &nl.Resources{}}
			if g == nil {
				g = w.group(j, "g", own)
				j.TaskGroups = append(j.TaskGroups, g)
			}
			if len(g.Tasks) == 1 && g.Tasks[0].Name == "t" {
				g.Tasks = nil
			}
			g.Tasks = append(g.Tasks, t)
			for _, p := range b.pairs {
				w.setGroup(j, g, t, p[0], p[1])
			}
		}
	}
	if g == nil {
		j.TaskGroups = []*nl.Group{w.group(j, "g", own)}
	}
	w.scaleJob(j)
	w.apply(&op.RegisterJob{Job: j})
}

// setJSON reads "job {...}", "group {...}" or "task {...}": fields of the job,
// its last group or that one's last task, as the API spells them.
func (w *world) setJSON(j *nl.Job, g *nl.Group, text string) {
	what, value, _ := strings.Cut(text, " ")
	var to any = j
	switch what {
	case "group":
		to = g
	case "task":
		to = g.Tasks[len(g.Tasks)-1]
	}
	if err := json.Unmarshal([]byte(value), to); err != nil {
		w.t.Fatalf("%s of job %s: %v", what, j.ID, err)
	}
}

func (w *world) group(j *nl.Job, name string, pairs [][2]string) *nl.Group {
	t := &nl.Task{Name: "t", Driver: "mock", Resources: &nl.Resources{CPU: 100, MemoryMB: 100}}
	g := &nl.Group{Name: name, Count: 1, Tasks: []*nl.Task{t}, EphemeralDisk: &nl.EphemeralDisk{SizeMB: 10}}
	switch j.Type {
	case nl.JobTypeService:
		g.ReschedulePolicy = &nl.ReschedulePolicy{
			Delay: 30 * time.Second, DelayFunction: "exponential", MaxDelay: time.Hour, Unlimited: true,
		}
	case nl.JobTypeBatch:
		g.ReschedulePolicy = &nl.ReschedulePolicy{
			Attempts: 1, Interval: 24 * time.Hour, Delay: 5 * time.Second, DelayFunction: "constant",
		}
	}
	for _, p := range pairs {
		w.setGroup(j, g, t, p[0], p[1])
	}
	return g
}

// setGroup sets what a key names. Keys: count cpu=MHz or thousandths "500m" mem
// memmax disk cores numa=policy[/device] driver
// env meta sticky; constraint taskconstraint affinity spread; update=N canary=N
// autopromote progress; reschedule=attempts/interval/delay/function/max or
// unlimited/delay/function/max; port=label:static[@network] dyn=label[:to][@network]
// mode gpu=count[/constraint]; lost=D replace=false reconcile=S stopafter=D;
// volume= and csi= (see addVolume) lifecycle=hook[+sidecar] check=text (changed in place).
func (w *world) setGroup(j *nl.Job, g *nl.Group, t *nl.Task, key, value string) {
	number, _ := strconv.Atoi(value)
	duration := func(s string) time.Duration { d, _ := time.ParseDuration(s); return d }
	switch key {
	case "count":
		g.Count = number
	case "cpu":
		t.Resources.CPU = number
		if millis, ok := strings.CutSuffix(value, "m"); ok {
			t.Resources.CPUMillis, _ = strconv.Atoi(millis)
		}
	case "numa":
		affinity, devices, _ := strings.Cut(value, "/")
		t.Resources.NUMA = &nl.NUMA{Affinity: affinity}
		if devices != "" {
			t.Resources.NUMA.Devices = []string{devices}
		}
	case "mem":
		t.Resources.MemoryMB = int64(number)
	case "memmax":
		t.Resources.MemoryMaxMB = int64(number)
	case "secrets":
		t.Resources.SecretsMB = number
	case "disk":
		g.EphemeralDisk.SizeMB = number
	case "gang":
		g.AllOrNothing = value == "true"
	case "sticky":
		g.EphemeralDisk.Sticky = true
	case "cores":
		t.Resources.Cores, t.Resources.CPU = number, 0
	case "driver":
		t.Driver = value
	case "env":
		t.Env = map[string]string{"E": value}
	case "meta":
		g.Meta = map[string]string{"m": value}
	case "taskmeta":
		t.Meta = map[string]string{"m": value}
	case "check":
		g.Services = []*nl.Service{{Name: value, Provider: "nomad"}}
	case "kill":
		t.KillTimeout = duration(value)
	case "constraint":
		g.Constraints = append(g.Constraints, constraint(value))
	case "taskconstraint":
		t.Constraints = append(t.Constraints, constraint(value))
	case "affinity":
		weight, expr, _ := strings.Cut(value, ":")
		c := constraint(expr)
		n, _ := strconv.Atoi(weight)
		g.Affinities = append(g.Affinities, &nl.Affinity{LTarget: c.LTarget, Operand: c.Operand, RTarget: c.RTarget, Weight: n})
	case "spread":
		g.Spreads = append(g.Spreads, spread(value))
	case "update", "canary", "autopromote", "autorevert", "progress":
		setUpdate(g, key, value, number)
	case "reschedule":
		g.ReschedulePolicy = reschedule(value)
	case "mode", "port", "dyn":
		setNetwork(g, key, value)
	case "gpu":
		count, check, _ := strings.Cut(value, "/")
		n, _ := strconv.ParseUint(count, 10, 64)
		d := &nl.RequestedDevice{Name: "nvidia/gpu", Count: n}
		if kind, expr, ok := strings.Cut(check, "~"); ok {
			c := constraint(expr)
			weight, _ := strconv.Atoi(kind)
			d.Affinities = []*nl.Affinity{{LTarget: c.LTarget, Operand: c.Operand, RTarget: c.RTarget, Weight: weight}}
		} else if check != "" {
			d.Constraints = []*nl.Constraint{constraint(check)}
		}
		t.Resources.Devices = []*nl.RequestedDevice{d}
	case "lost", "replace", "reconcile", "stopafter":
		setDisconnect(g, key, value)
	case "volume":
		addVolume(g, nl.VolumeTypeHost, value)
	case "csi":
		addVolume(g, nl.VolumeTypeCSI, value)
	case "lifecycle":
		hook, sidecar, _ := strings.Cut(value, "+")
		t.Lifecycle = &nl.Lifecycle{Hook: hook, Sidecar: sidecar != ""}
	case "migrate":
		g.Migrate = &nl.MigrateStrategy{MaxParallel: number}
	default:
		w.t.Fatalf("unknown job setting %q of job %s", key, j.ID)
	}
}

func setUpdate(g *nl.Group, key, value string, number int) {
	if g.Update == nil {
		g.Update = &nl.UpdateStrategy{
			MaxParallel: 1, HealthCheck: "checks", MinHealthyTime: 10 * time.Second,
			HealthyDeadline: 5 * time.Minute, ProgressDeadline: 10 * time.Minute,
		}
	}
	switch key {
	case "update":
		g.Update.MaxParallel = number
	case "canary":
		g.Update.Canary = number
	case "autopromote":
		g.Update.AutoPromote = value == "true"
	case "autorevert":
		g.Update.AutoRevert = value == "true"
	case "progress":
		g.Update.ProgressDeadline, _ = time.ParseDuration(value)
	}
}

func setDisconnect(g *nl.Group, key, value string) {
	if g.Disconnect == nil {
		g.Disconnect = &nl.Disconnect{}
	}
	switch key {
	case "lost":
		g.Disconnect.LostAfter, _ = time.ParseDuration(value)
	case "replace":
		replace := value == "true"
		g.Disconnect.Replace = &replace
	case "reconcile":
		g.Disconnect.Reconcile = value
	case "stopafter":
		d, _ := time.ParseDuration(value)
		g.Disconnect.StopOnClientAfter = &d
	}
}

func setNetwork(g *nl.Group, key, value string) {
	if len(g.Networks) == 0 {
		g.Networks = []*nl.Network{{}}
	}
	nw := g.Networks[0]
	if key == "mode" {
		nw.Mode = value
		return
	}
	value, network, _ := strings.Cut(value, "@")
	label, text, _ := strings.Cut(value, ":")
	number, _ := strconv.Atoi(text)
	p := &nl.Port{Label: label, HostNetwork: network}
	if network == "" {
		p.HostNetwork = "default"
	}
	if key == "port" {
		p.Value = number
		nw.ReservedPorts = append(nw.ReservedPorts, p)
	} else {
		p.To = number
		nw.DynamicPorts = append(nw.DynamicPorts, p)
	}
}

// constraint reads "${x} = y", "${x} is_set", "distinct_hosts" and the like.
func constraint(text string) *nl.Constraint {
	parts := strings.SplitN(text, " ", 3)
	switch {
	case parts[0] == "distinct_hosts":
		return &nl.Constraint{Operand: "distinct_hosts", RTarget: strings.Join(append(parts[1:], "true")[:1], "")}
	case parts[0] == "distinct_property":
		c := &nl.Constraint{Operand: "distinct_property", LTarget: parts[1]}
		if len(parts) > 2 {
			c.RTarget = parts[2]
		}
		return c
	case len(parts) == 2:
		return &nl.Constraint{LTarget: parts[0], Operand: parts[1]}
	}
	return &nl.Constraint{LTarget: parts[0], Operand: parts[1], RTarget: parts[2]}
}

// spread reads "${x}" or "${x} a=70 b=30", with an optional weight "w=50".
func spread(text string) *nl.Spread {
	parts := strings.Split(text, " ")
	s := &nl.Spread{Attribute: parts[0], Weight: 50}
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(p, "=")
		n, _ := strconv.Atoi(value)
		if name == "w" {
			s.Weight = n
		} else {
			s.SpreadTarget = append(s.SpreadTarget, &nl.SpreadTarget{Value: name, Percent: uint64(n)})
		}
	}
	return s
}

func reschedule(text string) *nl.ReschedulePolicy {
	parts := strings.Split(text, "/")
	duration := func(i int) time.Duration {
		if i >= len(parts) {
			return 0
		}
		d, _ := time.ParseDuration(parts[i])
		return d
	}
	if parts[0] == "unlimited" {
		return &nl.ReschedulePolicy{Unlimited: true, Delay: duration(1), DelayFunction: parts[2], MaxDelay: duration(3)}
	}
	n, _ := strconv.Atoi(parts[0])
	if n == 0 {
		return &nl.ReschedulePolicy{}
	}
	return &nl.ReschedulePolicy{
		Attempts: n, Interval: duration(1), Delay: duration(2), DelayFunction: parts[3], MaxDelay: duration(4),
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
