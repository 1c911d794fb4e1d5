// Package version says which version this is. Agents report the peer's version
// they are compatible with, since constraints of job files test it; people are
// told our own as well.
package version

import (
	"fmt"
	"runtime/debug"
)

// Info is a version.
type Info struct {
	Number   string // the API version reported to clients, such as 2.0.6
	Own      string // of nomadlike itself
	Revision string // of the source, "" when unknown
	Date     string // of the build's source, "" when unknown
}

// Current is the version of this binary.
func Current() Info {
	v := Info{Number: "2.0.6", Own: "0.1.0"}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.time":
				v.Date = s.Value
			}
		}
	}
	return v
}

// String is what the version command prints.
func (v Info) String() string {
	s := fmt.Sprintf("Nomad v%s", v.Number)
	if v.Date != "" {
		s += "\nBuildDate " + v.Date
	}
	if v.Revision != "" {
		s += "\nRevision " + v.Revision
	}
	return s + fmt.Sprintf("\nnomadlike v%s", v.Own)
}
