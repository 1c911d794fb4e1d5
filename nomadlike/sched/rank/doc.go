// Package rank scores nodes for a group: the formulas by which one feasible
// node is better than another. The scheduler calls it; it is arithmetic only
// and never looks at whether a node may be used.
package rank
