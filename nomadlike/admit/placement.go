package admit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/spell"
)

// operands are the words among the operators, which may be misspelt.
var operands = []string{
	"regexp", "version", "semver", "set_contains", "set_contains_all", "set_contains_any",
	"is_set", "is_not_set", "distinct_hosts", "distinct_property",
}

// wrong is something that is wrong with a field.
type wrong struct{ field, text string }

func wrongf(field, format string, args ...any) []wrong {
	return []wrong{{field, fmt.Sprintf(format, args...)}}
}

// constraintProblems tells what is wrong with a constraint. Only constraints of
// jobs and groups may look at other allocations.
func constraintProblems(c *nomadlike.Constraint, distinct bool) []wrong {
	op, known := expr.ParseOperand(c.Operand)
	if c.Operand == "" {
		return []wrong{{"Operand", "Missing constraint operand"}}
	}
	if !known {
		return wrongf("Operand", "Unknown constraint type %q.%s", c.Operand, spell.Hint(c.Operand, operands))
	}
	if expr.ParseTarget(c.LTarget).OfAllocs() {
		return companyProblems(op, c.Operand, c.LTarget, c.RTarget)
	}
	out := targetProblems(c.LTarget)
	if c.LTarget == "" && op != expr.DistinctHosts {
		out = append(out, wrong{"LTarget", "No LTarget provided but is required by constraint"})
	}
	switch op {
	case expr.DistinctHosts:
		if !distinct {
			out = append(out, wrong{"Operand", "distinct_hosts is only allowed on jobs and groups"})
		}
		if _, err := strconv.ParseBool(c.RTarget); c.RTarget != "" && err != nil {
			out = append(out, wrongf("RTarget", "distinct_hosts needs true or false, got %q", c.RTarget)...)
		}
	case expr.DistinctProperty:
		if !distinct {
			out = append(out, wrong{"Operand", "distinct_property is only allowed on jobs and groups"})
		}
		if n, err := strconv.ParseUint(c.RTarget, 10, 64); c.RTarget != "" && (err != nil || n < 1) {
			out = append(out, wrongf("RTarget", "distinct_property needs a count of at least 1, got %q", c.RTarget)...)
		}
	case expr.IsSet, expr.IsNotSet:
		if c.RTarget != "" {
			out = append(out, wrongf("RTarget", "operator %q takes no value, got %q", c.Operand, c.RTarget)...)
		}
	default:
		out = append(out, valueProblems(c.Operand, c.LTarget, c.RTarget)...)
	}
	return out
}

// companyProblems tells what is wrong with a condition on the allocations of a
// node: they have a set of values, so that order and versions mean nothing.
func companyProblems(op expr.Operand, operand, ltarget, rtarget string) []wrong {
	if strings.TrimSuffix(strings.TrimPrefix(ltarget, "${alloc.meta."), "}") == "" {
		return wrongf("LTarget", "%q names no key", ltarget)
	}
	switch op {
	case expr.IsSet, expr.IsNotSet:
		if rtarget != "" {
			return wrongf("RTarget", "operator %q takes no value, got %q", operand, rtarget)
		}
		return nil
	case expr.Equal, expr.NotEqual, expr.Regexp, expr.SetContainsAll, expr.SetContainsAny:
	default:
		return wrongf("Operand", "operator %q cannot be used on %s: use =, !=, set_contains, set_contains_any, regexp, is_set or is_not_set", operand, ltarget)
	}
	if strings.Contains(rtarget, "${") {
		return wrongf("RTarget", "the value to compare %s with must be plain text, got %q", ltarget, rtarget)
	}
	return valueProblems(operand, ltarget, rtarget)
}

// valueProblems tells whether the operand can read its right side.
func valueProblems(operand, ltarget, rtarget string) []wrong {
	if rtarget == "" {
		return wrongf("RTarget", "Operator %q requires an RTarget", operand)
	}
	if _, err := expr.Compile(operand, ltarget, rtarget); err != nil {
		return []wrong{{"RTarget", err.Error()}}
	}
	return nil
}

// targetProblems tells whether every reference of a target is one that
// scheduling knows.
func targetProblems(target string) []wrong {
	var out []wrong
	for rest := target; ; {
		open := strings.Index(rest, "${")
		if open < 0 {
			if strings.Contains(rest, "}") && strings.Contains(target, "${") {
				out = append(out, wrongf("LTarget", "unbalanced braces in %q", target)...)
			}
			return out
		}
		end := strings.Index(rest[open:], "}")
		if end < 0 {
			return append(out, wrongf("LTarget", "unbalanced braces in %q", target)...)
		}
		if ref := rest[open+2 : open+end]; !schedulable(ref) {
			out = append(out, wrongf("LTarget", "%q is no attribute of a node: use node.unique.id, node.unique.name, node.datacenter, node.class, node.pool, attr.KEY, meta.KEY, device.KEY, alloc.job, alloc.group or alloc.meta.KEY.%s", ref, rootHint(ref))...)
		}
		rest = rest[open+end+1:]
	}
}

// rootHint proposes what a reference was meant to be whose first word is
// misspelt, or whose name is.
func rootHint(ref string) string {
	root, rest, ok := strings.Cut(ref, ".")
	if !ok {
		return ""
	}
	for _, known := range [...]string{"attr", "meta", "node", "device", "alloc"} {
		if root != known && spell.Hint(root, []string{known}) != "" {
			return fmt.Sprintf(" Did you mean %q?", known+"."+rest)
		}
	}
	return spell.Hint(ref, []string{"node.unique.id", "node.unique.name", "node.datacenter", "node.class", "node.pool", "alloc.job", "alloc.group"})
}

// schedulable tells whether scheduling can resolve the reference.
func schedulable(ref string) bool {
	switch ref {
	case "node.unique.id", "node.unique.name", "node.datacenter", "node.class", "node.pool":
		return true
	}
	for _, prefix := range [...]string{"attr.", "meta.", "device."} {
		if strings.HasPrefix(ref, prefix) {
			return true
		}
	}
	return false
}

// weightMax bounds weights of affinities and spreads.
const weightMax = 100

func affinityProblems(a *nomadlike.Affinity) []wrong {
	op, known := expr.ParseOperand(a.Operand)
	if a.Operand == "" {
		return []wrong{{"Operand", "Missing affinity operand"}}
	}
	if !known {
		return wrongf("Operand", "Unknown affinity operator %q.%s", a.Operand, spell.Hint(a.Operand, operands))
	}
	var out []wrong
	switch {
	case expr.ParseTarget(a.LTarget).OfAllocs():
		out = companyProblems(op, a.Operand, a.LTarget, a.RTarget)
	default:
		out = append(targetProblems(a.LTarget), affinityValueProblems(op, a)...)
	}
	switch {
	case a.Weight < -weightMax || a.Weight > weightMax:
		out = append(out, wrongf("Weight", "Affinity weight must be within the range [-100, 100], got %d", a.Weight)...)
	case a.Weight == 0:
		out = append(out, wrong{"Weight", "Affinity weight cannot be zero"})
	}
	return out
}

func affinityValueProblems(op expr.Operand, a *nomadlike.Affinity) []wrong {
	var out []wrong
	if a.LTarget == "" {
		out = append(out, wrong{"LTarget", "No LTarget provided but is required by affinity"})
	}
	switch op {
	case expr.DistinctHosts, expr.DistinctProperty, expr.IsSet, expr.IsNotSet:
		return append(out, wrongf("Operand", "operator %q is not supported in affinities", a.Operand)...)
	}
	return append(out, valueProblems(a.Operand, a.LTarget, a.RTarget)...)
}

func spreadProblems(s *nomadlike.Spread) []wrong {
	var out []wrong
	if s.Attribute == "" {
		out = append(out, wrong{"Attribute", "Missing spread attribute"})
	}
	if s.Weight < 1 || s.Weight > weightMax {
		out = append(out, wrongf("Weight", "Spread block must have a weight between 1 and 100, got %d", s.Weight)...)
	}
	seen := map[string]bool{}
	var sum uint64
	for i, t := range s.SpreadTarget {
		if seen[t.Value] {
			out = append(out, wrongf(fmt.Sprintf("SpreadTarget/%d/Value", i), "Spread target value %q already defined", t.Value)...)
		}
		seen[t.Value] = true
		if t.Percent > 100 {
			out = append(out, wrongf(fmt.Sprintf("SpreadTarget/%d/Percent", i), "Spread target percentage for value %q must be between 0 and 100", t.Value)...)
		}
		sum += t.Percent
	}
	if sum > 100 {
		out = append(out, wrongf("SpreadTarget", "Sum of spread target percentages must not be greater than 100%%; got %d%%", sum)...)
	}
	return out
}
