// Package spell proposes what a misspelt word may have been meant to be. Whoever
// refuses a word that must be one of several uses it: the readers of job files
// and the validation of jobs. It knows no words itself.
package spell

import (
	"fmt"

	"github.com/agext/levenshtein"
)

// distanceMax is in how many letters a word must at least differ not to be taken
// for the other; half of the letters must be right in any case.
const distanceMax = 3

// Hint proposes the known word nearest to an unknown one, as a sentence to
// append; it is empty when none is near.
func Hint(given string, known []string) string {
	best, distance := "", distanceMax
	for _, word := range known {
		if d := levenshtein.Distance(given, word, nil); d < distance && 2*d <= len(word) {
			best, distance = word, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}
