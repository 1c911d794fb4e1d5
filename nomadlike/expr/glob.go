package expr

// Glob matches names, such as datacenters and those in access policies: *
// stands for any text, ? for one character, everything else for itself. It
// takes time proportional to the product of the lengths at worst.
func Glob(pattern, name string) bool {
	p, n := 0, 0
	star, retry := -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			retry++
			p, n = star+1, retry
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// GlobAny tells whether one of the patterns matches.
func GlobAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if p == "*" || Glob(p, name) {
			return true
		}
	}
	return false
}
