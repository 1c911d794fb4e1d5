// Package azure reads Azure container groups, as a resource in YAML or inside
// of an ARM template. The types are its own: Azure's client comes with all of
// its SDK. The importer calls it. It speaks to no cloud.
package azure

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

const resourceType = "microsoft.containerinstance/containergroups"

type port struct{ Port, Protocol any }

type probe struct {
	Exec    *struct{ Command []string }
	HTTPGet *struct {
		Path, Port, Scheme any
		HTTPHeaders        []struct{ Name, Value string }
	}
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
			// Reference names a secret that is kept elsewhere.
			Reference any `json:"secureValueReference"`
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
		SecurityContext               struct {
			Privileged            bool
			RunAsUser, RunAsGroup *int64
			Capabilities          struct{ Add, Drop []string }
		}
	}
}

type volume struct {
	Name      string
	AzureFile *struct {
		ShareName string
		ReadOnly  bool
	}
	EmptyDir *struct{}
	Secret   map[string]any
	GitRepo  *struct{ Repository, Directory, Revision string }
	// Reference names a secret that is kept elsewhere.
	Reference map[string]any `json:"secretReference"`
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
		SubnetIDs                []struct{ ID, Name string }
		DNSConfig                struct {
			NameServers            []string
			SearchDomains, Options string
		}
	}
}

//go:embed fields.txt
var fields string

// known are the rules, which never change.
var known = sync.OnceValue(func() source.Rules { return source.MustRules(fields) })

// Read gives a job for each container group.
func Read(body []byte) (jobs []*outline.Job, err error) {
	trees, err := source.Parse(body)
	if err != nil {
		return nil, err
	}
	rules := known()
	for _, t := range trees {
		more, err := document(rules, t)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, more...)
	}
	return jobs, nil
}

func document(rules source.Rules, t *source.Tree) (jobs []*outline.Job, err error) {
	var file struct {
		Resources  []any
		Parameters map[string]struct{ DefaultValue any }
		Variables  map[string]any
	}
	if err := t.Decode(&file); err != nil {
		return nil, err
	}
	list := file.Resources
	if len(list) == 0 {
		list = []any{t.Value}
	}
	values := map[string]any{}
	for name, p := range file.Parameters {
		values["parameters."+strings.ToLower(name)] = p.DefaultValue
	}
	for name, v := range file.Variables {
		values["variables."+strings.ToLower(name)] = v
	}
	resolver := resolver{values: values}
	var others []any
	for i, one := range list {
		resolver.open = map[string]bool{}
		resolved, err := resolver.resolve(one)
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(resolved)
		if err != nil {
			return nil, err
		}
		var head struct{ Type string }
		if json.Unmarshal(raw, &head) != nil || strings.ToLower(head.Type) != resourceType {
			others = append(others, resolved)
			continue
		}
		var g group
		if err := t.DecodeValue(raw, &g); err != nil {
			return nil, fmt.Errorf("resource %d: %w", i, err)
		}
		j := g.job(rules, resolved)
		if names := outline.Keys(resolver.open); len(names) > 0 {
			j.Check("these expressions of the template have no value here: %s", strings.Join(names, ", "))
		}
		jobs = append(jobs, j)
	}
	if len(jobs) > 0 && len(file.Resources) > 0 {
		about(rules, t, jobs[0], others)
	}
	return jobs, nil
}

// about accounts for a template around container groups, at its first job.
func about(rules source.Rules, t *source.Tree, j *outline.Job, others []any) {
	o := rules.Object("template", "", t.Value, &j.Notes)
	o.Source = j.Of
	o.Account()
	for _, one := range others {
		var name, kind any
		if m, ok := one.(map[string]any); ok {
			name, kind = m["name"], m["type"]
		}
		j.Lost("the resource %v of type %v, which is no container group", name, kind)
	}
}

// expression is a reference to a parameter or a variable of a template.
var expression = regexp.MustCompile(`^\[(parameters|variables)\('([^']+)'\)\]$`)

// putInMax bounds the bytes that parameters and variables put into a template:
// a large one could be named in many places.
const putInMax = 4 << 20

// resolver puts the values of parameters and variables in, and collects the
// expressions that it cannot.
type resolver struct {
	values map[string]any
	open   map[string]bool
	putIn  int
}

func (r *resolver) resolve(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			resolved, err := r.resolve(inner)
			if err != nil {
				return nil, err
			}
			out[k] = resolved
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			resolved, err := r.resolve(inner)
			if err != nil {
				return nil, err
			}
			out[i] = resolved
		}
		return out, nil
	case string:
		return r.text(v)
	}
	return v, nil
}

func (r *resolver) text(v string) (any, error) {
	if m := expression.FindStringSubmatch(v); m != nil {
		known := r.values[m[1]+"."+strings.ToLower(m[2])]
		if known == nil {
			r.open[v] = true
			return m[2], nil
		}
		raw, err := json.Marshal(known)
		if err != nil {
			return nil, err
		}
		if r.putIn += len(raw); r.putIn > putInMax {
			return nil, fmt.Errorf("parameters and variables put more than %d MiB into the template; import the resources without them", putInMax>>20)
		}
		return known, nil
	}
	if strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") && !strings.HasPrefix(v, "[[") {
		r.open[v] = true
	}
	return v, nil
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

func (in group) job(rules source.Rules, value any) *outline.Job {
	p := in.Properties
	j := &outline.Job{Name: outline.Name(in.Name, "app"), Type: outline.Service, Meta: map[string]string{}}
	for k, v := range in.Tags {
		j.Meta[outline.Label(k, "tag")] = v
	}
	g := &outline.Group{Name: j.Name, Count: 1}
	j.Groups = []*outline.Group{g}
	object := rules.Object("group", in.Name, value, &j.Notes)
	j.Of, j.Sources = object.Source, []*outline.Source{object.Source}
	switch p.RestartPolicy {
	case "Never":
		j.Type, g.Restart = outline.Batch, &outline.Restart{Mode: "fail"}
	case "OnFailure":
		j.Type = outline.Batch
	}
	if strings.EqualFold(p.OSType, "windows") {
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${attr.kernel.name}", Value: "windows"})
	}
	g.Shared = len(p.Containers) > 1
	for _, s := range p.SubnetIDs {
		g.Lost("the subnet %s: the address is the node's", s.ID+s.Name)
	}
	taken := map[string]bool{}
	for i, c := range p.InitContainers {
		t := in.task(g, c)
		t.Name, t.Hook = outline.Unique(taken, t.Name), "prestart"
		object.Place(&t.Notes, "properties", "initContainers", fmt.Sprint(i))
		g.Tasks = append(g.Tasks, t)
	}
	for i, c := range p.Containers {
		t := in.task(g, c)
		object.Place(&t.Notes, "properties", "containers", fmt.Sprint(i))
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
	object.Account()
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
		if e.SecureValue != nil || e.Reference != nil {
			t.SecretEnv(e.Name, strings.ToLower(e.Name))
			continue
		}
		text := ""
		if e.Value != nil {
			text = fmt.Sprint(e.Value)
		}
		t.PlainEnv(e.Name, text)
	}
	t.HideSecrets()
	t.CPU = outline.Cores(number(p.Resources.Requests.CPU))
	t.MemoryMB = outline.Bytes(number(p.Resources.Requests.MemoryInGB) * (1 << 30))
	t.MemoryMaxMB = outline.Bytes(number(p.Resources.Limits.MemoryInGB) * (1 << 30))
	if gpu := p.Resources.Requests.GPU; gpu != nil && number(gpu.Count) >= 1 {
		t.Devices = []outline.Device{{Name: "nvidia/gpu", Count: int(min(number(gpu.Count), 1024))}}
	}
	in.options(t, c)
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

// options carries what the docker driver knows.
func (in group) options(t *outline.Task, c container) {
	add := func(name string, list []string) {
		if len(list) > 0 {
			t.Attrs = append(t.Attrs, outline.Attr{Name: name, Value: list})
		}
	}
	s, dns := c.Properties.SecurityContext, in.Properties.DNSConfig
	if s.Privileged {
		a := outline.Attr{Name: "privileged", Value: true}
		a.Check("the docker plugin must allow it with allow_privileged")
		t.Attrs = append(t.Attrs, a)
	}
	if s.RunAsUser != nil {
		t.User = fmt.Sprint(*s.RunAsUser)
		if s.RunAsGroup != nil {
			t.User += ":" + fmt.Sprint(*s.RunAsGroup)
		}
	} else if s.RunAsGroup != nil {
		t.Lost("runAsGroup %d without a user", *s.RunAsGroup)
	}
	add("cap_add", s.Capabilities.Add)
	add("cap_drop", s.Capabilities.Drop)
	add("dns_servers", dns.NameServers)
	add("dns_search_domains", strings.Fields(dns.SearchDomains))
	add("dns_options", strings.Fields(dns.Options))
}

func mount(g *outline.Group, t *outline.Task, v volume, target string, readOnly bool) {
	switch {
	case v.AzureFile != nil:
		known := len(g.Volumes)
		out := g.AddVolume(v.Name, v.AzureFile.ShareName)
		if len(g.Volumes) > known {
			out.Check("it was the Azure file share %s: mount it on the nodes as the host volume %s, or use its CSI plugin", v.AzureFile.ShareName, out.Source)
		}
		t.VolumeMounts = append(t.VolumeMounts, &outline.VolumeMount{Volume: out.Name, Target: target, ReadOnly: readOnly || v.AzureFile.ReadOnly})
	case len(v.Secret)+len(v.Reference) > 0:
		for _, k := range append(outline.Keys(v.Secret), outline.Keys(v.Reference)...) {
			t.Templates = append(t.Templates, &outline.Template{Path: strings.TrimSuffix(target, "/") + "/" + k, Secret: outline.Label(v.Name+"_"+k, "item")})
		}
	case v.GitRepo != nil:
		name := outline.Name(v.GitRepo.Directory, outline.Name(v.Name, "source"))
		repository := "git::" + v.GitRepo.Repository
		if v.GitRepo.Revision != "" {
			repository += "?ref=" + v.GitRepo.Revision
		}
		known := len(t.Artifacts)
		if t.Fetch(repository, "local/"+name, true); len(t.Artifacts) > known {
			t.Mounts = append(t.Mounts, &outline.Mount{Type: "bind", Source: "local/" + name, Target: target, ReadOnly: readOnly})
		}
	default:
		t.Mounts = append(t.Mounts, outline.Scratch(v.Name, target, readOnly))
	}
}

func health(g *outline.Group, t *outline.Task, c container) {
	for i, p := range []*probe{c.Properties.LivenessProbe, c.Properties.ReadinessProbe} {
		switch {
		case p == nil:
		case p.HTTPGet != nil:
			check := outline.NewCheck("http", outline.Seconds(p.PeriodSeconds), outline.Seconds(p.TimeoutSeconds))
			check.Path = "/"
			if text, ok := p.HTTPGet.Path.(string); ok {
				check.Path += strings.TrimPrefix(text, "/")
			}
			if text, ok := p.HTTPGet.Scheme.(string); ok && strings.EqualFold(text, "https") {
				check.Protocol = "https"
			}
			for _, h := range p.HTTPGet.HTTPHeaders {
				if check.Headers == nil {
					check.Headers = map[string]string{}
				}
				check.Headers[h.Name] = h.Value
			}
			if i == 0 {
				check.RestartLimit, check.RestartGrace = p.limit(), outline.Seconds(p.InitialDelaySeconds)
			} else if p.InitialDelaySeconds > 0 {
				check.Check("it began after %d seconds; an allocation may take healthy_deadline of the update block to become healthy", p.InitialDelaySeconds)
			}
			known := g.PortLabel("", int(number(p.HTTPGet.Port)))
			if known == nil {
				t.Lost("a probe of the port %v", p.HTTPGet.Port)
				continue
			}
			s := g.Expose(g.Name, known)
			s.Checks = append(s.Checks, check)
		case p.Exec != nil:
			h := outline.Health{Command: strings.Join(p.Exec.Command, " "), Interval: outline.Seconds(p.PeriodSeconds), Timeout: outline.Seconds(p.TimeoutSeconds)}
			if i == 0 {
				h.RestartLimit, h.RestartGrace = p.limit(), outline.Seconds(p.InitialDelaySeconds)
			}
			g.CommandHealth(t, g.Name, h)
		}
	}
}

// limit is how many failures in a row restart a container.
func (p *probe) limit() int {
	if p.FailureThreshold < 1 || p.FailureThreshold > 1000 {
		return 3 // Azure's own
	}
	return p.FailureThreshold
}
