// Package cloudfoundry reads the manifests of Cloud Foundry apps. The types are
// its own: the parser of the Cloud Foundry command line comes only with all of
// that command line. The importer calls it.
package cloudfoundry

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// appPort is where Cloud Foundry has apps listen.
const appPort = 8080

// countMax bounds what an app can ask for.
const countMax = 100000

type process struct {
	Type         string `json:"type"`
	Command      string `json:"command"`
	Instances    any    `json:"instances"`
	Memory       any    `json:"memory"`
	DiskQuota    any    `json:"disk_quota"`
	HealthType   string `json:"health-check-type"`
	HealthPath   string `json:"health-check-http-endpoint"`
	Timeout      int    `json:"timeout"`
	HealthInvoke int    `json:"health-check-invocation-timeout"`
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
	NoRoute     bool      `json:"no-route"`
	RandomRoute bool      `json:"random-route"`
	Services    []any     `json:"services"`
	Processes   []process `json:"processes"`
	Sidecars    []struct {
		Name    string `json:"name"`
		Command string `json:"command"`
		Memory  any    `json:"memory"`
	} `json:"sidecars"`
	Metadata struct {
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
}

// Read gives a job for each app, with a group for each of its processes.
func Read(body []byte) (jobs []*outline.Job, err error) {
	var manifest struct {
		Applications []app `json:"applications"`
	}
	if err := yaml.Unmarshal(body, &manifest); err != nil {
		return nil, err
	}
	for _, a := range manifest.Applications {
		jobs = append(jobs, a.job())
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
		builder := strings.Join(append(append([]string{}, a.Buildpacks...), a.Buildpack), " ")
		j.Check("the app was built from its source (%s) with buildpacks (%s): build an image with pack build %s and push it to a registry that the nodes reach", a.Path, strings.TrimSpace(builder), j.Name)
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
	if p.DiskQuota == nil {
		p.DiskQuota = a.DiskQuota
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
	t.NoteSensitive()
	g.Tasks = []*outline.Task{t}
	if p.Type == "web" {
		a.web(j, g, t, p)
	} else if p.HealthType == "http" || p.HealthType == "port" {
		t.Lost("the health check of the process %s, which has no route", p.Type)
	}
	for _, s := range a.Sidecars {
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
	port := g.PortLabel("http", appPort)
	t.PortLabels = []string{port.Label}
	t.PlainEnv("PORT", strconv.Itoa(appPort))
	s := g.Expose(j.Name, port)
	timeout := time.Duration(min(max(p.HealthInvoke, 1), 3600)) * time.Second
	switch p.HealthType {
	case "process", "none":
	case "http":
		c := outline.NewCheck("http", 0, timeout)
		c.Path = "/" + strings.TrimPrefix(p.HealthPath, "/")
		c.RestartLimit, c.RestartGrace = 3, time.Duration(min(max(p.Timeout, 60), 3600))*time.Second
		s.Checks = append(s.Checks, c)
	default:
		s.Checks = append(s.Checks, outline.NewCheck("tcp", 0, timeout))
	}
	if a.RandomRoute {
		s.Lost("random-route: no name is made up for the app")
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
