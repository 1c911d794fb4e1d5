// Package feasible says which nodes a group may run on at all, by everything
// that does not change while allocations are placed: constraints, drivers,
// devices, networks, volumes. What nodes of one class have in common is tested
// once for the class. The scheduler calls it; it never looks at allocations.
package feasible
