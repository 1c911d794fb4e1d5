// Package cow is persistent ordered maps, B-trees whose copies share all
// nodes that neither has changed since, a persistent list and a persistent bag.
// The store builds every table and index from them.
//
// A change names its owner, one per transaction. Nodes made by that owner are
// changed in place, all others are copied first, so that many changes of one
// transaction cost little more than in an ordinary tree and every earlier copy
// of the tree stays what it was.
//
// It never locks: any number of goroutines may read a value that nobody
// changes any more.
package cow
