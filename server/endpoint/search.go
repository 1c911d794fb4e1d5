package endpoint

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// SearchConfig bounds searches.
type SearchConfig struct {
	FuzzyDisabled bool
	LimitQuery    int // objects looked at per kind; 0 is 20
	LimitResults  int // matches returned; 0 is 100
	MinTermLength int // characters of a fuzzy text; 0 is 2
}

func (e *Endpoints) registerSearch() {
	on(e, Read, "Search.Prefix", e.searchPrefix)
	on(e, Read, "Search.Fuzzy", e.searchFuzzy)
}

// searchMatchesMax is how many matches of one kind a prefix search returns.
const searchMatchesMax = 20

// searchContexts are the kinds that can be searched, in the order of the API.
var searchContexts = []string{"allocs", "jobs", "nodes", "node_pools", "evals", "deployment", "plugins", "volumes",
	"scaling_policy", "vars", "namespaces", "host_volumes"}

// quotaContext can be searched by itself; a search over everything leaves
// quotas out, as clients expect it.
const quotaContext = "quotas"

// uuidContexts are searched by the prefix of a UUID.
var uuidContexts = map[string]bool{"allocs": true, "nodes": true, "evals": true, "deployment": true}

// idsOf are the IDs of one kind in order.
func idsOf(s *store.Snapshot, kind, ns, prefix string) iter.Seq[string] {
	switch kind {
	case "allocs":
		return ids(s.AllocsByPrefix(ns, prefix), func(a *nl.Alloc) string { return a.ID })
	case "jobs":
		return ids(s.Jobs(ns, prefix), func(j *nl.Job) string { return j.ID })
	case "nodes":
		return ids(s.NodesByPrefix(prefix), func(n *nl.Node) string { return n.ID })
	case "node_pools":
		return ids(s.NodePools(), func(p *nl.NodePool) string { return p.Name })
	case "evals":
		return ids(s.EvalsByPrefix(ns, prefix), func(v *nl.Eval) string { return v.ID })
	case "deployment":
		return ids(s.DeploymentsByPrefix(ns, prefix), func(d *nl.Deployment) string { return d.ID })
	case "scaling_policy":
		return ids(s.ScalingPolicies(ns), func(p *nl.ScalingPolicy) string { return p.ID })
	case "vars":
		return ids(s.Variables(ns, prefix), func(v *nl.Variable) string { return v.Path })
	case quotaContext:
		return ids(s.Quotas(), func(q *nl.QuotaSpec) string { return q.Name })
	case "volumes":
		return ids(s.CSIVolumes(ns, prefix), func(v *nl.CSIVolume) string { return v.ID })
	case "host_volumes":
		return ids(s.HostVolumes(ns), func(v *nl.HostVolume) string { return v.ID })
	case "plugins":
		return slices.Values(slices.Sorted(maps.Keys(s.CSIPlugins())))
	case "namespaces":
		return ids(s.Namespaces(), func(n *nl.Namespace) string { return n.Name })
	}
	return func(func(string) bool) {}
}

func ids[T any](seq iter.Seq[T], id func(T) string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for v := range seq {
			if !yield(id(v)) {
				return
			}
		}
	}
}

// contextsOf are the kinds a search covers.
func contextsOf(name string, more ...string) ([]string, error) {
	known := append(slices.Clone(searchContexts), more...)
	if name == "all" {
		return known, nil
	}
	if slices.Contains(known, name) || name == quotaContext {
		return []string{name}, nil
	}
	return nil, fmt.Errorf("context must be one of %v or 'all' for all contexts; got %q", searchContexts, name)
}

func isUUIDPrefix(p string) bool {
	for _, c := range p {
		if !strings.ContainsRune("0123456789abcdefABCDEF-", c) {
			return false
		}
	}
	return len(p) <= uuidLen
}

func (e *Endpoints) searchPrefix(ctx context.Context, req *query.Search, reply *nl.SearchResponse) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	kinds, err := contextsOf(req.Context)
	if err != nil {
		return err
	}
	opts := req.QueryOptions
	opts.MinIndex = 0
	return e.read(ctx, &opts, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.Matches, reply.Truncations = map[string][]string{}, map[string]bool{}
		for _, kind := range kinds {
			if uuidContexts[kind] && !isUUIDPrefix(req.Text) {
				continue
			}
			text := req.Text
			if uuidContexts[kind] {
				text = strings.ToLower(text)
			}
			reply.Matches[kind], reply.Truncations[kind] = nil, false
			for id := range idsOf(s, kind, ns, text) {
				if !hasPrefix(id, text) {
					continue
				}
				if len(reply.Matches[kind]) == searchMatchesMax {
					reply.Truncations[kind] = true
					break
				}
				reply.Matches[kind] = append(reply.Matches[kind], id)
			}
		}
		return s.Index(), nil, nil
	})
}

// fuzzy collects the matches of one kind.
type fuzzy struct {
	text  string // lower case
	limit int
	found map[string][]fuzzyHit
	cut   map[string]bool
}

type fuzzyHit struct {
	at    int
	match *nl.FuzzyMatch
}

// add takes a name that contains the text.
func (f *fuzzy) add(kind, name string, scope ...string) {
	at := strings.Index(strings.ToLower(name), f.text)
	if at < 0 {
		return
	}
	if len(f.found[kind]) >= f.limit {
		f.cut[kind] = true
		return
	}
	f.found[kind] = append(f.found[kind], fuzzyHit{at, &nl.FuzzyMatch{ID: name, Scope: scope}})
}

func (e *Endpoints) searchFuzzy(ctx context.Context, req *query.Search, reply *nl.FuzzySearchResponse) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	c := e.cfg.Search
	if c.FuzzyDisabled {
		return fmt.Errorf("fuzzy search is not enabled")
	}
	if n := cmp.Or(c.MinTermLength, 2); len(req.Text) < n {
		return fmt.Errorf("fuzzy search query must be at least %d characters, got %d", n, len(req.Text))
	}
	kinds, err := contextsOf(req.Context, "groups", "services", "tasks", "images", "commands", "classes")
	if err != nil {
		return err
	}
	opts := req.QueryOptions
	opts.MinIndex = 0
	return e.read(ctx, &opts, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		f := &fuzzy{text: strings.ToLower(req.Text), limit: cmp.Or(c.LimitQuery, 20), found: map[string][]fuzzyHit{}, cut: map[string]bool{}}
		f.jobs(s, ns)
		f.rest(s, ns, kinds, req.Text)
		reply.Matches, reply.Truncations = map[string][]*nl.FuzzyMatch{}, map[string]bool{}
		left := cmp.Or(c.LimitResults, 100)
		if req.Context == "all" {
			f.sayEmpty(s, ns, reply)
		}
		for _, kind := range append(kinds, "groups", "services", "tasks", "images", "commands", "classes") {
			hits := f.found[kind]
			asked := slices.Contains(kinds, kind) || req.Context == "jobs" && slices.Contains([]string{"groups", "services", "tasks", "images", "commands", "classes"}, kind)
			if len(hits) == 0 || !asked || len(reply.Matches[kind]) > 0 {
				continue
			}
			slices.SortStableFunc(hits, func(a, b fuzzyHit) int {
				return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(len(a.match.ID), len(b.match.ID)), strings.Compare(a.match.ID, b.match.ID))
			})
			reply.Truncations[kind] = f.cut[kind] || len(hits) > left
			for _, h := range hits[:min(left, len(hits))] {
				reply.Matches[kind] = append(reply.Matches[kind], h.match)
				left--
			}
		}
		return s.Index(), nil, nil
	})
}

// listedAlways are the kinds that a search over everything names even when
// nothing was found; those that are found by ID also have an empty list.
var listedAlways = map[string]bool{"allocs": false, "deployment": true, "evals": true, "host_volumes": true, "jobs": false, "namespaces": false,
	"node_pools": false, "nodes": false, "plugins": false, "scaling_policy": true, "vars": false, "volumes": true}

// sayEmpty fills in what an answer over everything always has. Evaluations
// count as cut off when there are more than are looked at, as recorded.
func (f *fuzzy) sayEmpty(s *store.Snapshot, ns string, reply *nl.FuzzySearchResponse) {
	for kind, byID := range listedAlways {
		reply.Truncations[kind] = f.cut[kind]
		if byID {
			reply.Matches[kind] = []*nl.FuzzyMatch{}
		}
	}
	n := 0
	for range s.Evals(ns) {
		if n++; n > f.limit {
			reply.Truncations["evals"] = true
			return
		}
	}
}

// jobs looks at jobs and at what is in them.
func (f *fuzzy) jobs(s *store.Snapshot, ns string) {
	for j := range s.Jobs(ns, "") {
		f.add("jobs", j.Name, j.Namespace, j.ID)
		for _, g := range j.TaskGroups {
			f.add("groups", g.Name, j.Namespace, j.ID)
			for _, sv := range g.Services {
				f.add("services", sv.Name, j.Namespace, j.ID, g.Name)
			}
			for _, t := range g.Tasks {
				f.add("tasks", t.Name, j.Namespace, j.ID, g.Name)
				for _, sv := range t.Services {
					f.add("services", sv.Name, j.Namespace, j.ID, g.Name, t.Name)
				}
				for kind, key := range map[string]string{"images": "image", "commands": "command", "classes": "class"} {
					if v, ok := t.Config[key].(string); ok {
						f.add(kind, v, j.Namespace, j.ID, g.Name, t.Name)
					}
				}
			}
		}
	}
}

// rest looks at everything that is not inside a job.
func (f *fuzzy) rest(s *store.Snapshot, ns string, kinds []string, prefix string) {
	for a := range s.Allocs(ns) {
		f.add("allocs", a.Name, a.Namespace, a.ID)
	}
	for n := range s.Nodes() {
		f.add("nodes", n.Name, n.ID)
	}
	for p := range s.NodePools() {
		f.add("node_pools", p.Name)
	}
	for v := range s.Variables(ns, "") {
		f.add("vars", v.Path, v.Namespace, v.Path)
	}
	for v := range s.CSIVolumes(ns, "") {
		f.add("volumes", v.Name, v.Namespace, v.ID)
	}
	for v := range s.HostVolumes(ns) {
		f.add("host_volumes", v.Name, v.Namespace, v.ID)
	}
	for id := range s.CSIPlugins() {
		f.add("plugins", id)
	}
	for q := range s.Quotas() {
		f.add(quotaContext, q.Name)
	}
	for n := range s.Namespaces() {
		f.add("namespaces", n.Name)
	}
	if !isUUIDPrefix(prefix) {
		return
	}
	for _, kind := range []string{"evals", "deployment"} {
		for id := range idsOf(s, kind, ns, prefix) {
			f.add(kind, id)
		}
	}
}
