// Package nomadlike holds the nouns of the scheduler, one file each: Job,
// Group, Task, Alloc, Node, Eval, Plan, Deployment and what they are made of.
// HTTP, RPC, log and state share these types. The package knows no socket,
// file, clock or goroutine, and imports nothing else of the project.
package nomadlike
