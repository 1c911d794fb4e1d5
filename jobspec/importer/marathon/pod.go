package marathon

import (
	"fmt"
	"strings"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// job makes one group with a task for each container.
func (p pod) job(r *reader) *outline.Job {
	j, g, object := p.outline(r, "pod")
	if p.Scaling != nil {
		g.Count = min(max(p.Scaling.Instances, 0), countMax)
	}
	for _, c := range p.Scheduling.Placement.Constraints {
		rule := []string{c.FieldName, c.Operator}
		if c.Value != "" {
			rule = append(rule, c.Value)
		}
		constraint(g, rule)
	}
	roles(g, p.Scheduling.Placement.AcceptedResourceRoles)
	g.Restart = backoff(p.Scheduling.Backoff.Backoff)
	g.Shared = len(p.Containers) > 1
	taken := map[string]bool{}
	for i, c := range p.Containers {
		t := p.task(g, c)
		t.Name = outline.Unique(taken, t.Name)
		g.Tasks = append(g.Tasks, t)
		object.Place(&t.Notes, "containers", fmt.Sprint(i))
	}
	upgraded(p.Scheduling.Upgrade, g)
	p.labels(j, g)
	object.Account()
	return j
}

func (p pod) task(g *outline.Group, c podContainer) *outline.Task {
	t := &outline.Task{
		Name: outline.Name(c.Name, "task"), User: c.User, CPU: outline.Cores(c.Resources.CPUs), Labels: c.Labels,
		MemoryMB: outline.Bytes(c.Resources.Mem * (1 << 20)), MemoryMaxMB: limit(c.ResourceLimits.Mem),
		KillTimeout: outline.Seconds(int(min(max(c.Lifecycle.KillGracePeriodSeconds, 0), 86400))),
	}
	if t.User == "" {
		t.User = p.User
	}
	if c.Image != nil {
		t.Image = c.Image.ID
		if c.Image.ForcePull {
			t.Attrs = append(t.Attrs, outline.Attr{Name: "force_pull", Value: true})
		}
	}
	if t.Image == "" {
		t.Check("without an image the program ran on the node itself; nodes must allow the driver raw_exec")
	}
	if c.TTY {
		t.Attrs = append(t.Attrs, outline.Attr{Name: "tty", Value: true})
	}
	if c.Exec != nil {
		t.Entrypoint, t.Args = []string{"/bin/sh", "-c"}, []string{c.Exec.Command.Shell}
		if len(c.Exec.Command.Argv) > 0 {
			t.Entrypoint, t.Args = c.Exec.Command.Argv[:1], c.Exec.Command.Argv[1:]
		}
	}
	gpus(t, c.Resources.GPUs)
	if disk := c.Resources.Disk; disk > 0 && disk < 1<<30 {
		g.DiskMB += max(int(disk), 10)
	}
	p.environment(t, p.Environment)
	p.environment(t, c.Environment)
	t.HideSecrets()
	fetched(t, c.Artifacts)
	p.endpoints(g, t, c)
	p.mounts(g, t, c)
	return t
}

func (p pod) endpoints(g *outline.Group, t *outline.Task, c podContainer) {
	checked := false
	for _, e := range c.Endpoints {
		port := g.PortLabel(e.Name, e.ContainerPort)
		if port == nil {
			g.Lost("the endpoint %s without a port of the container", e.Name)
			continue
		}
		if e.HostPort > 0 && e.HostPort <= 65535 {
			port.Static = e.HostPort
		}
		t.PortLabels = append(t.PortLabels, port.Label)
		s := g.Expose(g.Name, port)
		if h := c.HealthCheck; h != nil {
			if check := h.endpoint(e.Name); check != nil {
				s.Checks = append(s.Checks, check)
				checked = true
			}
		}
	}
	switch h := c.HealthCheck; {
	case h == nil || checked:
	case h.Exec != nil:
		command := h.Exec.Command.Shell
		if command == "" {
			command = strings.Join(h.Exec.Command.Argv, " ")
		}
		g.CommandHealth(t, g.Name, h.health(command))
	default:
		t.Lost("the health check of an endpoint that there is not")
	}
}

// endpoint is the check of an endpoint, nil when it is not the one.
func (h healthCheck) endpoint(name string) *outline.Check {
	switch {
	case h.HTTP != nil && h.HTTP.Endpoint == name:
		c := h.check("http")
		c.Path = "/" + strings.TrimPrefix(h.HTTP.Path, "/")
		if strings.EqualFold(h.HTTP.Scheme, "https") {
			c.Protocol = "https"
		}
		return c
	case h.TCP != nil && h.TCP.Endpoint == name:
		return h.check("tcp")
	}
	return nil
}

func (p pod) mounts(g *outline.Group, t *outline.Task, c podContainer) {
	for _, m := range c.VolumeMounts {
		var of *podVolume
		for i := range p.Volumes {
			if p.Volumes[i].Name == m.Name {
				of = &p.Volumes[i]
			}
		}
		target := "/" + strings.TrimPrefix(m.MountPath, "/")
		switch {
		case of == nil:
			t.Lost("the volume %s at %s, which the pod does not have", m.Name, m.MountPath)
		case of.Persistent != nil:
			persistent(g, t, g.Name+"-"+m.Name, target, m.ReadOnly, fmt.Sprintf("a persistent volume of %d MB", of.Persistent.Size))
		case of.Secret != "":
			t.Templates = append(t.Templates, &outline.Template{Path: target, Secret: outline.Label(of.Secret, "item")})
		case of.Host != "":
			out := &outline.Mount{Type: "bind", Source: of.Host, Target: target, ReadOnly: m.ReadOnly}
			out.Check("a path of the node: the docker plugin must allow it with volumes { enabled = true }")
			t.Mounts = append(t.Mounts, out)
		default:
			t.Mounts = append(t.Mounts, outline.Scratch(m.Name, target, m.ReadOnly))
		}
	}
}
