package feasible

import nl "github.com/nomadlike/nomadlike/nomadlike"

// Failures are the reasons of all tests that the node fails, where Node tells
// only the first. What its class decides is looked up.
func (c *Checks) Failures(n *nl.Node) []string {
	out := c.classFailures(n)
	for i := range c.node {
		if !c.node[i].passes(n) {
			out = append(out[:len(out):len(out)], c.node[i].reason)
		}
	}
	return out
}

func (c *Checks) classFailures(n *nl.Node) []string {
	if n.ComputedClass != "" {
		if known, ok := c.failures[c.kindOf(n)]; ok {
			return known
		}
	}
	var out []string
	for i := range c.class {
		if !c.class[i].passes(n) {
			out = append(out, c.class[i].reason)
		}
	}
	if n.ComputedClass != "" {
		if c.failures == nil {
			c.failures = map[kind][]string{}
		}
		c.failures[c.kindOf(n)] = out
	}
	return out
}
