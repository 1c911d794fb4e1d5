// Package marathon reads the apps, groups of apps and pods of Marathon, as JSON
// or YAML. The types are its own: the client of Marathon is no longer kept. The
// importer calls it.
package marathon

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

const (
	countMax = 100000 // instances that an app can ask for
	depthMax = 32     // groups within groups
)

type port struct {
	ContainerPort, HostPort, Port int
	Name                          string
}

type healthCheck struct {
	Protocol, Path                  string
	PortIndex, Port                 int
	IntervalSeconds, TimeoutSeconds int
	GracePeriodSeconds              int
	MaxConsecutiveFailures          int
	Command                         *struct{ Value string }
}

type app struct {
	ID, Cmd, User              string
	Args                       []string
	CPUs, Mem, Disk, GPUs      float64
	Instances                  *int
	Env                        map[string]any
	Secrets                    map[string]struct{ Source string }
	Labels                     map[string]string
	Constraints                [][]string
	Dependencies               []string
	URIs                       []string
	Fetch                      []struct{ URI string }
	Ports                      []int
	PortDefinitions            []port
	HealthChecks               []healthCheck
	TaskKillGracePeriodSeconds int
	AcceptedResourceRoles      []string
	Networks                   []struct{ Mode, Name string }
	UpgradeStrategy            *struct{ MinimumHealthCapacity, MaximumOverCapacity *float64 }
	Container                  *container
	// Apps and Groups are those of a group.
	Apps   []app
	Groups []app
	// Containers, Environment and Scaling are those of a pod.
	Containers  []podContainer
	Environment map[string]any
	Scaling     *struct{ Instances int }
}

type container struct {
	Docker *struct {
		Image, Network             string
		ForcePullImage, Privileged bool
		PortMappings               []port
		Parameters                 []struct{ Key, Value string }
	}
	PortMappings []port
	Volumes      []struct {
		ContainerPath, HostPath, Mode string
		Persistent                    *struct{ Size int }
	}
}

type podContainer struct {
	Name        string
	Image       *struct{ ID string }
	Exec        *struct{ Command struct{ Shell string } }
	Resources   struct{ CPUs, Mem float64 }
	Endpoints   []port
	Environment map[string]any
	HealthCheck *struct {
		HTTP *struct{ Endpoint, Path string }
	}
}

// Read gives a job for each app and pod of a file.
func Read(body []byte) ([]*outline.Job, error) {
	raw, err := yaml.YAMLToJSON(body)
	if err != nil {
		return nil, err
	}
	var all []app
	if strings.HasPrefix(strings.TrimSpace(string(raw)), "[") {
		err = json.Unmarshal(raw, &all)
	} else {
		var one app
		err = json.Unmarshal(raw, &one)
		all = []app{one}
	}
	if err != nil {
		return nil, err
	}
	return collect(all, "", 0)
}

func collect(all []app, prefix string, depth int) (jobs []*outline.Job, err error) {
	if depth > depthMax {
		return nil, fmt.Errorf("groups lie more than %d deep in each other", depthMax)
	}
	for _, a := range all {
		if !strings.HasPrefix(a.ID, "/") {
			a.ID = prefix + "/" + a.ID
		}
		for _, members := range [][]app{a.Apps, a.Groups} {
			more, err := collect(members, strings.TrimSuffix(a.ID, "/"), depth+1)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, more...)
		}
		switch {
		case len(a.Containers) > 0:
			jobs = append(jobs, a.pod())
		case a.Cmd != "" || len(a.Args) > 0 || a.Container != nil:
			jobs = append(jobs, a.job())
		}
	}
	return jobs, nil
}

func (a app) outline() (*outline.Job, *outline.Group) {
	name := outline.Name(strings.Trim(a.ID, "/"), "app")
	j := &outline.Job{Name: name, Type: outline.Service, Meta: map[string]string{}}
	g := &outline.Group{Name: name, Count: 1}
	j.Groups = []*outline.Group{g}
	for _, c := range a.Constraints {
		constraint(g, c)
	}
	if len(a.Dependencies) > 0 {
		j.Lost("the dependencies on %s: jobs start when they are submitted", strings.Join(a.Dependencies, ", "))
	}
	if len(a.AcceptedResourceRoles) > 0 {
		g.Lost("acceptedResourceRoles %s: node pools keep groups of nodes apart", strings.Join(a.AcceptedResourceRoles, ", "))
	}
	return j, g
}

func (a app) job() *outline.Job {
	j, g := a.outline()
	if a.Instances != nil {
		g.Count = min(max(*a.Instances, 0), countMax)
	}
	t := &outline.Task{
		Name: g.Name, User: a.User, Args: a.Args, CPU: outline.Cores(a.CPUs), MemoryMB: outline.Bytes(a.Mem * (1 << 20)),
		KillTimeout: seconds(a.TaskKillGracePeriodSeconds),
	}
	g.Tasks = []*outline.Task{t}
	if a.Cmd != "" {
		t.Entrypoint, t.Args = []string{"/bin/sh", "-c"}, []string{a.Cmd}
	}
	if n := int(min(a.GPUs, 1024)); n > 0 {
		t.Devices = []outline.Device{{Name: "nvidia/gpu", Count: n}}
	}
	if a.Disk > 0 && a.Disk < 1<<30 {
		g.DiskMB = max(int(a.Disk), 10)
	}
	a.environment(t, a.Env)
	mappings := append([]port{}, a.PortDefinitions...)
	for _, n := range a.Ports {
		mappings = append(mappings, port{Port: n})
	}
	if c := a.Container; c != nil {
		mappings = append(mappings, a.container(g, t, c)...)
	}
	a.ports(g, t, mappings)
	for _, u := range a.URIs {
		t.Lost("fetching %s: give it as an artifact block", u)
	}
	for _, f := range a.Fetch {
		t.Lost("fetching %s: give it as an artifact block", f.URI)
	}
	a.update(g)
	for _, h := range a.HealthChecks {
		check(g, t, h)
	}
	for _, k := range outline.Keys(a.Labels) {
		if strings.HasPrefix(k, "HAPROXY_") || strings.HasPrefix(k, "traefik.") {
			if len(g.Services) > 0 {
				g.Services[0].Tags = append(g.Services[0].Tags, k+"="+a.Labels[k])
				continue
			}
		}
		j.Meta[outline.Label(k, "label")] = a.Labels[k]
	}
	return j
}

func seconds(n int) time.Duration { return time.Duration(min(max(n, 0), 86400)) * time.Second }

func (a app) environment(t *outline.Task, env map[string]any) {
	for _, name := range outline.Keys(env) {
		switch v := env[name].(type) {
		case map[string]any:
			key := fmt.Sprint(v["secret"])
			t.SecretEnv(name, key).Check("%s was the secret %s", name, a.Secrets[key].Source)
		case nil:
			t.PlainEnv(name, "")
		default:
			t.PlainEnv(name, fmt.Sprint(v))
		}
	}
	t.NoteSensitive()
	for i, text := range append(append([]string{}, t.Entrypoint...), t.Args...) {
		if strings.Contains(text, "$PORT") && i >= 0 {
			t.Check("$PORT0 and so on are NOMAD_PORT_<label> here")
			break
		}
	}
}

func (a app) container(g *outline.Group, t *outline.Task, c *container) []port {
	mappings := c.PortMappings
	if d := c.Docker; d != nil {
		t.Image = d.Image
		mappings = append(mappings, d.PortMappings...)
		if d.Network == "HOST" {
			g.Mode = "host"
		}
		if d.ForcePullImage {
			t.Attrs = append(t.Attrs, outline.Attr{Name: "force_pull", Value: true})
		}
		if d.Privileged {
			t.Attrs = append(t.Attrs, outline.Attr{Name: "privileged", Value: true})
		}
		for _, p := range d.Parameters {
			t.Lost("the docker parameter --%s %s: look for its name in the configuration of the docker driver", p.Key, p.Value)
		}
	}
	if t.Image == "" && a.Cmd == "" {
		t.Image = "unknown"
		t.Lost("the image, which the file does not name")
	}
	for _, v := range c.Volumes {
		switch {
		case v.Persistent != nil:
			out := g.AddVolume(v.ContainerPath, g.Name+"-"+v.ContainerPath)
			out.Check("it was a persistent volume of %d MB: make a host volume %s", v.Persistent.Size, out.Source)
			t.VolumeMounts = append(t.VolumeMounts, &outline.VolumeMount{Volume: out.Name, Target: "/" + strings.TrimPrefix(v.ContainerPath, "/"), ReadOnly: v.Mode == "RO"})
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

func (a app) ports(g *outline.Group, t *outline.Task, mappings []port) {
	for i, m := range mappings {
		to := m.ContainerPort
		p := g.PortLabel(m.Name, to)
		if p == nil { // a port that the scheduler chooses, for the program too
			p = &outline.Port{Label: outline.Label(m.Name, fmt.Sprintf("port%d", i))}
			for _, other := range g.Ports {
				if other.Label == p.Label {
					p.Label = fmt.Sprintf("port%d_%d", i, i)
				}
			}
			g.Ports = append(g.Ports, p)
		}
		if m.HostPort > 0 && m.HostPort <= 65535 {
			p.Static = m.HostPort
		}
		if t.Image != "" {
			t.PortLabels = append(t.PortLabels, p.Label)
		}
		e := t.PlainEnv(fmt.Sprintf("PORT%d", i), "${NOMAD_PORT_"+p.Label+"}")
		e.Expr = true
		g.Expose(g.Name, p)
	}
}

func constraint(g *outline.Group, c []string) {
	if len(c) < 2 {
		return
	}
	attr := "${meta." + outline.Label(c[0], "attribute") + "}"
	if c[0] == "hostname" || c[0] == "@hostname" {
		attr = "${attr.unique.hostname}"
	}
	value := strings.Join(c[2:], ":")
	switch {
	case c[1] == "UNIQUE" && strings.HasSuffix(c[0], "hostname"):
		g.Constraints = append(g.Constraints, outline.Constraint{Operator: "distinct_hosts", Value: "true"})
	case c[1] == "UNIQUE":
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: attr, Operator: "distinct_property", Value: "1"})
	case (c[1] == "CLUSTER" || c[1] == "IS") && value != "":
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: attr, Value: value})
	case c[1] == "LIKE" && value != "" && valid(value):
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: attr, Operator: "regexp", Value: "^(" + value + ")$"})
	case c[1] == "GROUP_BY":
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: attr, Spread: true})
	case c[1] == "MAX_PER" && value != "":
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: attr, Operator: "distinct_property", Value: value})
	default:
		g.Lost("the constraint %s", strings.Join(c, " "))
	}
}
