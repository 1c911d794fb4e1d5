// Package ecs reads Amazon ECS task definitions and services, as JSON or YAML,
// in the form that the register and describe commands have. The types are its
// own: those of Amazon's client carry no names of JSON members. The importer
// calls it. It speaks to no cloud.
package ecs

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
	"github.com/nomadlike/nomadlike/jobspec/importer/source"
)

// retriesMax bounds the failures of a check in a row.
const retriesMax = 100

// countMax bounds what a service can ask for.
const countMax = 100000

//go:embed fields.txt
var fields string

// known are the rules, which never change.
var known = sync.OnceValue(func() source.Rules { return source.MustRules(fields) })

// Reader collects task definitions and services, of one file or of many.
type Reader struct {
	rules    source.Rules
	tasks    []taskDefinition
	services []service
	files    []*source.Object
}

// New makes a reader that has read nothing.
func New() *Reader { return &Reader{rules: known()} }

// Add reads a file.
func (r *Reader) Add(body []byte) error {
	trees, err := source.Parse(body)
	if err != nil {
		return err
	}
	for _, t := range trees {
		if err := r.document(t); err != nil {
			return err
		}
	}
	return nil
}

// document reads a task definition or a service, as they are registered, or
// what the describe commands print of them.
func (r *Reader) document(t *source.Tree) error {
	m, ok := t.Value.(map[string]any)
	if !ok {
		return &source.Error{Line: t.Line(), Text: "want a map with a task definition or services"}
	}
	m = folded(m)
	wrapped, isMap := m["taskdefinition"].(map[string]any)
	_, isName := m["taskdefinition"].(string)
	services, _ := m["services"].([]any)
	_, direct := m["containerdefinitions"]
	switch {
	case isMap:
		if err := r.task(t, wrapped); err != nil {
			return err
		}
	case direct:
		if err := r.task(t, t.Value); err != nil {
			return err
		}
	case isName:
		services = append(services, t.Value)
	}
	for _, value := range services {
		s := service{tree: value}
		if err := decode(t, value, &s); err != nil {
			return err
		}
		r.services = append(r.services, s)
	}
	if !direct && !isName {
		r.files = append(r.files, r.rules.Object("file", "", t.Value, nil))
	}
	return nil
}

// folded is a map with keys in small letters, as names are compared.
func folded(m map[string]any) map[string]any {
	out := map[string]any{}
	for _, k := range outline.Keys(m) {
		out[strings.ToLower(k)] = m[k]
	}
	return out
}

func (r *Reader) task(t *source.Tree, value any) error {
	def := taskDefinition{tree: value}
	if err := decode(t, value, &def); err != nil {
		return err
	}
	r.tasks = append(r.tasks, def)
	return nil
}

func decode(t *source.Tree, value, into any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return t.DecodeValue(raw, into)
}

// Jobs gives a job for each service and for each task definition that no
// service runs.
func (r *Reader) Jobs() (jobs []*outline.Job, problems []error) {
	used := map[string]bool{}
	defer func() {
		for _, o := range r.files {
			if len(jobs) > 0 {
				o.Place(&jobs[0].Notes)
				o.Source = jobs[0].Of
				o.Account()
			}
		}
	}()
	for _, s := range r.services {
		family := s.TaskDefinition[strings.LastIndex(s.TaskDefinition, "/")+1:]
		family, _, _ = strings.Cut(family, ":")
		found := false
		for _, t := range r.tasks {
			if t.Family == family {
				jobs = append(jobs, r.job(t, &s))
				used[family], found = true, true
				break
			}
		}
		if !found {
			problems = append(problems, fmt.Errorf("service %q runs the task definition %q, which is in none of the files; give its file as well (aws ecs describe-task-definition)", s.ServiceName, s.TaskDefinition))
		}
	}
	for _, t := range r.tasks {
		if !used[t.Family] {
			jobs = append(jobs, r.job(t, nil))
		}
	}
	return jobs, problems
}

func (r *Reader) job(t taskDefinition, s *service) *outline.Job {
	j := &outline.Job{Name: outline.Name(t.Family, "app"), Type: outline.Service}
	g := &outline.Group{Name: outline.Name(t.Family, "group"), Count: 1}
	j.Groups = []*outline.Group{g}
	object := r.rules.Object("task", t.Family, t.tree, &j.Notes)
	j.Of, j.Sources = object.Source, []*outline.Source{object.Source}
	switch {
	case t.NetworkMode == "host":
		g.Mode = "host"
	case t.NetworkMode == "awsvpc" && len(t.ContainerDefinitions) > 1:
		g.Shared = true
	}
	platform(g, t)
	place(g, t.PlacementConstraints)
	if t.EphemeralStorage != nil && t.EphemeralStorage.SizeInGiB > 0 && t.EphemeralStorage.SizeInGiB < 10000 {
		g.DiskMB = t.EphemeralStorage.SizeInGiB << 10
	}
	hosts := map[string]outline.Target{}
	taken := map[string]bool{}
	for i, c := range t.ContainerDefinitions {
		task := newTask(t, g, c)
		task.Name = outline.Unique(taken, task.Name)
		g.Tasks = append(g.Tasks, task)
		hosts[c.Name] = outline.Target{Group: g, Service: j.Name}
		object.Place(&task.Notes, "containerDefinitions", fmt.Sprint(i))
	}
	order(g, t)
	essential(g, t)
	share(g, t)
	if s != nil {
		j.Name = outline.Name(s.ServiceName, j.Name)
		of(j, g, s)
		about := r.rules.Object("service", s.ServiceName, s.tree, &g.Notes)
		j.Sources = append(j.Sources, about.Source)
		about.Foreign = true
		about.Account()
	} else {
		j.Check("no service says how many of this task are to run; set type = \"batch\" when it runs to completion")
	}
	for i, c := range t.ContainerDefinitions {
		health(j, g, g.Tasks[i], c)
	}
	if g.Shared {
		outline.Link([]*outline.Job{j}, hosts)
	}
	object.Account()
	return j
}

func platform(g *outline.Group, t taskDefinition) {
	if t.RuntimePlatform == nil {
		return
	}
	if arch, ok := map[string]string{"ARM64": "arm64", "X86_64": "amd64"}[t.RuntimePlatform.CPUArchitecture]; ok {
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${attr.cpu.arch}", Value: arch})
	}
	system := "linux"
	switch family := t.RuntimePlatform.OperatingSystemFamily; {
	case family == "":
		return
	case strings.HasPrefix(family, "WINDOWS"):
		system = "windows"
	}
	g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${attr.kernel.name}", Value: system})
}

// essential makes the first essential container the one that all others end
// with.
func essential(g *outline.Group, t taskDefinition) {
	if len(t.ContainerDefinitions) < 2 {
		return
	}
	var others []string
	leader := ""
	for i, c := range t.ContainerDefinitions {
		task := g.Tasks[i]
		switch {
		case task.Hook != "":
		case c.Essential != nil && !*c.Essential:
			task.Check("it may end while the others go on; here it is started again, and ends them when it fails for good")
		case leader == "":
			task.Leader, leader = true, task.Name
		default:
			others = append(others, task.Name)
		}
	}
	if len(others) > 0 {
		g.Check("%s ended all others when they ended, as does only %s here", strings.Join(others, ", "), leader)
	}
}

// order makes prestart tasks of containers that others wait for until they
// are done.
func order(g *outline.Group, t taskDefinition) {
	for i, c := range t.ContainerDefinitions {
		for _, d := range c.DependsOn {
			for k, other := range t.ContainerDefinitions {
				switch {
				case other.Name != d.ContainerName || k == i:
				case d.Condition == "SUCCESS" || d.Condition == "COMPLETE":
					g.Tasks[k].Hook = "prestart"
				case other.Essential != nil && !*other.Essential:
					g.Tasks[k].Hook, g.Tasks[k].Sidecar = "prestart", true
					if d.Condition == "HEALTHY" {
						g.Tasks[i].Check("it starts when %s runs, which may be before it is healthy", d.ContainerName)
					}
				default:
					g.Tasks[i].Lost("waiting for %s (%s): both start at the same time", d.ContainerName, d.Condition)
				}
			}
		}
	}
	mains := 0
	for _, task := range g.Tasks {
		if task.Hook == "" {
			mains++
		}
	}
	if mains == 0 && len(g.Tasks) > 0 {
		g.Tasks[0].Hook, g.Tasks[0].Sidecar = "", false
	}
}

// share gives what the task has left to those containers that say nothing of
// their own, as is usual on Fargate.
func share(g *outline.Group, t taskDefinition) {
	cpu, memory := outline.Cores(units(t.CPU)/1024), outline.Bytes(units(t.Memory)*(1<<20))
	cpus, memories := 0, 0 // how many share
	for _, task := range g.Tasks {
		cpu, memory = cpu-task.CPU, memory-task.MemoryMB
		if task.CPU == 0 {
			cpus++
		}
		if task.MemoryMB == 0 {
			memories++
		}
	}
	for _, task := range g.Tasks {
		shared := false
		if task.CPU == 0 && cpu >= cpus {
			task.CPU, shared = cpu/cpus, true
		}
		if task.MemoryMB == 0 && memory/max(memories, 1) >= memoryMin {
			task.MemoryMB, shared = memory/memories, true
		}
		if shared && len(g.Tasks) > 1 {
			task.Check("what the others left of the size of the whole task was shared out evenly")
		}
	}
}

// memoryMin is the least memory that a task can have, in MB.
const memoryMin = 10

// units reads 256, "256", "1 vCPU" or "2 GB".
func units(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case string:
		var n float64
		var unit string
		if _, err := fmt.Sscan(v, &n, &unit); err == nil && (strings.EqualFold(unit, "vcpu") || strings.EqualFold(unit, "gb")) {
			return n * 1024
		}
		if _, err := fmt.Sscan(v, &n); err == nil {
			return n
		}
	}
	return 0
}

func of(j *outline.Job, g *outline.Group, s *service) {
	if s.SchedulingStrategy == "DAEMON" {
		j.Type = outline.System
	}
	if s.DesiredCount != nil {
		g.Count = min(max(*s.DesiredCount, 0), countMax)
	}
	for _, lb := range s.LoadBalancers {
		if p := g.PortLabel("", lb.ContainerPort); p != nil {
			g.Expose(j.Name, p).Lost("the load balancer in front of port %d: a proxy that reads the catalogue can take its place", lb.ContainerPort)
		}
	}
	g.Update = update(s, g.Count)
	place(g, s.PlacementConstraints)
	for _, p := range s.PlacementStrategy {
		switch {
		case p.Type == "spread" && strings.Contains(p.Field, "availability-zone"):
			g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${attr.platform.aws.placement.availability-zone}", Spread: true})
		case p.Type == "spread" && strings.EqualFold(p.Field, "instanceId"):
			g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${node.unique.id}", Spread: true})
		default:
			g.Lost("the placement strategy %s %s", p.Type, p.Field)
		}
	}
}

// update follows how many tasks may be missing or too many meanwhile, in percent.
func update(s *service, count int) *outline.Update {
	d := s.DeploymentConfiguration
	if d == nil {
		return nil
	}
	u := &outline.Update{MaxParallel: 1}
	if c := d.DeploymentCircuitBreaker; c != nil && c.Enable {
		u.AutoRevert = c.Rollback
		if !c.Rollback {
			u.Check("the circuit breaker stopped a deployment that failed, as every deployment here does at its progress_deadline")
		}
	}
	least, most := 100, 200 // what ECS takes when nothing is said
	if d.MinimumHealthyPercent != nil {
		least = min(max(*d.MinimumHealthyPercent, 0), 100)
	}
	if d.MaximumPercent != nil {
		most = min(max(*d.MaximumPercent, 100), 200)
	}
	switch {
	case s.SchedulingStrategy == "DAEMON":
	case least < 100:
		u.MaxParallel = max(1, count*(100-least)/100)
	case most > 100 && (d.MinimumHealthyPercent != nil || d.MaximumPercent != nil):
		u.Canary, u.AutoPromote = max(1, count*(most-100)/100), true
		u.MaxParallel = u.Canary
		u.Check("up to %d percent beside %d percent healthy became canaries, which start beside the old allocations", most, least)
	}
	return u
}

// expression is a rule of the cluster query language with one comparison.
var expression = regexp.MustCompile(`^\s*attribute:([\w.-]+)\s*(==|!=|=~)\s*(\S+)\s*$`)

// attributes are what ECS tells of its instances.
var attributes = map[string]string{
	"ecs.instance-type": "${attr.platform.aws.instance-type}", "ecs.availability-zone": "${attr.platform.aws.placement.availability-zone}",
	"ecs.os-type": "${attr.kernel.name}", "ecs.cpu-architecture": "${attr.cpu.arch}", "ecs.ami-id": "${attr.platform.aws.ami-id}",
}

func place(g *outline.Group, list []placement) {
	for _, p := range list {
		m := expression.FindStringSubmatch(p.Expression)
		if p.Type == "distinctInstance" {
			g.Constraints = append(g.Constraints, outline.Constraint{Operator: "distinct_hosts", Value: "true"})
			continue
		}
		if m == nil {
			g.Lost("the placement constraint %s %s: write it as constraint blocks", p.Type, p.Expression)
			continue
		}
		c := outline.Constraint{Attribute: attributes[m[1]], Operator: m[2], Value: m[3]}
		if c.Attribute == "" {
			c.Attribute = "${meta." + outline.Label(m[1], "attribute") + "}"
			c.Check("%s was an attribute of the instances: give it to the nodes as meta", m[1])
		}
		switch m[2] {
		case "==":
			c.Operator = "="
		case "=~":
			c.Operator, c.Value = "regexp", "^"+c.Value+"$"
			if _, err := regexp.Compile(c.Value); err != nil {
				g.Lost("the placement constraint %s %s: its pattern is none here", p.Type, p.Expression)
				continue
			}
		}
		g.Constraints = append(g.Constraints, c)
	}
}

func health(j *outline.Job, g *outline.Group, t *outline.Task, c container) {
	h := c.HealthCheck
	if h == nil || len(h.Command) < 2 {
		return
	}
	health := outline.Health{
		Command: strings.Join(h.Command[1:], " "), Interval: outline.Seconds(h.Interval), Timeout: outline.Seconds(h.Timeout),
		RestartLimit: 3, RestartGrace: outline.Seconds(h.StartPeriod),
	}
	if h.Retries > 0 && h.Retries <= retriesMax {
		health.RestartLimit = h.Retries
	}
	g.CommandHealth(t, j.Name, health)
}
