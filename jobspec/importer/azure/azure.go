// Package azure reads Azure container groups, as a resource in YAML or inside
// of an ARM template. The types are its own: Azure's client comes with all of
// its SDK. The importer calls it. It speaks to no cloud.
package azure

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

const resourceType = "microsoft.containerinstance/containergroups"

type port struct{ Port, Protocol any }

type probe struct {
	Exec                          *struct{ Command []string }
	HTTPGet                       *struct{ Path, Port, Scheme any }
	PeriodSeconds, TimeoutSeconds int
	InitialDelaySeconds           int
	FailureThreshold              int
}

type container struct {
	Name       string
	Properties struct {
		Image                string
		Command              []string
		Ports                []port
		EnvironmentVariables []struct {
			Name        string
			Value       any
			SecureValue any
		}
		Resources struct {
			Requests, Limits struct {
				CPU, MemoryInGB any
				GPU             *struct{ Count any }
			}
		}
		VolumeMounts []struct {
			Name, MountPath string
			ReadOnly        bool
		}
		LivenessProbe, ReadinessProbe *probe
	}
}

type volume struct {
	Name      string
	AzureFile *struct{ ShareName string }
	EmptyDir  *struct{}
	Secret    map[string]any
	GitRepo   *struct{ Repository string }
}

type group struct {
	Type, Name string
	Tags       map[string]string
	Properties struct {
		Containers, InitContainers []container
		OSType, RestartPolicy      string
		IPAddress                  *struct {
			Type, DNSNameLabel string
			Ports              []port
		}
		Volumes                  []volume
		ImageRegistryCredentials []struct{ Server, Username string }
		SubnetIDs                []any
	}
}

// Read gives a job for each container group.
func Read(body []byte) (jobs []*outline.Job, err error) {
	var file struct {
		Resources  []any
		Parameters map[string]struct{ DefaultValue any }
		Variables  map[string]any
	}
	if err := yaml.Unmarshal(body, &file); err != nil {
		return nil, err
	}
	var top any
	if err := yaml.Unmarshal(body, &top); err != nil {
		return nil, err
	}
	list := file.Resources
	if len(list) == 0 {
		list = []any{top}
	}
	values := map[string]any{}
	for name, p := range file.Parameters {
		values["parameters."+strings.ToLower(name)] = p.DefaultValue
	}
	for name, v := range file.Variables {
		values["variables."+strings.ToLower(name)] = v
	}
	for i, one := range list {
		open := map[string]bool{}
		raw, err := yaml.Marshal(resolve(one, values, open))
		if err != nil {
			return nil, err
		}
		var head struct{ Type string }
		if yaml.Unmarshal(raw, &head) != nil || strings.ToLower(head.Type) != resourceType {
			continue
		}
		var g group
		if err := yaml.Unmarshal(raw, &g); err != nil {
			return nil, fmt.Errorf("resource %d: %w", i, err)
		}
		j := g.job()
		if names := outline.Keys(open); len(names) > 0 {
			j.Check("these expressions of the template have no value here: %s", strings.Join(names, ", "))
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// expression is a reference to a parameter or a variable of a template.
var expression = regexp.MustCompile(`^\[(parameters|variables)\('([^']+)'\)\]$`)

// resolve puts the values of parameters and variables in, and collects the
// expressions that it cannot.
func resolve(v any, values map[string]any, open map[string]bool) any {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			v[k] = resolve(inner, values, open)
		}
	case []any:
		for i, inner := range v {
			v[i] = resolve(inner, values, open)
		}
	case string:
		m := expression.FindStringSubmatch(v)
		if m != nil {
			if known := values[m[1]+"."+strings.ToLower(m[2])]; known != nil {
				return known
			}
			open[v] = true
			return m[2]
		}
		if strings.HasPrefix(v, "[") && strings.HasSuffix(v, ")]") {
			open[v] = true
		}
	}
	return v
}

// number reads what a template writes as a number or as text.
func number(v any) float64 {
	var n float64
	if v == nil {
		return 0
	}
	if _, err := fmt.Sscan(fmt.Sprint(v), &n); err != nil || n != n || n < 0 || n > 1<<40 {
		return 0
	}
	return n
}

func (in group) job() *outline.Job {
	p := in.Properties
	j := &outline.Job{Name: outline.Name(in.Name, "app"), Type: outline.Service, Meta: map[string]string{}}
	for k, v := range in.Tags {
		j.Meta[outline.Label(k, "tag")] = v
	}
	g := &outline.Group{Name: j.Name, Count: 1}
	j.Groups = []*outline.Group{g}
	switch p.RestartPolicy {
	case "Never":
		j.Type, g.Restart = outline.Batch, &outline.Restart{Mode: "fail"}
	case "OnFailure":
		j.Type = outline.Batch
	}
	if strings.EqualFold(p.OSType, "windows") {
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${attr.kernel.name}", Value: "windows"})
	}
	if len(p.Containers) > 1 {
		g.Mode = "bridge"
		g.Check("the containers share an address; bridge networks need the CNI plugins on the nodes")
	}
	if len(p.SubnetIDs) > 0 {
		g.Lost("the subnets: the address is the node's")
	}
	taken := map[string]bool{}
	for _, c := range p.InitContainers {
		t := in.task(g, c)
		t.Name, t.Hook = outline.Unique(taken, t.Name), "prestart"
		g.Tasks = append(g.Tasks, t)
	}
	for _, c := range p.Containers {
		t := in.task(g, c)
		t.Name = outline.Unique(taken, t.Name)
		for _, one := range c.Properties.Ports {
			if known := g.PortLabel("", int(number(one.Port))); known != nil {
				t.PortLabels = append(t.PortLabels, known.Label)
			}
		}
		g.Tasks = append(g.Tasks, t)
		in.expose(g)
		health(g, t, c)
	}
	return j
}

// expose publishes the ports of the group's address.
func (in group) expose(g *outline.Group) {
	ip := in.Properties.IPAddress
	if ip == nil {
		return
	}
	for _, one := range ip.Ports {
		n := int(number(one.Port))
		for _, known := range g.Ports {
			if known.To == n && known.Static == 0 {
				known.Static = n
				s := g.Expose(g.Name, known)
				if ip.DNSNameLabel != "" {
					s.Lost("the name %s in the DNS: point it at a proxy or at the node", ip.DNSNameLabel)
				}
			}
		}
	}
}

func (in group) task(g *outline.Group, c container) *outline.Task {
	p := c.Properties
	t := &outline.Task{Name: outline.Name(c.Name, "task"), Image: p.Image, Entrypoint: p.Command}
	if t.Image == "" {
		t.Image = "unknown"
		t.Lost("the image, which the file does not name")
	}
	for _, e := range p.EnvironmentVariables {
		if e.SecureValue != nil {
			t.SecretEnv(e.Name, strings.ToLower(e.Name))
			continue
		}
		text := ""
		if e.Value != nil {
			text = fmt.Sprint(e.Value)
		}
		t.PlainEnv(e.Name, text)
	}
	t.NoteSensitive()
	t.CPU = outline.Cores(number(p.Resources.Requests.CPU))
	t.MemoryMB = outline.Bytes(number(p.Resources.Requests.MemoryInGB) * (1 << 30))
	t.MemoryMaxMB = outline.Bytes(number(p.Resources.Limits.MemoryInGB) * (1 << 30))
	if gpu := p.Resources.Requests.GPU; gpu != nil && number(gpu.Count) >= 1 {
		t.Devices = []outline.Device{{Name: "nvidia/gpu", Count: int(min(number(gpu.Count), 1024))}}
	}
	for _, r := range in.Properties.ImageRegistryCredentials {
		if strings.HasPrefix(t.Image, r.Server+"/") && r.Server != "" {
			t.Auth = &outline.Auth{Username: r.Username, Server: r.Server}
		}
	}
	for _, m := range p.VolumeMounts {
		for _, v := range in.Properties.Volumes {
			if v.Name == m.Name {
				mount(g, t, v, m.MountPath, m.ReadOnly)
			}
		}
	}
	return t
}

func mount(g *outline.Group, t *outline.Task, v volume, target string, readOnly bool) {
	switch {
	case v.AzureFile != nil:
		known := len(g.Volumes)
		out := g.AddVolume(v.Name, v.AzureFile.ShareName)
		if len(g.Volumes) > known {
			out.Check("it was the Azure file share %s: mount it on the nodes as the host volume %s, or use its CSI plugin", v.AzureFile.ShareName, out.Source)
		}
		t.VolumeMounts = append(t.VolumeMounts, &outline.VolumeMount{Volume: out.Name, Target: target, ReadOnly: readOnly})
	case len(v.Secret) > 0:
		for _, k := range outline.Keys(v.Secret) {
			t.Templates = append(t.Templates, &outline.Template{Path: strings.TrimSuffix(target, "/") + "/" + k, Secret: outline.Label(v.Name+"_"+k, "item")})
		}
	case v.GitRepo != nil:
		t.Lost("the repository %s at %s: fetch it with an artifact block", v.GitRepo.Repository, target)
	default:
		t.Mounts = append(t.Mounts, &outline.Mount{Type: "volume", Source: "${NOMAD_ALLOC_ID}-" + outline.Name(v.Name, "data"), Target: target, ReadOnly: readOnly, Expr: true})
	}
}

func seconds(n int) time.Duration { return time.Duration(min(max(n, 0), 86400)) * time.Second }

func health(g *outline.Group, t *outline.Task, c container) {
	for i, p := range []*probe{c.Properties.LivenessProbe, c.Properties.ReadinessProbe} {
		switch {
		case p == nil:
		case p.HTTPGet != nil:
			check := outline.NewCheck("http", seconds(p.PeriodSeconds), seconds(p.TimeoutSeconds))
			check.Path = "/"
			if text, ok := p.HTTPGet.Path.(string); ok {
				check.Path += strings.TrimPrefix(text, "/")
			}
			if i == 0 {
				check.RestartLimit, check.RestartGrace = max(p.FailureThreshold, 3), seconds(p.InitialDelaySeconds)
			}
			known := g.PortLabel("", int(number(p.HTTPGet.Port)))
			if known == nil {
				t.Lost("a probe of the port %v", p.HTTPGet.Port)
				continue
			}
			s := g.Expose(g.Name, known)
			s.Checks = append(s.Checks, check)
		case p.Exec != nil:
			g.CommandHealth(t, g.Name, strings.Join(p.Exec.Command, " "), seconds(p.PeriodSeconds), seconds(p.TimeoutSeconds))
		}
	}
}
