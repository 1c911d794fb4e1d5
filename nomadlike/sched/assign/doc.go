// Package assign turns what a group asks for into what one allocation gets on
// one node: ports, cores, devices and amounts. The scheduler prepares an Ask
// once for a group, tests it against many nodes and takes it on the chosen
// ones. It changes only the fit.Node it is given, and never decides which node
// is better.
package assign
