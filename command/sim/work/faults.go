package work

import (
	"fmt"
	"slices"
	"strings"
)

// Faults says which kinds of bad luck there are.
type Faults struct {
	Clock     bool // clocks are off, drift and jump
	Network   bool // messages are late, lost, repeated, out of order
	Partition bool // ways between machines are cut
	Disk      bool // crashes lose what was not synced
	Server    bool // servers crash, leaders are deposed
	Node      bool // agents and machines of nodes die
}

// fields names the kinds, in the order of help texts.
func (f *Faults) fields() []struct {
	name string
	on   *bool
} {
	return []struct {
		name string
		on   *bool
	}{
		{"clock", &f.Clock}, {"network", &f.Network}, {"partition", &f.Partition}, {"disk", &f.Disk},
		{"server", &f.Server}, {"node", &f.Node},
	}
}

// Kinds are the names of all kinds.
func Kinds() []string {
	var out []string
	for _, k := range new(Faults).fields() {
		out = append(out, k.name)
	}
	return out
}

// ParseFaults reads all, none, or a list of kinds with commas between them.
func ParseFaults(text string) (Faults, error) {
	var f Faults
	wanted := strings.Split(text, ",")
	switch text {
	case "all":
		wanted = Kinds()
	case "none":
		return f, nil
	}
	for _, w := range wanted {
		if !slices.Contains(Kinds(), w) {
			return f, fmt.Errorf("%q is no kind of fault: use all, none, or some of %s", w, strings.Join(Kinds(), ","))
		}
	}
	for _, k := range f.fields() {
		*k.on = slices.Contains(wanted, k.name)
	}
	return f, nil
}

// String is what ParseFaults reads.
func (f Faults) String() string {
	var out []string
	for _, k := range f.fields() {
		if *k.on {
			out = append(out, k.name)
		}
	}
	switch len(out) {
	case 0:
		return "none"
	case len(Kinds()):
		return "all"
	}
	return strings.Join(out, ",")
}
