package jobspec

import (
	"bytes"
	"unicode/utf8"
)

// plainDepthMax is how deep brackets nest in a file that is called plain. It
// leaves room for the string, and the expression in it, that may stand inside.
const plainDepthMax = nestingMax - 3

// scanPlain tells whether a file is made of ordinary blocks, lists and strings
// well within the bounds on words and nesting. Nearly all job files are, and
// this is much cheaper than reading the words: "false" only means that they
// have to be read. It also notes where the file can be read in pieces. Heredocs, block comments, directives and strings within
// strings are not plain.
func scanPlain(text []byte) (at seams, plain bool) {
	if !utf8.Valid(text) {
		return seams{}, false // bytes that are no text may take the next one with them
	}
	s := plainScan{text: text, open: make([]level, 1, plainDepthMax+1)}
	s.open[0].lines = true
	for s.at < len(text) {
		if !s.step() || s.words-s.run > runTokensMax {
			return seams{}, false
		}
	}
	return s.seams, s.words <= tokensMax
}

// plainScan counts, from above, what checkText would.
type plainScan struct {
	text  []byte
	at    int
	words int
	run   int // words when the last member of a block ended
	open  []level
	seams seams
}

// peek is the byte at an offset from the current one; 0 outside of the text.
func (s *plainScan) peek(offset int) byte {
	if i := s.at + offset; i >= 0 && i < len(s.text) {
		return s.text[i]
	}
	return 0
}

// step goes past one word or sign; false when the text is not plain.
func (s *plainScan) step() bool {
	c, top := s.text[s.at], &s.open[len(s.open)-1]
	switch {
	case c == ' ' || c == '\t' || c == '\r' && s.peek(1) == '\n':
		s.at++
		return true
	case isWordByte(c):
		for s.at < len(s.text) && isWordByte(s.text[s.at]) {
			s.at++
		}
		s.words++
		return true
	case c == '"':
		return s.quoted()
	case c == '#' || c == '/' && s.peek(1) == '/':
		return s.comment()
	case c == '<' && s.peek(1) == '<', c == '/' && s.peek(1) == '*', c >= utf8.RuneSelf:
		return false
	}
	s.at++
	s.words++
	switch c {
	case '\n':
		if top.lines {
			top.links = 0
		}
		s.line()
	case '{', '[', '(':
		top.links++
		fits := top.links <= operatorsMax // before top is moved
		s.open = append(s.open, level{lines: c == '{'})
		s.seams.opened(s.at-1, len(s.open))
		return fits && len(s.open) <= plainDepthMax
	case '}', ']', ')':
		if len(s.open) > 1 {
			s.open = s.open[:len(s.open)-1]
			s.seams.closed(s.at-1, len(s.open))
		}
	case ',':
		top.links = 0
	case '=':
		if s.isAssignment() {
			top.links = 0
			break
		}
		top.links++
	default:
		top.links++
	}
	return top.links <= operatorsMax
}

// isAssignment tells whether the sign just passed is an equals sign of its own.
func (s *plainScan) isAssignment() bool {
	const before, after = -2, 0
	return bytes.IndexByte([]byte("=!<>"), s.peek(before)) < 0 && bytes.IndexByte([]byte("=>"), s.peek(after)) < 0
}

// comment goes past a comment of one line and the line's end, which is part of
// it.
func (s *plainScan) comment() bool {
	s.words++
	end := bytes.IndexByte(s.text[s.at:], '\n')
	if end < 0 {
		end = len(s.text) - s.at - 1
	}
	s.at += end + 1
	s.line()
	return true
}

// line notes the end of a line, which was just passed.
func (s *plainScan) line() {
	if len(s.open) <= bodyLevel {
		s.run = s.words
	}
	s.seams.line(s.at-1, len(s.open))
}

// quoted goes past a string, in which only names may be interpolated.
func (s *plainScan) quoted() bool {
	const quotesAndText = 3
	s.words += quotesAndText
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return true
		case c == '\\':
			s.at++
		case c == '\n', c == '%', c == '$' && s.peek(1) != '{':
			return false
		case c == '$':
			length := bytes.IndexByte(s.text[s.at:], '}')
			if length < 0 || length > operatorsMax {
				return false
			}
			for _, c := range s.text[s.at+len("${") : s.at+length] {
				if !isWordByte(c) && bytes.IndexByte([]byte(" .-"), c) < 0 {
					return false
				}
			}
			s.words += length + quotesAndText
			s.at += length
		}
	}
	return false
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}
