// Package capacity keeps the nodes that may take work ordered by what they have
// left, so that the best of them for an allocation is found without looking at
// each.
//
// Nodes that a scheduler cannot tell apart by their properties stand together in
// a Kind. Within it a tree orders them by how much CPU and memory they have
// left, close amounts close together; every branch knows the least and the most
// of what is below it. A Search follows the branches that promise most and hands
// out nodes from the best to the worst; what it need not look at to be sure, it
// does not look at. Its order is that of comparing all of them.
//
// An Index is a value whose copies share what neither has changed since, as
// trees of package cow do, and names its changes' owner alike. The state keeps
// one up to date with every write.
package capacity
