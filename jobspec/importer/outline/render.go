package outline

import (
	"fmt"
	"slices"
	"strings"
)

// Render writes the job in native syntax, not yet formatted, and counts its
// comments at its sources.
func (j *Job) Render(origin string) string {
	w := &writer{empty: true, of: j.Of}
	if w.of == nil {
		w.of = &Source{}
	}
	w.comment("Imported from " + origin + ".")
	j.preamble(w)
	w.b.WriteByte('\n')
	w.empty = true
	w.block("job "+Quote(j.Name), Notes{}, func() {
		if j.Type != Service {
			w.str("type", j.Type)
		}
		w.str("namespace", j.Namespace)
		if p := j.Periodic; p != nil {
			w.block("periodic", p.Notes, func() {
				w.list("crons", p.Crons, Quote)
				w.str("time_zone", p.TimeZone)
				w.flag("prohibit_overlap", p.ProhibitOverlap)
				if p.Disabled {
					w.raw("enabled", "false")
				}
			})
		}
		w.constraints(j.Constraints)
		w.table("meta", j.Meta)
		for _, g := range j.Groups {
			w.group(j, g)
		}
	})
	return w.b.String()
}

// Path is the variable in the cluster that the job's secrets lie in. A job's
// tasks may read it without any policy.
func (j *Job) Path() string { return "nomad/jobs/" + j.Name }

// preamble tells what is to be done before the job can run.
func (j *Job) preamble(w *writer) {
	w.notes(j.Notes)
	items := j.items()
	if len(items) == 0 {
		return
	}
	w.comment("\nBefore the first run, put the secrets into the variable that the tasks read (a value of @file is read from that file):")
	args := []string{}
	if j.Namespace != "" {
		args = append(args, "-namespace="+j.Namespace)
	}
	args = append(args, j.Path())
	w.comment("")
	w.line("#   nomadlike var put " + strings.Join(args, " ") + " \\")
	for i, item := range items {
		end := " \\"
		if i == len(items)-1 {
			end = ""
		}
		w.line("#     " + item + "=..." + end)
	}
}

// items are what the variable of the job must hold.
func (j *Job) items() (items []string) {
	for _, g := range j.Groups {
		for _, t := range g.Tasks {
			for _, e := range t.Env {
				items = append(items, e.Secret, e.password)
			}
			for _, f := range t.Templates {
				items = append(items, f.Secret)
			}
			if t.Auth != nil {
				items = append(items, registryItem)
			}
		}
	}
	slices.Sort(items)
	return slices.DeleteFunc(slices.Compact(items), func(s string) bool { return s == "" })
}

// registryItem holds the password of the registry.
const registryItem = "registry_password"

func (w *writer) constraints(list []Constraint) {
	for _, c := range list {
		kind := "constraint"
		switch {
		case c.Spread:
			kind = "spread"
		case c.Weight != 0:
			kind = "affinity"
		}
		w.block(kind, c.Notes, func() {
			if c.Attribute != "" {
				w.raw("attribute", QuoteExpr(c.Attribute))
			}
			if c.Spread {
				w.num("weight", c.Weight)
				return
			}
			if c.Operator != "=" {
				w.str("operator", c.Operator)
			}
			w.str("value", c.Value)
			w.num("weight", c.Weight)
		})
	}
}

func (w *writer) group(j *Job, g *Group) {
	w.block("group "+Quote(g.Name), g.Notes, func() {
		if g.Count != 1 && j.Type != System && j.Type != Sysbatch {
			w.raw("count", fmt.Sprint(g.Count))
		}
		w.duration("shutdown_delay", g.ShutdownDelay)
		w.constraints(g.Constraints)
		w.network(g)
		for _, v := range g.Volumes {
			w.block("volume "+Quote(v.Name), v.Notes, func() {
				w.str("type", "host")
				w.str("source", v.Source)
				w.flag("read_only", v.ReadOnly)
				w.flag("per_alloc", v.PerAlloc)
			})
		}
		for _, s := range g.Services {
			w.service(s)
		}
		w.policies(j, g)
		if g.DiskMB > 0 {
			w.block("ephemeral_disk", Notes{}, func() { w.num("size", g.DiskMB) })
		}
		for _, t := range g.Tasks {
			w.task(j, g, t)
		}
	})
}

func (w *writer) network(g *Group) {
	if g.Mode == "" && len(g.Ports) == 0 {
		return
	}
	w.block("network", Notes{}, func() {
		w.str("mode", g.Mode)
		for _, p := range g.Ports {
			if p.Static == 0 && (p.To == 0 || g.Mode == "host") {
				w.gap()
				w.notes(p.Notes)
				w.line("port " + Quote(p.Label) + " {}")
				continue
			}
			w.block("port "+Quote(p.Label), p.Notes, func() {
				w.num("static", p.Static)
				if g.Mode != "host" {
					w.num("to", p.To)
				}
			})
		}
	})
}

func (w *writer) service(s *ServiceEntry) {
	w.block("service", s.Notes, func() {
		w.str("name", s.Name)
		w.str("port", s.Port)
		w.str("provider", "nomad")
		w.list("tags", s.Tags, Quote)
		for _, c := range s.Checks {
			w.block("check", c.Notes, func() {
				w.str("type", c.Type)
				w.str("port", c.Port)
				w.str("protocol", c.Protocol)
				w.str("method", c.Method)
				w.str("path", c.Path)
				w.duration("interval", c.Interval)
				w.duration("timeout", c.Timeout)
				if len(c.Headers) > 0 {
					w.block("header", Notes{}, func() {
						for _, k := range Keys(c.Headers) {
							w.list(Key(k), []string{c.Headers[k]}, Quote)
						}
					})
				}
				if c.RestartLimit > 0 {
					w.block("check_restart", Notes{}, func() {
						w.num("limit", c.RestartLimit)
						w.duration("grace", c.RestartGrace)
					})
				}
			})
		}
	})
}

func (w *writer) policies(j *Job, g *Group) {
	if r := g.Restart; r != nil {
		w.block("restart", r.Notes, func() {
			w.raw("attempts", fmt.Sprint(r.Attempts))
			w.duration("interval", r.Interval)
			w.duration("delay", r.Delay)
			w.str("mode", r.Mode)
		})
	}
	if u := g.Update; u != nil && (j.Type == Service || j.Type == System) {
		w.block("update", u.Notes, func() {
			w.num("max_parallel", u.MaxParallel)
			w.num("canary", u.Canary)
			w.duration("stagger", u.Stagger)
			w.duration("min_healthy_time", u.MinHealthy)
			w.duration("progress_deadline", u.ProgressEnd)
			w.flag("auto_revert", u.AutoRevert)
			w.flag("auto_promote", u.AutoPromote)
		})
	}
	if s := g.Scaling; s != nil {
		w.block("scaling", s.Notes, func() {
			w.raw("min", fmt.Sprint(s.Min))
			w.raw("max", fmt.Sprint(s.Max))
		})
	}
}
