// Package interp builds the environment of a task and fills ${...} references
// with it: in strings, where unknown references stay as they are, and in driver
// configuration, where they are errors. The client calls it before it starts a
// task. It reads nothing by itself: no process environment, file or clock.
package interp

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// Dirs are the directories of a task as the task sees them.
type Dirs struct {
	Alloc   string // shared by the tasks of the allocation
	Local   string // the task's own
	Secrets string // the task's, not readable by others
}

// DriverNetwork is what a driver that makes its own network told about it.
type DriverNetwork struct {
	IP      string         // "" leaves the host's address
	PortMap map[string]int // inside port by label
}

// Input is what an environment is made of. Only Alloc, with its Job, and Task
// are required.
type Input struct {
	Alloc  *nomadlike.Alloc
	Job    *nomadlike.Job   // nil: of the allocation
	Group  *nomadlike.Group // nil: the allocation's, of the job
	Task   *nomadlike.Task
	Node   *nomadlike.Node
	Region string // of the agent
	Dirs   Dirs
	// CgroupParent is where the client keeps the task's control group; "" hides
	// it from the task.
	CgroupParent  string
	DriverNetwork *DriverNetwork
	// HostEnv is the agent's own environment without what its operator hides;
	// nil for drivers that run images.
	HostEnv map[string]string
	// HookEnv are the variables that preparation steps and devices set, in
	// their order.
	HookEnv []map[string]string
	// TemplateEnv are the variables of templates that render environment files.
	TemplateEnv map[string]string
	// Tokens are the identities that the task may see as variables, by name.
	Tokens map[string]string
	// APISocket is the path of the task API's socket as the task sees it.
	APISocket string
	// VaultToken and VaultNamespace are set where the vault block exposes them.
	VaultToken     string
	VaultNamespace string
	// Secrets are the values of secret blocks: block name, key, value.
	Secrets map[string]map[string]string
}

// Env is the environment of one task. It is immutable.
type Env struct {
	vars    map[string]string // what the task gets
	node    map[string]string // what only references see: node.*, attr.*, meta.*
	secrets map[string]string // secret.NAME.KEY
}

// BuildEnv makes the environment. Later steps win: limits, identifiers and
// network, tokens, meta, the host's environment where nothing is set yet, the
// task's own variables, those of hooks, those of templates.
func BuildEnv(in Input) Env {
	b := newBuilder(in)
	b.dirs()
	b.limits()
	b.identifiers()
	b.network()
	b.siblings()
	b.upstreams()
	b.tokens()
	b.meta()
	b.host()
	for _, k := range slices.Sorted(maps.Keys(in.Task.Env)) {
		b.vars[b.replace(k)] = b.replace(in.Task.Env[k])
	}
	for _, hook := range in.HookEnv {
		maps.Copy(b.vars, hook)
	}
	maps.Copy(b.vars, in.TemplateEnv)
	return Env{vars: clean(b.vars), node: b.node, secrets: b.secrets}
}

// cleanedPrefixes are the variables whose names may come from labels that are
// no valid names.
var cleanedPrefixes = [...]string{
	"NOMAD_ADDR_", "NOMAD_IP_", "NOMAD_PORT_", "NOMAD_HOST_PORT_", "NOMAD_META_",
}

// clean replaces what no variable name may hold in the names made from labels.
func clean(vars map[string]string) map[string]string {
	out := make(map[string]string, len(vars))
	for k, v := range vars {
		for _, prefix := range cleanedPrefixes {
			if strings.HasPrefix(k, prefix) {
				k = cleanName(k)
				break
			}
		}
		out[k] = v
	}
	return out
}

// cleanName turns every byte that no variable name may hold into an underscore.
func cleanName(name string) string {
	b := []byte(name)
	for i, c := range b {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		digit := c >= '0' && c <= '9' && i > 0
		if !letter && !digit && c != '_' && c != '.' {
			b[i] = '_'
		}
	}
	return string(b)
}

// Map is a copy of the task's variables.
func (e Env) Map() map[string]string { return maps.Clone(e.vars) }

// List is the task's variables as NAME=value, ordered by name.
func (e Env) List() []string {
	out := make([]string, 0, len(e.vars))
	for _, k := range slices.Sorted(maps.Keys(e.vars)) {
		out = append(out, k+"="+e.vars[k])
	}
	return out
}

// Get is one variable of the task; ok is false when it is not set.
func (e Env) Get(name string) (value string, ok bool) {
	value, ok = e.vars[name]
	return value, ok
}

// Lookup is the value behind a reference: a variable of the task, node.*,
// attr.*, meta.* or secret.NAME.KEY.
func (e Env) Lookup(ref string) (value string, ok bool) {
	for _, m := range [...]map[string]string{e.vars, e.node, e.secrets} {
		if value, ok = m[ref]; ok {
			return value, true
		}
	}
	return "", false
}

// Replace fills the references of a string; unknown ones stay as they are.
func (e Env) Replace(s string) string { return replaceRefs(s, e.Lookup) }

// ReplaceAll fills the references of every string of a list; nil stays nil.
func (e Env) ReplaceAll(list []string) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = e.Replace(s)
	}
	return out
}

// ReplaceMap fills the references of the keys and values of a map; nil stays
// nil.
func (e Env) ReplaceMap(m map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[e.Replace(k)] = e.Replace(v)
	}
	return out
}

var refPattern = regexp.MustCompile(`\$\{[A-Za-z0-9_\-.]+\}`)

// replaceRefs fills the plain references of a string.
func replaceRefs(s string, lookup func(string) (string, bool)) string {
	if !strings.Contains(s, "${") {
		return s
	}
	return refPattern.ReplaceAllStringFunc(s, func(ref string) string {
		if v, ok := lookup(ref[2 : len(ref)-1]); ok {
			return v
		}
		return ref
	})
}
