// Package cloudfoundry reads the manifests of Cloud Foundry apps. The types are
// its own: the parser of the Cloud Foundry command line comes only with all of
// that command line. The importer calls it.
package cloudfoundry

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
	"github.com/nomadlike/nomadlike/jobspec/importer/source"
)

// countMax bounds what an app can ask for.
const countMax = 100000

type process struct {
	Type         string `json:"type"`
	Command      string `json:"command"`
	Instances    any    `json:"instances"`
	Memory       any    `json:"memory"`
	DiskQuota    any    `json:"disk_quota"`
	DiskQuota2   any    `json:"disk-quota"` // both are written
	HealthType   string `json:"health-check-type"`
	HealthPath   string `json:"health-check-http-endpoint"`
	Timeout      int    `json:"timeout"`
	HealthInvoke int    `json:"health-check-invocation-timeout"`
	HealthEvery  int    `json:"health-check-interval"`
}

type app struct {
	process    `json:",inline"`
	Name       string         `json:"name"`
	Env        map[string]any `json:"env"`
	Buildpacks []string       `json:"buildpacks"`
	Buildpack  string         `json:"buildpack"`
	Stack      string         `json:"stack"`
	Path       string         `json:"path"`
	Docker     *struct {
		Image    string `json:"image"`
		Username string `json:"username"`
	} `json:"docker"`
	Routes []struct {
		Route string `json:"route"`
	} `json:"routes"`
	NoRoute      bool      `json:"no-route"`
	RandomRoute  bool      `json:"random-route"`
	DefaultRoute bool      `json:"default-route"`
	Services     []any     `json:"services"`
	Processes    []process `json:"processes"`
	Sidecars     []sidecar `json:"sidecars"`
	Metadata     struct {
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
}

type sidecar struct {
	Name         string   `json:"name"`
	Command      string   `json:"command"`
	Memory       any      `json:"memory"`
	ProcessTypes []string `json:"process_types"`
}

//go:embed fields.txt
var fields string

// known are the rules, which never change.
var known = sync.OnceValue(func() source.Rules { return source.MustRules(fields) })

// Read gives a job for each app, with a group for each of its processes.
func Read(body []byte) (jobs []*outline.Job, err error) {
	t, err := source.One(body)
	if err != nil {
		return nil, err
	}
	var manifest struct {
		Applications []json.RawMessage `json:"applications"`
	}
	if err := t.Decode(&manifest); err != nil {
		return nil, err
	}
	rules := known()
	for i, raw := range manifest.Applications {
		var a app
		var value any
		if err := t.DecodeValue(raw, &a, "applications", strconv.Itoa(i)); err != nil {
			return nil, err
		}
		if err := t.DecodeValue(raw, &value); err != nil {
			return nil, err
		}
		j := a.job()
		object := rules.Object("app", a.Name, value, &j.Notes)
		j.Of, j.Sources = object.Source, []*outline.Source{object.Source}
		object.Account()
		jobs = append(jobs, j)
	}
	if len(jobs) > 0 {
		top := rules.Object("file", "", t.WithoutAnchors(), &jobs[0].Notes)
		top.Source = jobs[0].Of
		top.Account()
	}
	return jobs, nil
}

func (a app) job() *outline.Job {
	j := &outline.Job{Name: outline.Name(a.Name, "app"), Type: outline.Service, Meta: map[string]string{}}
	for k, v := range a.Metadata.Labels {
		j.Meta[outline.Label(k, "label")] = v
	}
	for _, s := range a.Services {
		name := fmt.Sprint(s)
		if m, ok := s.(map[string]any); ok {
			name = fmt.Sprint(m["name"])
		}
		j.Lost("the service %s: VCAP_SERVICES is not set; give the app its address and login as variables", name)
	}
	if a.Docker == nil {
		var details []string
		if a.Path != "" {
			details = append(details, "in "+a.Path)
		}
		if packs := strings.TrimSpace(strings.Join(append(slices.Clone(a.Buildpacks), a.Buildpack), " ")); packs != "" {
			details = append(details, "with the buildpacks "+packs)
		}
		if a.Stack != "" {
			details = append(details, "on the stack "+a.Stack)
		}
		j.Check("%s: build an image with pack build %s and push it to a registry that the nodes reach", strings.Join(append([]string{"the app was built from its source"}, details...), " "), j.Name)
	}
	list := a.Processes
	web := false
	for _, p := range list {
		web = web || p.Type == "web" || p.Type == ""
	}
	if !web {
		first := a.process
		first.Type = "web"
		list = append([]process{first}, list...)
	}
	taken := map[string]bool{}
	for _, p := range list {
		j.Groups = append(j.Groups, a.group(j, p.over(a.process), taken))
	}
	return j
}

// over fills what a process leaves open with what the app says.
func (p process) over(a process) process {
	if p.Type == "" || p.Type == "web" {
		p.Type = "web"
		if p.Command == "" {
			p.Command = a.Command
		}
		if p.HealthType == "" {
			p.HealthType, p.HealthPath = a.HealthType, a.HealthPath
		}
		if p.Instances == nil {
			p.Instances = a.Instances
		}
	}
	if p.Memory == nil {
		p.Memory = a.Memory
	}
	for _, quota := range []any{p.DiskQuota2, a.DiskQuota, a.DiskQuota2} {
		if p.DiskQuota == nil {
			p.DiskQuota = quota
		}
	}
	if p.Timeout == 0 {
		p.Timeout = a.Timeout
	}
	if p.HealthInvoke == 0 {
		p.HealthInvoke = a.HealthInvoke
	}
	if p.HealthEvery == 0 {
		p.HealthEvery = a.HealthEvery
	}
	return p
}

func (a app) group(j *outline.Job, p process, taken map[string]bool) *outline.Group {
	g := &outline.Group{Name: outline.Unique(taken, outline.Name(p.Type, "web")), Count: 1}
	g.Count = count(g, p.Instances)
	g.DiskMB = size(&g.Notes, p.DiskQuota)
	t := &outline.Task{Name: g.Name, Image: j.Name + ":latest"}
	t.MemoryMB = size(&t.Notes, p.Memory)
	a.image(t)
	if a.Docker != nil && a.Stack != "" {
		g.Lost("the stack %s: the image brings its own", a.Stack)
	}
	if p.Command != "" {
		t.Entrypoint, t.Args = []string{"/bin/sh", "-c"}, []string{p.Command}
	}
	for _, name := range outline.Keys(a.Env) {
		text := fmt.Sprint(a.Env[name])
		if inner, ok := strings.CutPrefix(text, "(("); ok && strings.HasSuffix(inner, "))") {
			t.SecretEnv(name, strings.TrimSuffix(inner, "))")).Check("%s was the variable %s of the manifest", name, text)
			continue
		}
		t.PlainEnv(name, text)
	}
	t.HideSecrets()
	g.Tasks = []*outline.Task{t}
	if p.Type == "web" {
		a.web(j, g, t, p)
	} else if p.HealthType == "http" || p.HealthType == "port" {
		t.Lost("the health check of the process %s, which has no route", p.Type)
	}
	for _, s := range a.Sidecars {
		if len(s.ProcessTypes) > 0 && !slices.Contains(s.ProcessTypes, p.Type) {
			continue
		}
		g.Shared = true
		side := &outline.Task{Name: outline.Name(s.Name, "sidecar"), Image: t.Image, Hook: "prestart", Sidecar: true, Entrypoint: []string{"/bin/sh", "-c"}, Args: []string{s.Command}}
		side.MemoryMB = size(&side.Notes, s.Memory)
		side.Check("the sidecar ran in the container of the app, with its files")
		if side.Name == t.Name {
			side.Name += "-sidecar"
		}
		g.Tasks = append(g.Tasks, side)
	}
	return g
}

func (a app) image(t *outline.Task) {
	if a.Docker == nil {
		return
	}
	t.Image = a.Docker.Image
	if t.Image == "" {
		t.Image = "unknown"
		t.Lost("the image, which the manifest does not name")
	}
	if a.Docker.Username != "" {
		t.Auth = &outline.Auth{Username: a.Docker.Username}
	}
}

func (a app) web(j *outline.Job, g *outline.Group, t *outline.Task, p process) {
	// The scheduler chooses the port, and the app listens where PORT says.
	port := &outline.Port{Label: "http"}
	g.Ports = append(g.Ports, port)
	t.PortLabels = []string{port.Label}
	t.PlainEnv("PORT", "${NOMAD_PORT_http}").Expr = true
	s := g.Expose(j.Name, port)
	timeout := time.Duration(min(max(p.HealthInvoke, 1), 3600)) * time.Second
	if p.HealthType != "process" && p.HealthType != "none" {
		c := outline.NewCheck("tcp", outline.Seconds(p.HealthEvery), timeout)
		if p.HealthType == "http" {
			c.Type, c.Path = "http", "/"+strings.TrimPrefix(p.HealthPath, "/")
		}
		if p.Timeout == 0 {
			p.Timeout = 60 // Cloud Foundry's own
		}
		c.RestartLimit, c.RestartGrace = 3, min(outline.Seconds(p.Timeout), time.Hour)
		s.Checks = append(s.Checks, c)
	}
	if a.RandomRoute {
		s.Lost("random-route: no name is made up for the app")
	}
	if a.DefaultRoute {
		s.Lost("default-route: name the host in a tag that the proxy reads")
	}
	if a.NoRoute {
		s.Check("the app had no route; the catalogue is what other jobs find it in")
		return
	}
	for i, r := range a.Routes {
		host, path, _ := strings.Cut(r.Route, "/")
		rule := "Host(`" + host + "`)"
		if path != "" {
			rule += " && PathPrefix(`/" + path + "`)"
		}
		if i == 0 {
			s.Tags = append(s.Tags, "traefik.enable=true")
			s.Check("the routes became tags that Traefik reads")
		}
		s.Tags = append(s.Tags, fmt.Sprintf("traefik.http.routers.%s-%d.rule=%s", j.Name, i, rule))
	}
}

func count(g *outline.Group, v any) int {
	switch v := v.(type) {
	case nil:
		return 1
	case float64:
		return int(min(max(v, 0), countMax))
	}
	g.Lost("instances %v, which is no number here", v)
	return 1
}

// size reads 512M, 1G, 1GB or 64MB.
func size(n *outline.Notes, v any) int {
	if v == nil {
		return 0
	}
	text := strings.ToUpper(strings.TrimSuffix(strings.ToUpper(fmt.Sprint(v)), "B"))
	for unit, factor := range map[string]float64{"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			if f, err := strconv.ParseFloat(digits, 64); err == nil {
				return outline.Bytes(f * factor)
			}
		}
	}
	n.Lost("the size %v, which is none here", v)
	return 0
}
