// Package ecs reads Amazon ECS task definitions and services, as JSON or YAML,
// in the form that the register and describe commands have. The types are its
// own: those of Amazon's client carry no names of JSON members. The importer
// calls it. It speaks to no cloud.
package ecs

import (
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// countMax bounds what a service can ask for.
const countMax = 100000

type pair struct{ Name, Value, ValueFrom string }

type container struct {
	Name, Image, User, WorkingDirectory, Hostname string
	CPU                                           float64
	Memory, MemoryReservation                     float64
	Essential                                     *bool
	EntryPoint, Command                           []string
	PortMappings                                  []struct {
		ContainerPort, HostPort int
		Name                    string
	}
	Environment, Secrets []pair
	EnvironmentFiles     []pair
	MountPoints          []struct {
		SourceVolume, ContainerPath string
		ReadOnly                    bool
	}
	DependsOn              []struct{ ContainerName, Condition string }
	Links                  []string
	StopTimeout            int
	Privileged             bool
	ReadonlyRootFilesystem bool
	PseudoTerminal         bool
	DockerLabels           map[string]string
	Ulimits                []struct {
		Name                 string
		SoftLimit, HardLimit int
	}
	LinuxParameters *struct {
		InitProcessEnabled bool
		SharedMemorySize   int
		Capabilities       *struct{ Add, Drop []string }
	}
	HealthCheck *struct {
		Command           []string
		Interval, Timeout int
	}
	ResourceRequirements  []struct{ Type, Value string }
	RepositoryCredentials *struct{ CredentialsParameter string }
	LogConfiguration      *struct{ LogDriver string }
}

type taskDefinition struct {
	Family, NetworkMode, TaskRoleArn string
	// CPU and Memory are numbers or text, for the whole task.
	CPU, Memory             any
	RequiresCompatibilities []string
	ContainerDefinitions    []container
	Volumes                 []volume
	PlacementConstraints    []struct{ Type, Expression string }
	EphemeralStorage        *struct{ SizeInGiB int }
	RuntimePlatform         *struct{ CPUArchitecture string }
}

type volume struct {
	Name string
	Host *struct{ SourcePath string }
	EFS  *struct{ FileSystemID string } `json:"efsVolumeConfiguration"`
}

type service struct {
	ServiceName, TaskDefinition, SchedulingStrategy string
	DesiredCount                                    *int
	LoadBalancers                                   []struct {
		ContainerName string
		ContainerPort int
	}
	DeploymentConfiguration *struct {
		DeploymentCircuitBreaker *struct{ Enable, Rollback bool }
	}
	PlacementStrategy []struct{ Type, Field string }
}

// Reader collects task definitions and services, of one file or of many.
type Reader struct {
	tasks    []taskDefinition
	services []service
}

// Add reads a file.
func (r *Reader) Add(body []byte) error {
	var file struct {
		taskDefinition `json:",inline"`
		Wrapped        any `json:"taskDefinition"`
		Services       []service
		ServiceName    string
	}
	if err := yaml.Unmarshal(body, &file); err != nil {
		return err
	}
	switch wrapped := file.Wrapped.(type) {
	case map[string]any:
		again, err := yaml.Marshal(wrapped)
		if err != nil {
			return err
		}
		var t taskDefinition
		if err := yaml.Unmarshal(again, &t); err != nil {
			return err
		}
		r.tasks = append(r.tasks, t)
	case string:
		var s service
		if err := yaml.Unmarshal(body, &s); err != nil {
			return err
		}
		r.services = append(r.services, s)
	}
	if len(file.ContainerDefinitions) > 0 {
		r.tasks = append(r.tasks, file.taskDefinition)
	}
	r.services = append(r.services, file.Services...)
	return nil
}

// Jobs gives a job for each service and for each task definition that no
// service runs.
func (r *Reader) Jobs() (jobs []*outline.Job, problems []error) {
	used := map[string]bool{}
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
	switch {
	case t.NetworkMode == "host":
		g.Mode = "host"
	case t.NetworkMode == "awsvpc" && len(t.ContainerDefinitions) > 1:
		g.Mode = "bridge"
		g.Check("the containers share an address; bridge networks need the CNI plugins on the nodes")
	}
	if t.TaskRoleArn != "" {
		j.Lost("the role %s: a task has a workload identity, which AWS can trust as an OIDC provider", t.TaskRoleArn)
	}
	if t.RuntimePlatform != nil && t.RuntimePlatform.CPUArchitecture == "ARM64" {
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${attr.cpu.arch}", Value: "arm64"})
	}
	for _, c := range t.PlacementConstraints {
		g.Lost("the placement constraint %s %s", c.Type, c.Expression)
	}
	if t.EphemeralStorage != nil && t.EphemeralStorage.SizeInGiB > 0 && t.EphemeralStorage.SizeInGiB < 10000 {
		g.DiskMB = t.EphemeralStorage.SizeInGiB << 10
	}
	hosts := map[string]outline.Target{}
	taken := map[string]bool{}
	for i, c := range t.ContainerDefinitions {
		task := r.task(t, g, c)
		task.Name = outline.Unique(taken, task.Name)
		if i == 0 && s == nil && c.Essential != nil && len(t.ContainerDefinitions) > 1 {
			task.Leader = *c.Essential
		}
		g.Tasks = append(g.Tasks, task)
		hosts[c.Name] = outline.Target{Group: g, Service: j.Name}
	}
	order(g, t)
	share(g, t)
	if s != nil {
		j.Name = outline.Name(s.ServiceName, j.Name)
		of(j, g, s)
	} else {
		j.Check("no service says how many of this task are to run; set type = \"batch\" when it runs to completion")
	}
	for i, c := range t.ContainerDefinitions {
		health(j, g, g.Tasks[i], c)
	}
	if g.Mode == "bridge" {
		outline.Link([]*outline.Job{j}, hosts)
	}
	return j
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

// share gives the size of the task to its container, which has none of its own
// as a rule on Fargate.
func share(g *outline.Group, t taskDefinition) {
	cpu, memory := units(t.CPU), units(t.Memory)
	n := 0
	for _, task := range g.Tasks {
		if task.CPU == 0 && task.MemoryMB == 0 {
			n++
		}
	}
	for _, task := range g.Tasks {
		if task.CPU == 0 && task.MemoryMB == 0 && n > 0 {
			task.CPU = outline.Cores(cpu / 1024 / float64(n))
			task.MemoryMB = outline.Bytes(memory * (1 << 20) / float64(n))
			if n > 1 && (cpu > 0 || memory > 0) {
				task.Check("the size of the whole task was shared out evenly")
			}
		}
	}
}

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
	if d := s.DeploymentConfiguration; d != nil && d.DeploymentCircuitBreaker != nil {
		g.Update = &outline.Update{MaxParallel: 1, AutoRevert: d.DeploymentCircuitBreaker.Rollback}
	}
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

// seconds bounds a number of seconds to a day.
func seconds(n int) time.Duration { return time.Duration(min(max(n, 0), 86400)) * time.Second }

func health(j *outline.Job, g *outline.Group, t *outline.Task, c container) {
	if c.HealthCheck == nil || len(c.HealthCheck.Command) < 2 {
		return
	}
	g.CommandHealth(t, j.Name, strings.Join(c.HealthCheck.Command[1:], " "), seconds(c.HealthCheck.Interval), seconds(c.HealthCheck.Timeout))
}
