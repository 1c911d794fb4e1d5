// Package marathon reads the apps, groups of apps and pods of Marathon, as JSON
// or YAML. The types are its own: the client of Marathon is no longer kept. The
// importer calls it.
package marathon

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
	"github.com/nomadlike/nomadlike/jobspec/importer/source"
)

const (
	countMax = 100000 // instances that an app can ask for
	depthMax = 32     // groups within groups
)

//go:embed fields.txt
var fields string

// known are the rules, which never change.
var known = sync.OnceValue(func() source.Rules { return source.MustRules(fields) })

// reader is the reading of one file.
type reader struct {
	rules source.Rules
	tree  *source.Tree
	jobs  []*outline.Job
	// groups are accounted for once it is known which job is the first.
	groups []*source.Object
}

// Read gives a job for each app and pod of a file.
func Read(body []byte) ([]*outline.Job, error) {
	trees, err := source.Parse(body)
	if err != nil {
		return nil, err
	}
	r := &reader{rules: known()}
	for _, t := range trees {
		r.tree = t
		all, isList := t.Value.([]any)
		if !isList {
			all = []any{t.Value}
		}
		if err := r.collect(all, "", 0); err != nil {
			return nil, err
		}
	}
	for _, o := range r.groups {
		if len(r.jobs) > 0 {
			o.Place(&r.jobs[0].Notes)
			r.jobs[0].Sources = append(r.jobs[0].Sources, o.Source)
			o.Account()
		}
	}
	return r.jobs, nil
}

// collect reads apps, pods and groups, which begin with the same fields.
func (r *reader) collect(all []any, prefix string, depth int) error {
	if depth > depthMax {
		return fmt.Errorf("groups lie more than %d deep in each other", depthMax)
	}
	for _, value := range all {
		var head struct {
			ID, Cmd            string
			Args               []string
			Container          any
			Apps, Groups, Pods []any
			Containers         []any
		}
		if err := r.decode(value, &head); err != nil {
			return err
		}
		if !strings.HasPrefix(head.ID, "/") {
			head.ID = prefix + "/" + head.ID
		}
		for _, members := range [][]any{head.Apps, head.Pods, head.Groups} {
			if err := r.collect(members, strings.TrimSuffix(head.ID, "/"), depth+1); err != nil {
				return err
			}
		}
		var err error
		switch {
		case len(head.Containers) > 0:
			p := pod{common: common{tree: value}}
			if err = r.decode(value, &p); err == nil {
				p.ID = head.ID
				r.jobs = append(r.jobs, p.job(r))
			}
		case head.Cmd != "" || len(head.Args) > 0 || head.Container != nil:
			a := app{common: common{tree: value}}
			if err = r.decode(value, &a); err == nil {
				a.ID = head.ID
				r.jobs = append(r.jobs, a.job(r))
			}
		default:
			r.groups = append(r.groups, r.rules.Object("group", head.ID, value, nil))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) decode(value, into any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return r.tree.DecodeValue(raw, into)
}

// outline begins a job with what apps and pods share.
func (c common) outline(r *reader, section string) (*outline.Job, *outline.Group, *source.Object) {
	name := outline.Name(strings.Trim(c.ID, "/"), "app")
	j := &outline.Job{Name: name, Type: outline.Service, Meta: map[string]string{}}
	g := &outline.Group{Name: name, Count: 1}
	j.Groups = []*outline.Group{g}
	o := r.rules.Object(section, c.ID, c.tree, &j.Notes)
	j.Of, j.Sources = o.Source, []*outline.Source{o.Source}
	for _, rule := range c.Constraints {
		constraint(g, rule)
	}
	roles(g, c.AcceptedResourceRoles)
	for _, n := range c.Networks {
		switch {
		case n.Mode == "host":
			g.Mode = "host"
		case n.Name != "":
			g.Lost("the network %s: the address of a task is its node's", n.Name)
		}
	}
	return j, g, o
}

func roles(g *outline.Group, list []string) {
	if len(list) > 0 {
		g.Lost("acceptedResourceRoles %s: node pools keep groups of nodes apart", strings.Join(list, ", "))
	}
}

// labels go to the job, but for those that proxies read from the catalogue.
func (c common) labels(j *outline.Job, g *outline.Group) {
	for _, k := range outline.Keys(c.Labels) {
		if strings.HasPrefix(k, "HAPROXY_") || strings.HasPrefix(k, "traefik.") {
			if len(g.Services) > 0 {
				g.Services[0].Tags = append(g.Services[0].Tags, k+"="+c.Labels[k])
				continue
			}
		}
		j.Meta[outline.Label(k, "label")] = c.Labels[k]
	}
}

func (c common) environment(t *outline.Task, env map[string]any) {
	for _, name := range outline.Keys(env) {
		switch v := env[name].(type) {
		case map[string]any:
			key := fmt.Sprint(v["secret"])
			t.SecretEnv(name, key).Check("%s was the secret %s", name, c.Secrets[key].Source)
		case nil:
			t.PlainEnv(name, "")
		default:
			t.PlainEnv(name, fmt.Sprint(v))
		}
	}
}

// ports tells when a command asks for its ports by the names of Marathon.
func ports(t *outline.Task) {
	for _, text := range append(append([]string{}, t.Entrypoint...), t.Args...) {
		if strings.Contains(text, "$PORT") {
			t.Check("$PORT0 and so on are set as variables; they are NOMAD_PORT_<label> as well")
			return
		}
	}
}

// fetched makes artifacts of what the sandbox was filled with.
func fetched(t *outline.Task, list []fetch) {
	for _, f := range list {
		t.Fetch(f.URI, "local/"+strings.TrimPrefix(f.DestPath, "/"), f.Extract == nil || *f.Extract)
	}
}

func upgraded(u *upgrade, g *outline.Group) {
	if u == nil {
		return
	}
	g.Update = &outline.Update{MaxParallel: 1}
	if u.MinimumHealthCapacity != nil && *u.MinimumHealthCapacity >= 0 && *u.MinimumHealthCapacity <= 1 {
		g.Update.MaxParallel = max(1, int(float64(g.Count)*(1-*u.MinimumHealthCapacity)))
		g.Update.Check("at least %g of the instances were kept healthy", *u.MinimumHealthCapacity)
	}
	if u.MaximumOverCapacity != nil && *u.MaximumOverCapacity > 0 {
		g.Update.Check("maximumOverCapacity %g: canaries start beside the old allocations", *u.MaximumOverCapacity)
	}
}

func constraint(g *outline.Group, c []string) {
	if len(c) < 2 {
		g.Lost("the constraint %s", strings.Join(c, " "))
		return
	}
	attr := "${meta." + outline.Label(c[0], "attribute") + "}"
	switch c[0] {
	case "hostname", "@hostname":
		attr = "${attr.unique.hostname}"
	case "@region":
		attr = "${node.region}"
	case "@zone":
		attr = "${node.datacenter}"
	}
	value := strings.Join(c[2:], ":")
	add := func(operator, value string) {
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: attr, Operator: operator, Value: value})
	}
	switch {
	case c[1] == "UNIQUE" && strings.HasSuffix(c[0], "hostname"):
		g.Constraints = append(g.Constraints, outline.Constraint{Operator: "distinct_hosts", Value: "true"})
	case c[1] == "UNIQUE":
		add("distinct_property", "1")
	case (c[1] == "CLUSTER" || c[1] == "IS") && value != "":
		add("=", value)
	case c[1] == "LIKE" && value != "" && valid(value):
		add("regexp", "^("+value+")$")
	case c[1] == "GROUP_BY":
		spread := outline.Constraint{Attribute: attr, Spread: true}
		if value != "" {
			spread.Check("the groups were %s", value)
		}
		g.Constraints = append(g.Constraints, spread)
	case c[1] == "MAX_PER" && value != "":
		add("distinct_property", value)
	case c[1] == "UNLIKE" && value != "" && plain(value):
		add("!=", value)
	default:
		g.Lost("the constraint %s: write it as a constraint block", strings.Join(c, " "))
	}
}
