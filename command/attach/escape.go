package attach

// escaper finds the escape sequence in what a person types: the escape
// character at the start of a line, then a dot. Anything else passes.
type escaper struct {
	char      byte // 0 finds nothing
	midLine   bool // something was typed since the last line end
	suspected bool // the escape character was held back
}

// feed returns what goes on to the command, and whether the person asked to
// leave; nothing after the sequence goes on.
func (e *escaper) feed(in []byte) (out []byte, leave bool) {
	if e.char == 0 {
		return in, false
	}
	out = make([]byte, 0, len(in)+1)
	for _, b := range in {
		if e.suspected {
			e.suspected = false
			if b == '.' {
				return out, true
			}
			out = append(out, e.char)
			if b == e.char { // twice is once, sent
				e.midLine = true
				continue
			}
			e.midLine = true
		} else if b == e.char && !e.midLine {
			e.suspected = true
			continue
		}
		out = append(out, b)
		e.midLine = b != '\r' && b != '\n'
	}
	return out, false
}
