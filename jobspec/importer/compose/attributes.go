package compose

import (
	"fmt"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// attributes carries what the docker driver knows by the same name.
func (r *reader) attributes(t *outline.Task, s types.ServiceConfig) {
	add := func(name string, value any) { t.Attrs = append(t.Attrs, outline.Attr{Name: name, Value: value}) }
	flags := []struct {
		name string
		set  bool
	}{
		{"privileged", s.Privileged}, {"readonly_rootfs", s.ReadOnly}, {"tty", s.Tty}, {"interactive", s.StdinOpen},
		{"init", s.Init != nil && *s.Init}, {"force_pull", s.PullPolicy == "always"},
	}
	for _, f := range flags {
		if f.set {
			a := outline.Attr{Name: f.name, Value: true}
			if f.name == "privileged" {
				a.Check("the docker plugin must allow it with allow_privileged")
			}
			t.Attrs = append(t.Attrs, a)
		}
	}
	for _, a := range []struct{ name, value string }{
		{"hostname", s.Hostname}, {"pid_mode", s.Pid}, {"ipc_mode", s.Ipc}, {"uts_mode", s.Uts}, {"userns_mode", s.UserNSMode},
		{"runtime", s.Runtime}, {"cpuset_cpus", s.CPUSet}, {"mac_address", s.MacAddress},
	} {
		if a.value != "" {
			add(a.name, a.value)
		}
	}
	for _, a := range []struct {
		name  string
		items []string
	}{
		{"cap_add", s.CapAdd}, {"cap_drop", s.CapDrop}, {"security_opt", s.SecurityOpt}, {"group_add", s.GroupAdd},
		{"dns_servers", s.DNS}, {"dns_search_domains", s.DNSSearch}, {"dns_options", s.DNSOpts}, {"extra_hosts", s.ExtraHosts.AsList(":")},
	} {
		if len(a.items) > 0 {
			add(a.name, a.items)
		}
	}
	if s.ShmSize > 0 && s.ShmSize < 1<<50 {
		add("shm_size", int(s.ShmSize))
	}
	if len(s.Sysctls) > 0 {
		add("sysctl", map[string]string(s.Sysctls))
	}
	if len(s.Ulimits) > 0 {
		add("ulimit", ulimits(s.Ulimits))
	}
	devices(t, s)
}

func ulimits(in map[string]*types.UlimitsConfig) map[string]string {
	out := map[string]string{}
	for name, u := range in {
		switch {
		case u == nil:
		case u.Single != 0:
			out[name] = fmt.Sprintf("%d:%d", u.Single, u.Single)
		default:
			out[name] = fmt.Sprintf("%d:%d", u.Soft, u.Hard)
		}
	}
	return out
}

// devices notes devices of the host, which only some nodes have.
func devices(t *outline.Task, s types.ServiceConfig) {
	if len(s.Devices) > 0 {
		var list []string
		for _, d := range s.Devices {
			list = append(list, d.Source+":"+d.Target)
		}
		t.Lost("devices %s: give them in config { devices = [...] }, on nodes that have them", strings.Join(list, ", "))
	}
}

func (r *reader) health(g *outline.Group, t *outline.Task, s types.ServiceConfig) {
	h := s.HealthCheck
	if h == nil || h.Disable || len(h.Test) == 0 || h.Test[0] == "NONE" {
		return
	}
	command := strings.Join(h.Test, " ")
	if h.Test[0] == "CMD" || h.Test[0] == "CMD-SHELL" {
		command = strings.Join(h.Test[1:], " ")
	}
	var interval, timeout time.Duration
	if h.Interval != nil {
		interval = time.Duration(*h.Interval)
	}
	if h.Timeout != nil {
		timeout = time.Duration(*h.Timeout)
	}
	g.CommandHealth(t, r.serviceName(s.Name), outline.Health{Command: command, Interval: interval, Timeout: timeout})
}

// labels go to the container; those that proxies read also become tags of the
// service, which is where they look for them.
func (r *reader) labels(g *outline.Group, t *outline.Task, s types.ServiceConfig) {
	var tags []string
	keep := map[string]string{}
	all := map[string]string{}
	for k, v := range s.Labels {
		all[k] = v
	}
	if s.Deploy != nil {
		for k, v := range s.Deploy.Labels {
			all[k] = v
		}
	}
	for _, k := range outline.Keys(all) {
		if strings.HasPrefix(k, "com.docker.compose.") {
			continue
		}
		if strings.HasPrefix(k, "traefik.") || strings.HasPrefix(k, "caddy") {
			tags = append(tags, k+"="+all[k])
			continue
		}
		keep[k] = all[k]
	}
	t.Labels = keep
	if len(tags) == 0 {
		return
	}
	if len(g.Services) == 0 {
		t.Lost("the labels %s: the group has no port and so no service to tag", strings.Join(tags, ", "))
		return
	}
	g.Services[0].Tags = append(g.Services[0].Tags, tags...)
}
