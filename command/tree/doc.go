// Package tree holds the tests of the shape of the source tree: who may import
// whom, that every package says what it is, that no mutable state hides in
// packages. Nothing runs it but `go test`.
package tree
