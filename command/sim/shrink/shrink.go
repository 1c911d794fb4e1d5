// Package shrink finds a small part of a list that still fails. It knows
// nothing of what the list means.
package shrink

import "slices"

// List leaves out of list what can be left out, as long as fails tells that
// what is left still fails: large pieces first, then smaller ones, down to
// single items (Zeller's delta debugging). It calls fails at most most times.
func List[T any](list []T, most int, fails func([]T) bool) []T {
	for size := len(list) / 2; size >= 1 && most > 0; {
		shrunk := false
		for at := 0; at < len(list) && most > 0; {
			end := min(at+size, len(list))
			rest := slices.Concat(list[:at], list[end:])
			most--
			if fails(rest) {
				list, shrunk = rest, true
				continue
			}
			at = end
		}
		if !shrunk || size > len(list) {
			size /= 2
		}
	}
	return list
}
