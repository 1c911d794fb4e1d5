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

// program is the program of a command. Its arguments may hold secrets.
func program(command string) string {
	if words := strings.Fields(command); len(words) > 0 {
		return words[0]
	}
	return "(none)"
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

// Health is a health command of a container. RestartLimit and RestartGrace are
// those of Check.
type Health struct {
	Command           string
	Interval, Timeout time.Duration
	RestartLimit      int
	RestartGrace      time.Duration
}

// CommandHealth carries a health command over as far as it goes: as http where
// it only asks for a URL, else as a tcp check of the group's first port.
func (g *Group) CommandHealth(t *Task, service string, h Health) {
	if port, path, ok := HTTPCommand(h.Command); ok {
		known := len(g.Ports)
		if p := g.PortLabel("", port); p != nil {
			if len(g.Ports) > known {
				t.PortLabels = append(t.PortLabels, p.Label)
			}
			c := h.check("http")
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
			t.Lost("the health check ran the program %s, and there is no port that could be checked instead", program(h.Command))
			return
		}
		g.Expose(service, g.Ports[0])
	}
	c := h.check("tcp")
	c.Lost("the check ran the program %s; checks of the catalogue are http or tcp, so that this one only connects", program(h.Command))
	g.Services[0].Checks = append(g.Services[0].Checks, c)
}

func (h Health) check(kind string) *Check {
	c := NewCheck(kind, h.Interval, h.Timeout)
	c.RestartLimit, c.RestartGrace = h.RestartLimit, h.RestartGrace
	return c
}

// secondsMax bounds times that a file can ask for: a day.
const secondsMax = 86400

// Seconds bounds a number of seconds.
func Seconds(n int) time.Duration { return time.Duration(min(max(n, 0), secondsMax)) * time.Second }
