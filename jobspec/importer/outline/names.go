package outline

import (
	"fmt"
	"strings"
)

// nameMax is the longest name that every noun takes: that of a DNS label, in
// bytes, which bounds the names of services.
const nameMax = 63

// Name makes a name for a job, a group, a task or a service: small letters,
// digits and dashes. What has none of them is called by the fallback.
func Name(s, fallback string) string {
	out := clean(strings.ToLower(s), '-')
	if out == "" {
		return fallback
	}
	return out
}

// Label makes a name for a port or an item: letters, digits and underscores,
// not starting with a digit.
func Label(s, fallback string) string {
	out := clean(s, '_')
	if out == "" {
		return fallback
	}
	if out[0] >= '0' && out[0] <= '9' {
		out = fallback + "_" + out
	}
	return out
}

// clean replaces runs of other characters by sep.
func clean(s string, sep byte) string {
	var b strings.Builder
	pending := false
	for i := 0; i < len(s) && b.Len() < nameMax-1; i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			if pending && b.Len() > 0 {
				b.WriteByte(sep)
			}
			pending = false
			b.WriteByte(c)
			continue
		}
		pending = true
	}
	return b.String()
}

// PortLabel gives the port of the group for a port of the container, which it
// adds when it is new. A nil port tells that the number is none.
func (g *Group) PortLabel(name string, to int) *Port {
	if to < 1 || to > 65535 {
		return nil
	}
	for _, p := range g.Ports {
		if p.To == to {
			return p
		}
	}
	p := &Port{Label: g.freeLabel(name, to), To: to}
	g.Ports = append(g.Ports, p)
	return p
}

// wellKnown are ports that have a better name than their number.
var wellKnown = map[int]string{
	80: "http", 443: "https", 3000: "http", 8080: "http", 8000: "http", 5432: "postgres", 3306: "mysql", 6379: "redis",
	27017: "mongo", 5672: "amqp", 9092: "kafka", 53: "dns", 22: "ssh", 25: "smtp", 9090: "metrics", 11211: "memcached",
}

func (g *Group) freeLabel(name string, to int) string {
	want := Label(name, "port")
	if name == "" {
		want = fmt.Sprintf("p%d", to)
		if known, ok := wellKnown[to]; ok {
			want = known
		}
	}
	taken := func(l string) bool {
		for _, p := range g.Ports {
			if p.Label == l {
				return true
			}
		}
		return false
	}
	if !taken(want) {
		return want
	}
	return fmt.Sprintf("p%d", to)
}

// Expose makes sure that a port of the group is in the service catalogue. The
// first port has the given name, others their label after it.
func (g *Group) Expose(name string, p *Port) *ServiceEntry {
	for _, s := range g.Services {
		if s.Port == p.Label {
			return s
		}
	}
	if len(g.Services) > 0 {
		name += "-" + p.Label
	}
	s := &ServiceEntry{Name: Name(name, "service"), Port: p.Label}
	g.Services = append(g.Services, s)
	return s
}

// AddVolume gives the volume of the group with this source, which it adds when
// it is new.
func (g *Group) AddVolume(name, source string) *Volume {
	for _, v := range g.Volumes {
		if v.Source == source {
			return v
		}
	}
	v := &Volume{Name: Name(name, "data"), Source: Name(source, "data")}
	g.Volumes = append(g.Volumes, v)
	return v
}

// Unique gives each name a number when another has it already.
func Unique(taken map[string]bool, name string) string {
	out := name
	for i := 2; taken[out]; i++ {
		out = fmt.Sprintf("%s-%d", name, i)
	}
	taken[out] = true
	return out
}
