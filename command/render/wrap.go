package render

import "strings"

// Narrow is how wide prose runs: what the smallest common terminal shows, less
// the place of the cursor.
const Narrow = 79

// Wrap breaks text between words into lines of at most width places. Lines after
// the first begin with indent, which does not count. A word that is longer than
// a line has its own.
func Wrap(text string, width int, indent string) string {
	var b strings.Builder
	used := 0
	for _, word := range strings.Fields(text) {
		w := Width(word)
		switch {
		case used == 0:
		case used+1+w > width:
			b.WriteString("\n" + indent)
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += w
	}
	return b.String()
}
