package outline

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// coreMHz is what a core of another system counts for, in MHz: these systems
// know shares of cores, the scheduler knows MHz of the machine's.
const coreMHz = 1000

// memoryMinMB is the least memory that a task may ask for.
const memoryMinMB = 10

// Cores gives the MHz for a number of cores, at least 1 for any above 0. The
// bound keeps broken input from overflowing.
func Cores(n float64) int {
	switch {
	case !(n > 0):
		return 0
	case n > 1024:
		n = 1024
	}
	return max(1, int(n*coreMHz+0.5))
}

// Bytes gives the megabytes for a number of bytes, rounded up.
func Bytes(n float64) int {
	switch {
	case !(n > 0):
		return 0
	case n > 1<<50:
		n = 1 << 50
	}
	return max(memoryMinMB, int((n+(1<<20)-1)/(1<<20)))
}

// EnvName tells whether a name can be that of an environment variable in an
// env file.
var EnvName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// SecretEnv adds a variable whose value lies in the cluster.
func (t *Task) SecretEnv(name, item string) *Env {
	if !EnvName.MatchString(name) {
		t.Lost("environment variable %q with the secret %q: its name cannot stand in an env file", name, item)
		return &Env{}
	}
	e := &Env{Name: name, Secret: Label(item, "item")}
	t.Env = append(t.Env, e)
	return e
}

// PlainEnv adds a variable with a value.
func (t *Task) PlainEnv(name, value string) *Env {
	e := &Env{Name: name, Value: value}
	if name == "" || strings.ContainsAny(name, "=\x00") {
		t.Lost("environment variable with the name %q", name)
		return e
	}
	for _, old := range t.Env {
		if old.Name == name {
			*old = *e
			return old
		}
	}
	t.Env = append(t.Env, e)
	return e
}

// secretive finds names of variables that hold secrets as a rule.
var secretive = regexp.MustCompile(`(?i)(passw(or)?d|passphrase|secret|token|api_?key|private_?key|credential)`)

// Sensitive tells whether a variable seems to hold a secret in plain sight.
func Sensitive(name, value string) bool {
	return value != "" && len(value) >= 3 && secretive.MatchString(name) && !strings.HasPrefix(value, "/") &&
		!strings.HasSuffix(strings.ToUpper(name), "_FILE") && value != "true" && value != "false"
}

// NoteSensitive leaves a remark at plain variables that seem to be secrets.
func (t *Task) NoteSensitive() {
	for _, e := range t.Env {
		if e.Secret == "" && !e.Expr && Sensitive(e.Name, e.Value) {
			e.Check("%s looks like a secret: rather keep it in a variable of the cluster and read it in a template with nomadVar", e.Name)
		}
	}
}

// Bounds of checks: what is shorter is refused at admission.
const (
	checkMin          = time.Second
	checkIntervalDflt = 10 * time.Second
	checkTimeoutDflt  = 2 * time.Second
)

// NewCheck is a check with times in the bounds; 0 takes a default.
func NewCheck(kind string, interval, timeout time.Duration) *Check {
	if interval == 0 {
		interval = checkIntervalDflt
	}
	if timeout == 0 {
		timeout = checkTimeoutDflt
	}
	return &Check{Type: kind, Interval: max(interval, checkMin), Timeout: max(timeout, checkMin)}
}

// CommandCheck notes a check that runs a command, for which there is no
// counterpart in the catalogue, and stands a check of the port in for it.
func CommandCheck(s *ServiceEntry, command string, interval, timeout time.Duration) {
	c := NewCheck("tcp", interval, timeout)
	c.Lost("the check ran the command %s; checks of the catalogue are http or tcp, so that this one only connects", command)
	s.Checks = append(s.Checks, c)
}

// curl finds the URL in a health command that only asks for one.
var curl = regexp.MustCompile(`\b(?:curl|wget)\b.*?\bhttps?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::([0-9]+))?(/[^\s"'|;&]*)?`)

// HTTPCommand gives the port and path that a health command asks for; port 0
// is the scheme's.
func HTTPCommand(command string) (port int, path string, ok bool) {
	m := curl.FindStringSubmatch(command)
	if m == nil {
		return 0, "", false
	}
	port = 80
	if strings.Contains(m[0], "https://") {
		port = 443
	}
	if m[1] != "" {
		if _, err := fmt.Sscan(m[1], &port); err != nil {
			return 0, "", false
		}
	}
	path = m[2]
	if path == "" {
		path = "/"
	}
	return port, path, true
}

// CommandHealth carries a health command over as far as it goes: as http where
// it only asks for a URL, else as a tcp check of the group's first port.
func (g *Group) CommandHealth(t *Task, service, command string, interval, timeout time.Duration) {
	if port, path, ok := HTTPCommand(command); ok {
		known := len(g.Ports)
		if p := g.PortLabel("", port); p != nil {
			if len(g.Ports) > known {
				t.PortLabels = append(t.PortLabels, p.Label)
			}
			c := NewCheck("http", interval, timeout)
			c.Path = path
			if port == 443 {
				c.Protocol = "https"
			}
			s := g.Expose(service, p)
			s.Checks = append(s.Checks, c)
			return
		}
	}
	if len(g.Services) == 0 {
		if len(g.Ports) == 0 {
			t.Lost("the health check ran the command %s, and there is no port that could be checked instead", command)
			return
		}
		g.Expose(service, g.Ports[0])
	}
	CommandCheck(g.Services[0], command, interval, timeout)
}
