// Package e2e holds tests that drive the real binary from outside: agents as
// child processes with real drivers, asked over HTTP by the official client and
// by our own command line, killed without warning and started again. Only go
// test runs it; it never looks inside the other packages of the tree.
package e2e
