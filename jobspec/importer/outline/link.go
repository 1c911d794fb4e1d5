package outline

import (
	"regexp"
	"strconv"
	"strings"
)

// Target is what a host name of the source system stands for.
type Target struct {
	Group *Group
	// Service is the name of the group's first service.
	Service string
	// Ports maps ports that are asked for to those of the container; a port
	// that is not in it is the container's.
	Ports map[int]int
}

// address finds host:port anywhere in a value.
var address = regexp.MustCompile(`([A-Za-z0-9][A-Za-z0-9._-]*):([0-9]{1,5})\b`)

// Link replaces addresses of other groups in environment variables by lookups
// in the service catalogue, since there are no host names for groups: a value
// becomes a template that follows the addresses. Only names that targets know
// are addresses. Inside of one group everything is at localhost.
func Link(jobs []*Job, targets map[string]Target) {
	for _, j := range jobs {
		for _, g := range j.Groups {
			for _, t := range g.Tasks {
				for _, e := range t.Env {
					e.link(g, targets)
				}
				args := strings.Join(append(append([]string{}, t.Entrypoint...), t.Args...), " ")
				for _, m := range address.FindAllStringSubmatch(args, -1) {
					if to, ok := targets[m[1]]; ok && to.Group != g {
						port, _ := strconv.Atoi(m[2])
						if name := to.entry(port); name != "" {
							t.Check("the command reaches %s by its host name: look the address up with {{ range nomadService %q }} in a template, or give it in a variable", m[0], name)
						}
					}
				}
			}
		}
	}
}

func (e *Env) link(own *Group, targets map[string]Target) {
	if e.Expr || e.Secret != "" || strings.ContainsAny(e.Value, "\n\r") || strings.Contains(e.Value, "{{") {
		return
	}
	if to, ok := targets[e.Value]; ok {
		e.host(own, to)
		return
	}
	found := false
	linked := address.ReplaceAllStringFunc(e.Value, func(addr string) string {
		host, digits, _ := strings.Cut(addr, ":")
		to, ok := targets[host]
		if !ok {
			return addr
		}
		port, err := strconv.Atoi(digits)
		if err != nil {
			return addr
		}
		if to.Group == own {
			return "localhost:" + digits
		}
		name := to.entry(port)
		if name == "" {
			return addr
		}
		found = true
		return lookup(name, "{{ .Address }}:{{ .Port }}")
	})
	if found {
		e.template = linked
		return
	}
	e.Value = linked
}

// host is for variables that hold nothing but a host name.
func (e *Env) host(own *Group, to Target) {
	if to.Group == own {
		e.Value = "localhost"
		return
	}
	if len(to.Group.Ports) == 0 {
		e.Check("%s names the group %s, which has no port: give it a port and a service, and look the address up with nomadService", e.Name, to.Group.Name)
		return
	}
	name := to.entry(to.Group.Ports[0].To)
	e.template = lookup(name, "{{ .Address }}")
	e.Check("%s was a host name. The port is no longer fixed: the program must be told it as well, as {{ .Port }} in the same way", e.Name)
}

// entry is the service at a port, which is added when it is not there yet.
func (t Target) entry(port int) string {
	if to, ok := t.Ports[port]; ok {
		port = to
	}
	known := len(t.Group.Ports)
	p := t.Group.PortLabel("", port)
	if p == nil {
		return ""
	}
	if len(t.Group.Ports) > known && len(t.Group.Tasks) > 0 && t.Group.Mode == "" {
		t.Group.Tasks[0].PortLabels = append(t.Group.Tasks[0].PortLabels, p.Label)
	}
	return t.Group.Expose(t.Service, p).Name
}

// lookup is a template expression over one healthy instance of a service. The
// same one is chosen as long as it is there.
func lookup(name, inner string) string {
	return `{{ range nomadService 1 (env "NOMAD_ALLOC_ID") "` + name + `" }}` + inner + `{{ end }}`
}
