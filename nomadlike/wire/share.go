package wire

import nl "github.com/nomadlike/nomadlike/nomadlike"

// textsMax bounds what a Texts remembers; then it starts over. What nodes tell
// of their allocations is mostly the same few sentences.
const textsMax = 4096

// Texts gives equal strings one copy: the store keeps them for every
// allocation. The zero value is ready.
type Texts struct{ strings map[string]string }

// String is the one copy of s.
func (t *Texts) String(s string) string {
	if s == "" {
		return ""
	}
	if known, found := t.strings[s]; found {
		return known
	}
	if t.strings == nil || len(t.strings) >= textsMax {
		t.strings = map[string]string{}
	}
	t.strings[s] = s
	return s
}

// Share replaces the texts of what a node tells by their one copy.
func (t *Texts) Share(u *nl.AllocUpdate) {
	u.ClientStatus, u.ClientDescription = t.String(u.ClientStatus), t.String(u.ClientDescription)
}
