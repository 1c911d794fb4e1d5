//go:build linux && (amd64 || arm64)

package core

// siginfoPid is the index, in 32-bit words, of the child's pid in siginfo_t:
// three ints, then padding to the eight bytes of the union.
const siginfoPid = 4
