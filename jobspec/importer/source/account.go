package source

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// verdict is what becomes of a field.
type verdict byte

const (
	unknown verdict = 0
	// carried fields are read by the importer, which tells itself where it only
	// comes near to one.
	carried verdict = '='
	// missing fields have no counterpart.
	missing verdict = '-'
	// silent fields say nothing of what runs: versions of the format, what a
	// cluster wrote into an object, what holds files together.
	silent verdict = '.'
)

// rule tells what becomes of the fields at and below a path.
type rule struct {
	path    []string // "*" is any one segment, and ends one that begins so
	verdict verdict
	why     string
}

// Rules are those of one ecosystem, by section.
type Rules map[string][]rule

// MustRules reads rules that are part of the program:
//
//	[section]
//	= path.to.field            carried, with all below it
//	- path.*.field  why, what to do
//	. path                     silent
//	> section path             the rules of a section, below this path or at "."
//
// An included section must stand before. It panics on anything else.
func MustRules(text string) Rules {
	rules := Rules{}
	section := ""
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '[':
			section = strings.Trim(line, "[]")
			rules[section] = nil
			continue
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line[1:]), " ")
		switch v := verdict(line[0]); v {
		case carried, missing, silent:
			rules[section] = append(rules[section], rule{path: segments(word), verdict: v, why: strings.TrimSpace(rest)})
		case '>':
			var prefix []string // "." is none
			if rest = strings.TrimSpace(rest); rest != "." {
				prefix = segments(rest)
			}
			if _, ok := rules[word]; !ok {
				panic("rules of an import: there is no section " + word)
			}
			for _, r := range rules[word] {
				rules[section] = append(rules[section], rule{path: append(append([]string{}, prefix...), r.path...), verdict: r.verdict, why: r.why})
			}
		default:
			panic("rules of an import: " + line)
		}
	}
	return rules
}

// segments splits a path at its dots, but for those in quotes.
func segments(path string) (out []string) {
	for i, part := range strings.Split(strings.ToLower(path), `"`) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		if part = strings.Trim(part, "."); part != "" {
			out = append(out, strings.Split(part, ".")...)
		}
	}
	return out
}

// Object is a part of a document that one noun came from.
type Object struct {
	Source *outline.Source
	Value  any
	// Foreign tells that the noun it is noted at came from another object.
	Foreign bool
	rules   []rule
	places  map[string]*outline.Notes
}

// Object makes an object of a value that follows the rules of a section. Notes
// on what is missing go to the given place.
func (r Rules) Object(section, name string, value any, place *outline.Notes) *Object {
	rules, ok := r[section]
	if !ok {
		panic("rules of an import: there is no section " + section)
	}
	o := &Object{Source: &outline.Source{Kind: section, Name: name}, Value: value, rules: rules, places: map[string]*outline.Notes{}}
	o.Place(place)
	return o
}

// Place sends notes on all that lies below a path to a place of their own.
func (o *Object) Place(place *outline.Notes, path ...string) {
	o.places[strings.Join(path, "\x00")] = place
}

// Account counts the fields of the object, and notes those that are missing.
func (o *Object) Account() { o.walk(o.Value, nil, o.rules, carriedBy{}) }

// carriedBy is the rule that holds for a value.
type carriedBy struct {
	verdict verdict
	why     string
}

// walk goes through a value. The rules are those whose paths can still meet it,
// with what is left of their paths.
func (o *Object) walk(value any, path []string, rules []rule, above carriedBy) {
	here := above
	for _, r := range rules {
		if len(r.path) == 0 {
			here = carriedBy{r.verdict, r.why}
		}
	}
	switch {
	case value == nil:
		return
	case here.verdict == missing && !(deeper(rules) && composite(value)):
		o.note(path, here.why)
		return
	case here.verdict == unknown && len(path) > 0 && !deeper(rules):
		o.note(path, "the importer does not know it")
		return
	}
	switch v := value.(type) {
	case map[string]any:
		if len(v) > 0 {
			for _, k := range outline.Keys(v) {
				o.walk(v[k], append(path[:len(path):len(path)], k), next(rules, k), here)
			}
			return
		}
	case []any:
		if len(v) > 0 {
			for i, inner := range v {
				k := strconv.Itoa(i)
				o.walk(inner, append(path[:len(path):len(path)], k), next(rules, k), here)
			}
			return
		}
	}
	switch here.verdict {
	case carried:
		o.Source.Carried++
	case unknown:
		o.note(path, "the importer does not know it")
	}
}

// composite tells whether a value has parts.
func composite(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return len(v) > 0
	case []any:
		return len(v) > 0
	}
	return false
}

func deeper(rules []rule) bool {
	for _, r := range rules {
		if len(r.path) > 0 {
			return true
		}
	}
	return false
}

// next gives the rules for a key: those that name it, or else those for any.
func next(rules []rule, key string) []rule {
	key = strings.ToLower(key)
	var named, any []rule
	for _, r := range rules {
		switch {
		case len(r.path) == 0:
		case r.path[0] == key:
			named = append(named, rule{r.path[1:], r.verdict, r.why})
		case strings.HasSuffix(r.path[0], "*") && strings.HasPrefix(key, strings.TrimSuffix(r.path[0], "*")):
			any = append(any, rule{r.path[1:], r.verdict, r.why})
		}
	}
	if len(named) > 0 {
		return named
	}
	return any
}

// note leaves a remark at the innermost place on the path, which it names from
// there on.
func (o *Object) note(path []string, why string) {
	for n := len(path); n >= 0; n-- {
		place, ok := o.places[strings.Join(path[:n], "\x00")]
		if !ok {
			continue
		}
		if place == nil {
			return
		}
		text := show(path[n:])
		if o.Foreign {
			text = fmt.Sprintf("%s of %s %s", text, o.Source.Kind, o.Source.Name)
		}
		if why != "" {
			text += ": " + why
		}
		place.List = append(place.List, outline.Note{Lost: true, Text: text, Of: o.Source})
		return
	}
}

// show is a path as people write it: a.b[2].c.
func show(path []string) string {
	var b strings.Builder
	for i, p := range path {
		if _, err := strconv.Atoi(p); err == nil {
			b.WriteString("[" + p + "]")
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p)
	}
	return b.String()
}
