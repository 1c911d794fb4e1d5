package marathon

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

func valid(expression string) bool {
	_, err := regexp.Compile(expression)
	return err == nil
}

// plain tells whether an expression matches only itself.
func plain(expression string) bool { return regexp.QuoteMeta(expression) == expression }

func (a app) job(r *reader) *outline.Job {
	j, g, object := a.outline(r, "app")
	if len(a.Dependencies) > 0 {
		j.Lost("the dependencies on %s: jobs start when they are submitted", strings.Join(a.Dependencies, ", "))
	}
	if a.Instances != nil {
		g.Count = min(max(*a.Instances, 0), countMax)
	}
	t := &outline.Task{
		Name: g.Name, User: a.User, Args: a.Args, CPU: outline.Cores(a.CPUs), MemoryMB: outline.Bytes(a.Mem * (1 << 20)),
		MemoryMaxMB: limit(a.ResourceLimits.Mem), KillTimeout: outline.Seconds(a.TaskKillGracePeriodSeconds),
	}
	g.Tasks = []*outline.Task{t}
	if a.Cmd != "" {
		t.Entrypoint, t.Args = []string{"/bin/sh", "-c"}, []string{a.Cmd}
	}
	gpus(t, a.GPUs)
	if a.Disk > 0 && a.Disk < 1<<30 {
		g.DiskMB = max(int(a.Disk), 10)
	}
	g.Restart = backoff(a.BackoffSeconds)
	a.environment(t, a.Env)
	mappings := append([]port{}, a.PortDefinitions...)
	for _, n := range a.Ports {
		mappings = append(mappings, port{Port: n})
	}
	if c := a.Container; c != nil {
		mappings = append(mappings, a.container(g, t, c)...)
	}
	if t.Image == "" {
		t.Check("without an image the program ran on the node itself; nodes must allow the driver raw_exec")
	}
	if a.TTY {
		t.Attrs = append(t.Attrs, outline.Attr{Name: "tty", Value: true})
	}
	a.ports(g, t, mappings)
	t.HideSecrets()
	ports(t)
	for _, u := range a.URIs {
		t.Fetch(u, "local/", true)
	}
	fetched(t, a.Fetch)
	upgraded(a.UpgradeStrategy, g)
	for _, h := range a.HealthChecks {
		h.of(g, t)
	}
	a.labels(j, g)
	object.Account()
	return j
}

// limit is a bound of memory in MB, or "unlimited".
func limit(v any) int {
	n, _ := v.(float64)
	return outline.Bytes(n * (1 << 20))
}

func gpus(t *outline.Task, n float64) {
	if count := int(min(n, 1024)); count > 0 {
		t.Devices = []outline.Device{{Name: "nvidia/gpu", Count: count}}
	}
}

// backoff makes a restart policy of the first delay; instances are started
// again for ever.
func backoff(seconds float64) *outline.Restart {
	if !(seconds >= 1) {
		return nil
	}
	delay := outline.Seconds(int(min(seconds, 3600)))
	const attempts = 3
	return &outline.Restart{Attempts: attempts, Interval: max(5*time.Minute, (attempts+1)*delay), Delay: delay, Mode: "delay"}
}

func (a app) container(g *outline.Group, t *outline.Task, c *container) []port {
	mappings := c.PortMappings
	if d := c.Docker; d != nil {
		t.Image = d.Image
		mappings = append(mappings, d.PortMappings...)
		switch d.Network {
		case "HOST":
			g.Mode = "host"
		case "", "BRIDGE":
		default:
			g.Lost("the network %s: the address of a task is its node's", d.Network)
		}
		if d.ForcePullImage {
			t.Attrs = append(t.Attrs, outline.Attr{Name: "force_pull", Value: true})
		}
		if d.Privileged {
			out := outline.Attr{Name: "privileged", Value: true}
			out.Check("the docker plugin must allow it with allow_privileged")
			t.Attrs = append(t.Attrs, out)
		}
		for _, p := range d.Parameters {
			parameter(t, p.Key, p.Value)
		}
	}
	if t.Image == "" && a.Cmd == "" {
		t.Image = "unknown"
		t.Lost("the image, which the file does not name")
	}
	for _, v := range c.Volumes {
		target := "/" + strings.TrimPrefix(v.ContainerPath, "/")
		name := ""
		switch {
		case v.Persistent != nil:
			name = g.Name + "-" + v.ContainerPath
			persistent(g, t, name, target, v.Mode == "RO", fmt.Sprintf("a persistent volume of %d MB", v.Persistent.Size))
		case v.External != nil:
			persistent(g, t, v.External.Name, target, v.Mode == "RO", "an external volume")
		case v.Secret != "":
			t.Templates = append(t.Templates, &outline.Template{Path: target, Secret: outline.Label(v.Secret, "item")})
		case v.HostPath != "":
			out := &outline.Mount{Type: "bind", Source: v.HostPath, Target: v.ContainerPath, ReadOnly: v.Mode == "RO"}
			out.Check("a path of the node: the docker plugin must allow it with volumes { enabled = true }")
			t.Mounts = append(t.Mounts, out)
		default:
			t.Lost("the volume at %s", v.ContainerPath)
		}
	}
	return mappings
}

func persistent(g *outline.Group, t *outline.Task, name, target string, readOnly bool, was string) {
	known := len(g.Volumes)
	out := g.AddVolume(name, name)
	if len(g.Volumes) > known {
		out.Check("it was %s: the nodes must have the host volume %s", was, out.Source)
	}
	t.VolumeMounts = append(t.VolumeMounts, &outline.VolumeMount{Volume: out.Name, Target: target, ReadOnly: readOnly})
}

// options are parameters of docker that its driver has as well.
var (
	options = map[string]string{"hostname": "hostname", "ipc": "ipc_mode", "pid": "pid_mode", "runtime": "runtime", "userns": "userns_mode"}
	lists   = map[string]string{
		"cap-add": "cap_add", "cap-drop": "cap_drop", "dns": "dns_servers", "dns-search": "dns_search_domains",
		"add-host": "extra_hosts", "security-opt": "security_opt", "group-add": "group_add",
	}
)

func parameter(t *outline.Task, key, value string) {
	name, rest, _ := strings.Cut(value, "=")
	switch {
	case options[key] != "":
		t.Attrs = append(t.Attrs, outline.Attr{Name: options[key], Value: value})
	case lists[key] != "":
		for i := range t.Attrs {
			if list, ok := t.Attrs[i].Value.([]string); ok && t.Attrs[i].Name == lists[key] {
				t.Attrs[i].Value = append(list, value)
				return
			}
		}
		t.Attrs = append(t.Attrs, outline.Attr{Name: lists[key], Value: []string{value}})
	case key == "user":
		t.User = value
	case key == "env" && name != "":
		t.PlainEnv(name, rest)
	case key == "label":
		if t.Labels == nil {
			t.Labels = map[string]string{}
		}
		t.Labels[name] = rest
	default:
		t.Lost("the docker parameter --%s: look for its name in the configuration of the docker driver", key)
	}
}

func (a app) ports(g *outline.Group, t *outline.Task, mappings []port) {
	for i, m := range mappings {
		p := g.PortLabel(m.Name, m.ContainerPort)
		if p == nil { // a port that the scheduler chooses, for the program too
			p = &outline.Port{Label: outline.Label(m.Name, fmt.Sprintf("port%d", i))}
			for _, other := range g.Ports {
				if other.Label == p.Label {
					p.Label = fmt.Sprintf("port%d_%d", i, i)
				}
			}
			g.Ports = append(g.Ports, p)
		}
		switch {
		case m.HostPort > 0 && m.HostPort <= 65535:
			p.Static = m.HostPort
		case a.RequirePorts && m.Port > 0 && m.Port <= 65535:
			p.Static = m.Port
		}
		if served := max(m.ServicePort, m.Port); served > 0 && p.Static != served {
			p.Lost("the service port %d of the load balancer: a proxy that reads the catalogue can take its place", served)
		}
		if t.Image != "" {
			t.PortLabels = append(t.PortLabels, p.Label)
		}
		e := t.PlainEnv(fmt.Sprintf("PORT%d", i), "${NOMAD_PORT_"+p.Label+"}")
		e.Expr = true
		g.Expose(g.Name, p)
	}
}

// of carries a health check of an app over. Marathon counts ports from 0.
func (h healthCheck) of(g *outline.Group, t *outline.Task) {
	if h.Command != nil || h.Protocol == "COMMAND" {
		command := ""
		if h.Command != nil {
			command = h.Command.Value
		}
		g.CommandHealth(t, g.Name, h.health(command))
		return
	}
	index := 0
	if h.PortIndex != nil {
		index = *h.PortIndex
	}
	var p *outline.Port
	switch {
	case h.Port != nil:
		p = g.PortLabel("", *h.Port)
	case index >= 0 && index < len(g.Ports):
		p = g.Ports[index]
	}
	if p == nil {
		t.Lost("a health check of a port that there is not")
		return
	}
	c := h.check("tcp")
	if strings.Contains(h.Protocol, "HTTP") || h.Protocol == "" {
		c.Type, c.Path = "http", "/"+strings.TrimPrefix(h.Path, "/")
		if strings.Contains(h.Protocol, "HTTPS") {
			c.Protocol = "https"
		}
	}
	s := g.Expose(g.Name, p)
	s.Checks = append(s.Checks, c)
}

func (h healthCheck) health(command string) outline.Health {
	out := outline.Health{Command: command, Interval: outline.Seconds(h.IntervalSeconds), Timeout: outline.Seconds(h.TimeoutSeconds), RestartGrace: outline.Seconds(h.GracePeriodSeconds)}
	if out.RestartLimit = min(max(h.MaxConsecutiveFailures, 0), 1000); out.RestartLimit == 0 {
		out.RestartLimit = 3 // Marathon's own
	}
	return out
}

func (h healthCheck) check(kind string) *outline.Check {
	out := h.health("")
	c := outline.NewCheck(kind, out.Interval, out.Timeout)
	c.RestartLimit, c.RestartGrace = out.RestartLimit, out.RestartGrace
	return c
}
