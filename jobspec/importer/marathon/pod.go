package marathon

import (
	"regexp"
	"strings"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

func valid(expression string) bool {
	_, err := regexp.Compile(expression)
	return err == nil
}

func (a app) update(g *outline.Group) {
	u := a.UpgradeStrategy
	if u == nil {
		return
	}
	g.Update = &outline.Update{MaxParallel: 1}
	if u.MinimumHealthCapacity != nil && *u.MinimumHealthCapacity >= 0 && *u.MinimumHealthCapacity <= 1 {
		g.Update.MaxParallel = max(1, int(float64(g.Count)*(1-*u.MinimumHealthCapacity)))
	}
	if u.MaximumOverCapacity != nil && *u.MaximumOverCapacity > 0 {
		g.Update.Check("maximumOverCapacity %g: canaries start beside the old allocations", *u.MaximumOverCapacity)
	}
}

// check carries a health check over. Marathon counts ports from 0.
func check(g *outline.Group, t *outline.Task, h healthCheck) {
	interval, timeout := seconds(h.IntervalSeconds), seconds(h.TimeoutSeconds)
	if h.Command != nil || h.Protocol == "COMMAND" {
		command := ""
		if h.Command != nil {
			command = h.Command.Value
		}
		g.CommandHealth(t, g.Name, command, interval, timeout)
		return
	}
	if h.PortIndex < 0 || h.PortIndex >= len(g.Ports) {
		t.Lost("a health check of the port with the index %d, which there is not", h.PortIndex)
		return
	}
	s := g.Expose(g.Name, g.Ports[h.PortIndex])
	c := outline.NewCheck("tcp", interval, timeout)
	if strings.Contains(h.Protocol, "HTTP") || h.Protocol == "" {
		c.Type, c.Path = "http", "/"+strings.TrimPrefix(h.Path, "/")
		if strings.Contains(h.Protocol, "HTTPS") {
			c.Protocol = "https"
		}
	}
	if h.MaxConsecutiveFailures > 0 {
		c.RestartLimit, c.RestartGrace = h.MaxConsecutiveFailures, seconds(h.GracePeriodSeconds)
	}
	s.Checks = append(s.Checks, c)
}

// pod makes one group with a task for each container.
func (a app) pod() *outline.Job {
	j, g := a.outline()
	if a.Scaling != nil {
		g.Count = min(max(a.Scaling.Instances, 0), countMax)
	}
	if len(a.Containers) > 1 {
		g.Mode = "bridge"
		g.Check("the containers share an address; bridge networks need the CNI plugins on the nodes")
	}
	taken := map[string]bool{}
	for _, c := range a.Containers {
		t := &outline.Task{
			Name: outline.Unique(taken, outline.Name(c.Name, "task")), CPU: outline.Cores(c.Resources.CPUs),
			MemoryMB: outline.Bytes(c.Resources.Mem * (1 << 20)),
		}
		if c.Image != nil {
			t.Image = c.Image.ID
		}
		if c.Exec != nil {
			t.Entrypoint, t.Args = []string{"/bin/sh", "-c"}, []string{c.Exec.Command.Shell}
		}
		a.environment(t, a.Environment)
		a.environment(t, c.Environment)
		g.Tasks = append(g.Tasks, t)
		for _, e := range c.Endpoints {
			p := g.PortLabel(e.Name, e.ContainerPort)
			if p == nil {
				g.Lost("the endpoint %s without a port of the container", e.Name)
				continue
			}
			if e.HostPort > 0 && e.HostPort <= 65535 {
				p.Static = e.HostPort
			}
			t.PortLabels = append(t.PortLabels, p.Label)
			s := g.Expose(g.Name, p)
			if h := c.HealthCheck; h != nil && h.HTTP != nil && h.HTTP.Endpoint == e.Name {
				check := outline.NewCheck("http", 0, 0)
				check.Path = "/" + strings.TrimPrefix(h.HTTP.Path, "/")
				s.Checks = append(s.Checks, check)
			}
		}
	}
	return j
}
