package feasible

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// Reasons why a node is left out, as placement metrics name them. Constraints
// are named by their own text.
const (
	MissingDrivers  = "missing drivers"
	MissingDevices  = "missing devices"
	MissingNetwork  = "missing network"
	MissingVolumes  = "missing compatible host volumes"
	MissingSecrets  = "missing secrets provider"
	MissingCores    = "number of cores unknown"
	ClassIneligible = "computed class ineligible"
	DistinctHosts   = "distinct_hosts"
)

// Property is a distinct_property constraint.
type Property struct {
	Target expr.Target
	Text   string // the target as it was written
	Limit  int
	PerJob bool // counts all groups of the job
}

// Checks are the tests of one group.
type Checks struct {
	// Escapes tells that nodes of one class may differ.
	Escapes    bool
	class      []classCheck
	node       []check
	verdict    map[kind]string   // reason, "" passes
	failures   map[kind][]string // every reason, for Failures
	told       map[kind]bool     // those whose reason was counted once
	PerAlloc   bool              // volumes depend on the index of the allocation
	HostsJob   bool              // distinct_hosts for the job
	HostsGroup bool              // distinct_hosts for the group
	Properties []Property
	// Volumes lists the CSI volumes that the group needs, which may be missing or
	// in use.
	Volumes []string

	namespace string
	state     Volumes
}

type check struct {
	reason string
	passes func(*nl.Node) bool
}

// classCheck is one whose result all nodes of a class share, or would, but for
// what each reports beside what its class is made of, as the health of drivers.
type classCheck struct {
	check
	reported bool
}

// kind is nodes of one class of which the reported checks say the same.
type kind struct {
	class    string
	reported uint64 // a bit for each reported check that passes
}

// kindOf is that of a node which has a class.
func (c *Checks) kindOf(n *nl.Node) kind {
	k := kind{class: n.ComputedClass}
	for i := range c.class {
		if c.class[i].reported && c.class[i].passes(n) {
			k.reported |= 1 << (i % 64) // one test for drivers, one for the network
		}
	}
	return k
}

// Devices tells whether a node has the devices that a group asks for.
type Devices interface {
	WantsDevices() bool
	// KnowsDevices tells whether the node has such devices at all, which all of
	// its class have or have not; HasDevices whether they are enough.
	KnowsDevices(*nl.Node) bool
	HasDevices(*nl.Node) bool
}

// New prepares the tests of a group.
func New(job *nl.Job, g *nl.Group, devices Devices, volumes Volumes) (*Checks, error) {
	c := &Checks{verdict: map[kind]string{}, told: map[kind]bool{}, namespace: job.Namespace, state: volumes}
	if err := c.constraints(job.Constraints, true); err != nil {
		return nil, err
	}
	c.drivers(g)
	if err := c.constraints(g.Constraints, false); err != nil {
		return nil, err
	}
	for _, t := range g.Tasks {
		if err := c.constraints(t.Constraints, false); err != nil {
			return nil, fmt.Errorf("task %q: %w", t.Name, err)
		}
	}
	if devices != nil && devices.WantsDevices() {
		c.class = append(c.class, classCheck{check{MissingDevices, devices.KnowsDevices}, false})
		c.node = append(c.node, check{MissingDevices, devices.HasDevices})
	}
	c.cores(g)
	c.networks(g)
	c.secrets(g)
	c.volumes(g)
	return c, nil
}

func (c *Checks) constraints(list []*nl.Constraint, ofJob bool) error {
	for _, k := range list {
		if isCompany(k.LTarget) {
			// Classes tell nothing about what is on their nodes.
			c.Escapes = true
			continue
		}
		compiled, err := expr.Compile(k.Operand, k.LTarget, k.RTarget)
		if err != nil {
			return fmt.Errorf("constraint %q: %w", text(k), err)
		}
		switch compiled.Operand() {
		case expr.DistinctHosts:
			on, err := HostsDiffer(k)
			if err != nil {
				return err
			}
			c.HostsJob = c.HostsJob || on && ofJob
			c.HostsGroup = c.HostsGroup || on && !ofJob
			continue
		case expr.DistinctProperty:
			limit := 1
			if k.RTarget != "" {
				if limit, err = strconv.Atoi(k.RTarget); err != nil || limit < 1 {
					return fmt.Errorf("constraint %q: its value is not a positive number", text(k))
				}
			}
			c.Properties = append(c.Properties, Property{expr.ParseTarget(k.LTarget), k.LTarget, limit, ofJob})
			continue
		}
		one := check{text(k), compiled.Node}
		if compiled.Escapes() {
			c.Escapes = true
			c.node = append(c.node, one)
		} else {
			c.class = append(c.class, classCheck{one, false})
		}
	}
	return nil
}

// text is a constraint as metrics name it.
func text(k *nl.Constraint) string {
	return k.LTarget + " " + k.Operand + " " + k.RTarget
}

func (c *Checks) drivers(g *nl.Group) {
	var names []string
	for _, t := range g.Tasks {
		if !slices.Contains(names, t.Driver) {
			names = append(names, t.Driver)
		}
	}
	c.class = append(c.class, classCheck{check{MissingDrivers, func(n *nl.Node) bool {
		for _, name := range names {
			if !hasDriver(n, name) {
				return false
			}
		}
		return true
	}}, true})
}

// hasDriver believes what the node tells of the driver, else its attribute.
func hasDriver(n *nl.Node, name string) bool {
	if d := n.Drivers[name]; d != nil {
		return d.Detected && d.Healthy
	}
	on, err := strconv.ParseBool(n.Attributes["driver."+name])
	return err == nil && on
}

// HostsDiffer tells whether a distinct_hosts constraint is in force: it is unless
// its value is false. Other values than a boolean are an error.
func HostsDiffer(k *nl.Constraint) (bool, error) {
	if k.RTarget == "" {
		return true, nil
	}
	on, err := strconv.ParseBool(k.RTarget)
	if err != nil {
		return false, fmt.Errorf("constraint %q: its value is neither true nor false", text(k))
	}
	return on, nil
}

// cores leaves out nodes on which thousandths of a core mean nothing.
func (c *Checks) cores(g *nl.Group) {
	for _, t := range g.Tasks {
		if t.Resources != nil && t.Resources.CPUMillis > 0 {
			c.node = append(c.node, check{MissingCores, func(n *nl.Node) bool { return fit.RateOf(n).Cores > 0 }})
			return
		}
	}
}

func (c *Checks) networks(g *nl.Group) {
	if len(g.Networks) == 0 {
		return
	}
	ask := g.Networks[0]
	switch ask.Mode {
	case "", "host", "none":
	default:
		c.class = append(c.class, classCheck{check{MissingNetwork, func(n *nl.Node) bool { return hasMode(n, ask.Mode) }}, true})
	}
	for _, list := range [2][]*nl.Port{ask.ReservedPorts, ask.DynamicPorts} {
		for _, p := range list {
			if p.HostNetwork == "" || p.HostNetwork == "default" {
				continue
			}
			one := check{
				fmt.Sprintf("missing host network %q for port %q", p.HostNetwork, p.Label),
				func(n *nl.Node) bool { return hasNetwork(n, p.HostNetwork) },
			}
			// Addresses are no part of the class.
			c.node = append(c.node, one)
		}
	}
}

func hasMode(n *nl.Node, mode string) bool {
	if n.NodeResources == nil {
		return false
	}
	for _, nw := range n.NodeResources.NodeNetworks {
		if nw.Mode == mode {
			return true
		}
	}
	for _, nw := range n.NodeResources.Networks {
		if nw.Mode == mode {
			return true
		}
	}
	return false
}

func hasNetwork(n *nl.Node, alias string) bool {
	if strings.HasPrefix(alias, "${") {
		resolved, ok := expr.Resolve(alias, n)
		if !ok {
			return false
		}
		alias = resolved
	}
	if n.NodeResources == nil {
		return false
	}
	for _, nw := range n.NodeResources.NodeNetworks {
		for _, a := range nw.Addresses {
			if a.Alias == alias {
				return true
			}
		}
	}
	return false
}

func (c *Checks) secrets(g *nl.Group) {
	for _, t := range g.Tasks {
		for _, s := range t.Secrets {
			attribute := "plugins.secrets." + s.Provider + ".version"
			c.class = append(c.class, classCheck{check{MissingSecrets, func(n *nl.Node) bool {
				_, ok := n.Attributes[attribute]
				return ok
			}}, false})
		}
	}
}

// Node tests a node: "" when it passes, else the reason. What its class decides
// is looked up.
func (c *Checks) Node(n *nl.Node) string {
	if reason := c.Class(n); reason != "" {
		return reason
	}
	for i := range c.node {
		if !c.node[i].passes(n) {
			return c.node[i].reason
		}
	}
	return ""
}

// Class tests what all nodes of the node's class have in common.
func (c *Checks) Class(n *nl.Node) string {
	var k kind
	if n.ComputedClass != "" {
		k = c.kindOf(n)
		if reason, known := c.verdict[k]; known {
			return reason
		}
	}
	reason := ""
	for i := range c.class {
		if !c.class[i].passes(n) {
			reason = c.class[i].reason
			break
		}
	}
	if n.ComputedClass != "" {
		c.verdict[k] = reason
	}
	return reason
}

// Count is the name under which metrics count a node that failed for this
// reason: the first of its class by the reason itself, the others by the class.
func (c *Checks) Count(n *nl.Node, reason string) string {
	if n.ComputedClass == "" {
		return reason
	}
	k := c.kindOf(n)
	if c.verdict[k] != reason {
		return reason
	}
	if c.told[k] {
		return ClassIneligible
	}
	c.told[k] = true
	return reason
}

// CountAll is Count for n nodes of one class: the name of the first, and that of
// the others, "" when there is none.
func (c *Checks) CountAll(node *nl.Node, reason string, n int) (first, others string) {
	first = c.Count(node, reason)
	if n > 1 {
		others = c.Count(node, reason)
	}
	return first, others
}

// ByClass tells that nodes of one class never differ, as far as their
// properties go.
func (c *Checks) ByClass() bool { return !c.Escapes && len(c.node) == 0 }

// Forget starts counting anew.
func (c *Checks) Forget() { clear(c.told) }

// Eligible yields which classes were seen and whether they pass. A class may
// come twice, when some of its nodes do and others do not.
func (c *Checks) Eligible(yield func(class string, passes bool)) {
	for k, reason := range c.verdict {
		yield(k.class, reason == "")
	}
}
