package outline

import "strings"

// scratch is the type of mounts of directories that begin empty and go with the
// allocation.
const scratch = "scratch"

// Scratch mounts an empty directory that the tasks of an allocation share.
func Scratch(name, target string, readOnly bool) *Mount {
	return &Mount{Type: scratch, Source: Name(name, "data"), Target: target, ReadOnly: readOnly}
}

// sharedData is where tasks keep what others of the allocation see, from the
// directory of a task. Anyone may write to it.
const sharedData = "../alloc/data"

// place gives each empty directory of the group its place. A single one is the
// directory that is there already.
func (g *Group) place() {
	names := map[string]bool{}
	for _, t := range g.Tasks {
		for _, m := range t.Mounts {
			if m.Type == scratch {
				names[m.Source] = true
			}
		}
	}
	for _, t := range g.Tasks {
		for _, m := range t.Mounts {
			switch {
			case m.Type != scratch:
			case len(names) == 1:
				m.Source = sharedData
			default:
				m.Source = sharedData + "/" + m.Source
				m.Check("the directory at %s is made by docker and belongs to root, so that only root writes to it", m.Target)
			}
		}
	}
}

// binds are the empty directories as the driver names them.
func (t *Task) binds() (list []string, notes Notes) {
	for _, m := range t.Mounts {
		if m.Type != scratch {
			continue
		}
		bind := m.Source + ":" + m.Target
		if m.ReadOnly {
			bind += ":ro"
		}
		list = append(list, bind)
		notes.List = append(notes.List, m.List...)
	}
	return list, notes
}

// Fetch adds an artifact. Addresses with a login in them are secrets.
func (t *Task) Fetch(uri, destination string, unpack bool) {
	scheme, rest, _ := strings.Cut(uri, "://")
	switch {
	case scheme != "http" && scheme != "https" && !strings.HasPrefix(scheme, "git::"):
		t.Lost("fetching %s: give it as an artifact block, with an address that nodes can read", uri)
	case strings.Contains(strings.SplitN(rest, "/", 2)[0], "@"):
		t.Lost("fetching %s: the address has a login in it; give it as an artifact block", uri)
	default:
		t.Artifacts = append(t.Artifacts, &Artifact{Source: uri, Destination: destination, Whole: !unpack})
	}
}
