// Package fit is the arithmetic of capacity: what a node has, what its
// allocations take, and whether they fit. The scheduler asks it before it
// places, and verification asks the very same code before a plan is committed,
// so the two never disagree. It reads nouns only and knows no state, clock or
// randomness.
package fit
