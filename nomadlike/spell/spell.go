// Package spell proposes what a misspelt word may have been meant to be. Whoever
// refuses a word that must be one of several uses it: the readers of job files
// and the validation of jobs. It knows no words itself.
package spell

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// distanceMax is in how many letters a word must at least differ not to be taken
// for the other; half of the letters must be right in any case.
const distanceMax = 3

// prefixMin is how many letters the start of a word must have to stand for it.
const prefixMin = 3

// Hint proposes the known word nearest to an unknown one, as a sentence to
// append; it is empty when none is near.
func Hint(given string, known []string) string {
	best := nearest(given, known)
	if best == "" {
		best = completion(given, known)
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

// nearest is the word with the fewest letters that differ; capitals are no
// difference.
func nearest(given string, known []string) string {
	best, distance := "", distanceMax
	for _, word := range known {
		a, b := strings.ToLower(given), strings.ToLower(word)
		d := levenshtein.Distance(a, b, nil)
		if swapped(a, b) {
			d = 1
		}
		if d < distance && 2*d <= len(word) {
			best, distance = word, d
		}
	}
	return best
}

// swapped tells whether two words differ in the order of two letters.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// completion is the only word that starts with what is given.
func completion(given string, known []string) string {
	best := ""
	for _, word := range known {
		if len(given) < prefixMin || !strings.HasPrefix(word, given) {
			continue
		}
		if best != "" {
			return ""
		}
		best = word
	}
	return best
}
