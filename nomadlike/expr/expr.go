// Package expr evaluates the comparisons of constraints and affinities: a check
// is compiled once and tested against many nodes. The scheduler's inner loop
// and admission call it. It knows no state, and never decides what a failed
// check means.
package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	version "github.com/hashicorp/go-version"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// Operand is what a comparison does. Synonyms share one operand.
type Operand uint8

// The operands of constraints and affinities.
const (
	Equal Operand = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
	Regexp
	Version
	Semver
	SetContainsAll
	SetContainsAny
	IsSet
	IsNotSet
	// DistinctHosts and DistinctProperty look at other allocations: every node
	// passes them here.
	DistinctHosts
	DistinctProperty
)

// ParseOperand reads an operand as job specifications spell it.
func ParseOperand(s string) (Operand, bool) {
	switch s {
	case "=", "==", "is":
		return Equal, true
	case "!=", "not":
		return NotEqual, true
	case "<":
		return Less, true
	case "<=":
		return LessEqual, true
	case ">":
		return Greater, true
	case ">=":
		return GreaterEqual, true
	case "regexp":
		return Regexp, true
	case "version":
		return Version, true
	case "semver":
		return Semver, true
	case "set_contains", "set_contains_all":
		return SetContainsAll, true
	case "set_contains_any":
		return SetContainsAny, true
	case "is_set":
		return IsSet, true
	case "is_not_set":
		return IsNotSet, true
	case "distinct_hosts":
		return DistinctHosts, true
	case "distinct_property":
		return DistinctProperty, true
	}
	return 0, false
}

// Check is a compiled comparison. It is immutable, so any number of goroutines
// may test it.
type Check struct {
	operand     Operand
	left, right Target
	text        string // as it stands in metrics
	// right is the compiled right side when it is literal, which is nearly
	// always so; otherwise it is compiled for every test.
	literal *right
}

// right is the right side of a comparison in the form its operand needs.
type right struct {
	text    string
	pattern *regexp.Regexp
	version version.Constraints
	semver  []semverRule
	set     []string
}

// Compile prepares a comparison. An unknown operand, or a literal right side
// that the operand cannot read, is an error.
func Compile(operand, ltarget, rtarget string) (*Check, error) {
	op, ok := ParseOperand(operand)
	if !ok {
		return nil, fmt.Errorf("unknown constraint operator %q", operand)
	}
	c := &Check{
		operand: op,
		left:    ParseTarget(ltarget),
		right:   ParseTarget(rtarget),
		text:    ltarget + " " + operand + " " + rtarget,
	}
	if c.right.Kind == Literal {
		r, err := compileRight(op, rtarget)
		if err != nil {
			return nil, err
		}
		c.literal = r
	}
	return c, nil
}

// compileRight reads the right side as the operand wants it.
func compileRight(op Operand, text string) (*right, error) {
	r := &right{text: text}
	var err error
	switch op {
	case Regexp:
		if r.pattern, err = regexp.Compile(text); err != nil {
			return nil, fmt.Errorf("regular expression %q does not compile: %w", text, err)
		}
	case Version:
		if r.version, err = version.NewConstraint(text); err != nil {
			return nil, fmt.Errorf("version constraint %q is invalid: %w", text, err)
		}
	case Semver:
		if r.semver, err = parseSemver(text); err != nil {
			return nil, err
		}
	case SetContainsAll, SetContainsAny:
		r.set = splitSet(text)
	}
	return r, nil
}

// Operand tells what the check does.
func (c *Check) Operand() Operand { return c.operand }

// String is the comparison as placement metrics name it.
func (c *Check) String() string { return c.text }

// Escapes tells that two nodes of one class may differ in this check.
func (c *Check) Escapes() bool { return c.left.Escapes() || c.right.Escapes() }

// Node tests a node.
func (c *Check) Node(n *nomadlike.Node) bool {
	left, leftSet := c.left.Resolve(n)
	if c.literal != nil {
		return c.test(left, leftSet, c.literal, true)
	}
	text, rightSet := c.right.Resolve(n)
	return c.Values(left, leftSet, text, rightSet)
}

// Values tests two values that the caller resolved; set tells whether each
// exists. A right side that the operand cannot read fails.
func (c *Check) Values(left string, leftSet bool, rightText string, rightSet bool) bool {
	if c.literal != nil && c.literal.text == rightText {
		return c.test(left, leftSet, c.literal, rightSet)
	}
	r, err := compileRight(c.operand, rightText)
	if err != nil {
		return false
	}
	return c.test(left, leftSet, r, rightSet)
}

func (c *Check) test(left string, leftSet bool, r *right, rightSet bool) bool {
	switch c.operand {
	case IsSet:
		return leftSet
	case IsNotSet:
		return !leftSet
	case NotEqual:
		return leftSet != rightSet || leftSet && left != r.text
	case DistinctHosts, DistinctProperty:
		return true
	}
	if !leftSet || !rightSet {
		return false
	}
	switch c.operand {
	case Equal:
		return left == r.text
	case Less:
		return compare(left, r.text) < 0
	case LessEqual:
		return compare(left, r.text) <= 0
	case Greater:
		return compare(left, r.text) > 0
	case GreaterEqual:
		return compare(left, r.text) >= 0
	case Regexp:
		return r.pattern.MatchString(left)
	case Version:
		v, err := version.NewVersion(left)
		return err == nil && r.version.Check(v)
	case Semver:
		v, err := version.NewSemver(left)
		return err == nil && satisfies(v, r.semver)
	case SetContainsAll:
		return containsAll(left, r.set)
	case SetContainsAny:
		return containsAny(left, r.set)
	}
	return false
}

// compare orders two values as whole numbers, else as numbers, else as text.
func compare(a, b string) int {
	if x, err := strconv.ParseInt(a, 10, 64); err == nil {
		if y, err := strconv.ParseInt(b, 10, 64); err == nil {
			return order(x < y, x > y)
		}
	}
	if x, err := strconv.ParseFloat(a, 64); err == nil {
		if y, err := strconv.ParseFloat(b, 64); err == nil {
			return order(x < y, x > y)
		}
	}
	return strings.Compare(a, b)
}

func order(less, more bool) int {
	switch {
	case less:
		return -1
	case more:
		return 1
	}
	return 0
}

// splitSet reads a comma separated set; members are trimmed.
func splitSet(s string) []string {
	members := strings.Split(s, ",")
	for i := range members {
		members[i] = strings.TrimSpace(members[i])
	}
	return members
}

// hasMember tells whether the comma separated set holds the member, without
// taking the set apart.
func hasMember(set, member string) bool {
	for {
		head, rest, more := strings.Cut(set, ",")
		if strings.TrimSpace(head) == member {
			return true
		}
		if !more {
			return false
		}
		set = rest
	}
}

func containsAll(set string, members []string) bool {
	for _, m := range members {
		if !hasMember(set, m) {
			return false
		}
	}
	return true
}

func containsAny(set string, members []string) bool {
	return slices.ContainsFunc(members, func(m string) bool { return hasMember(set, m) })
}
