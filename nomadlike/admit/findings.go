package admit

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/spell"
)

// findings collects what is found about a part of a job.
type findings struct {
	at   *place
	list *[]finding
}

// finding is one thing about a job or, when it has parts, what was found about a
// part of the job, to be told as one.
type finding struct {
	at    *place
	field string // relative to the place
	text  string
	parts []finding
}

// place is a part of a job. Where it is gets spelt out only when something is
// found there.
type place struct {
	outer *place
	// step leads here from the outer place: names of members, with "/" between
	// them. index is the element of the list there, none where it is no list.
	step  string
	index int
	// noun and name are what people call it: group "web". The noun is empty where
	// the names of the outer places do, the name where it has none.
	noun, name string
}

// none is the index of what is not in a list.
const none = -1

// newFindings collects what is found about a job.
func newFindings() findings { return findings{at: &place{index: none}, list: &[]finding{}} }

// below is where findings about a member go.
func (f findings) below(member string) findings {
	return findings{&place{outer: f.at, step: member, index: none}, f.list}
}

// element is where findings about an element of a list go.
func (f findings) element(list string, index int, noun, name string) findings {
	return findings{&place{outer: f.at, step: list, index: index, noun: noun, name: name}, f.list}
}

// entry is where findings about an entry of a map go.
func (f findings) entry(member, key, noun string) findings {
	return findings{&place{outer: f.at, step: member + "/" + escaped(key), index: none, noun: noun, name: key}, f.list}
}

func (f findings) group(i int, g *nomadlike.Group) findings {
	return f.element("TaskGroups", i, "group", g.Name)
}

func (f findings) task(i int, t *nomadlike.Task) findings {
	return f.element("Tasks", i, "task", t.Name)
}

func (f findings) service(i int, s *nomadlike.Service) findings {
	return f.element("Services", i, "service", s.Name)
}

// check is where findings about a check go. One whose name says nothing is called
// by its number.
func (f findings) check(i int, s serviceOf, c *nomadlike.ServiceCheck) findings {
	if c.Name == checkNameDefault(s.Service) {
		return f.element("Checks", i, "check "+strconv.Itoa(i+1), "")
	}
	return f.element("Checks", i, "check", c.Name)
}

// port is where findings about the i-th port of a network go, the static ones
// counted first.
func (f findings) port(n *nomadlike.Network, i int, label string) findings {
	if i < len(n.ReservedPorts) {
		return f.element("ReservedPorts", i, "port", label)
	}
	return f.element("DynamicPorts", i-len(n.ReservedPorts), "port", label)
}

// apart collects findings about the same place that fold will tell as one.
func (f findings) apart() findings { return findings{f.at, &[]finding{}} }

// addf notes something about a field, which may be one of a member: "A/B"; ""
// is the place itself.
func (f findings) addf(field, format string, args ...any) {
	*f.list = append(*f.list, finding{at: f.at, field: field, text: fmt.Sprintf(format, args...)})
}

// oneOf refuses a value that is none of those that are allowed, which the
// problem lists; what the value is for is told first.
func (f findings) oneOf(field, value string, allowed []string, format string, args ...any) {
	if slices.Contains(allowed, value) {
		return
	}
	said := slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" })
	f.addf(field, "%s %q; must be one of: %s.%s", fmt.Sprintf(format, args...), value, strings.Join(said, ", "), spell.Hint(value, said))
}

// fold tells the findings of a part as one.
func (f findings) fold(part string, inner findings) {
	if len(*inner.list) > 0 {
		*f.list = append(*f.list, finding{text: part, parts: *inner.list})
	}
}

// err is the findings as an error; nil when there are none.
func (f findings) err() error {
	if len(*f.list) == 0 {
		return nil
	}
	return &refusal{*f.list}
}

// refusal is everything that is wrong with a job, in the order of the job.
type refusal struct{ list []finding }

func (r *refusal) Error() string { return Problems(texts(r.list)).Error() }

// texts are the findings in words.
func texts(list []finding) []string {
	out := make([]string, len(list))
	for i, f := range list {
		out[i] = f.text
		if f.parts != nil {
			out[i] += " validation failed: " + Problems(texts(f.parts)).Error()
		}
	}
	return out
}

// Located is what an error of Validate is made of, each problem by itself with
// where in the job it is. It is nil for other errors.
func Located(err error) []nomadlike.JobProblem {
	var r *refusal
	if !errors.As(err, &r) {
		return nil
	}
	return located(nil, r.list)
}

func located(out []nomadlike.JobProblem, list []finding) []nomadlike.JobProblem {
	for _, f := range list {
		if f.parts != nil {
			out = located(out, f.parts)
			continue
		}
		path := f.at.path()
		if f.field != "" {
			path += "/" + f.field
		}
		out = append(out, nomadlike.JobProblem{Path: path, Part: f.at.part(), Text: f.text})
	}
	return out
}

// path is the JSON pointer (RFC 6901) of a place.
func (p *place) path() string {
	if p.outer == nil {
		return ""
	}
	out := p.outer.path() + "/" + p.step
	if p.index != none {
		out += "/" + strconv.Itoa(p.index)
	}
	return out
}

// part is what people call a place, from the outside in.
func (p *place) part() string {
	if p.outer == nil {
		return ""
	}
	out := p.outer.part()
	if p.noun == "" {
		return out
	}
	if out != "" {
		out += ", "
	}
	if p.name == "" {
		return out + p.noun
	}
	return out + p.noun + " " + strconv.Quote(p.name)
}

// escaped is a key as a part of a JSON pointer.
func escaped(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }
