package jobspec

import (
	"bytes"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// pieceBytesMin is the size, in bytes, from which on a block is read in pieces
// of about this size. The words and signs of a piece are dropped before those
// of the next are made, which for a large job saves half of the memory and a
// third of the time.
const pieceBytesMin = 8 << 10

// seams is where the largest block of a file can be taken apart: where its
// braces are and, between them, some of the lines that end a member.
type seams struct {
	open, close int // offsets of the braces; close is 0 when there is no such block
	cuts        []int

	at  int   // of the brace that is open
	now []int // cuts behind it
}

// topLevel and bodyLevel are how many levels are open between the blocks of a
// file and between the members of one of them.
const (
	topLevel  = 1
	bodyLevel = 2
)

// opened notes a bracket that opens the given level.
func (s *seams) opened(offset, level int) {
	if level == bodyLevel {
		s.at, s.now = offset, nil
	}
}

// closed notes a bracket that goes back to the given level.
func (s *seams) closed(offset, level int) {
	if level == topLevel && offset-s.at > s.close-s.open && offset-s.at > pieceBytesMin {
		s.open, s.close, s.cuts = s.at, offset, s.now
	}
}

// line notes the end of a line at a level.
func (s *seams) line(offset, level int) {
	last := s.at
	if len(s.now) > 0 {
		last = s.now[len(s.now)-1]
	}
	if level == bodyLevel && offset-last > pieceBytesMin {
		s.now = append(s.now, offset)
	}
}

// readPieces reads a file whose largest block is taken apart at the seams. It
// gives nil for files with faults, and for those that are laid out in an
// unusual way: they have to be read as a whole.
func readPieces(text []byte, key string, s seams) *hclsyntax.Body {
	if s.close == 0 || !isBlank(text[lineStart(text, s.close):s.close]) || !endsLine(text[s.open+1:]) || !endsLine(text[s.close+1:]) {
		return nil
	}
	head := append(bytes.Clone(text[:s.open+1]), '}')
	out := readPiece(head, key, hcl.InitialPos)
	if out == nil || len(out.Blocks) == 0 {
		return nil
	}
	block := out.Blocks[len(out.Blocks)-1]
	if block.OpenBraceRange.Start.Byte != s.open {
		return nil // the brace belongs to a value
	}
	at, from := block.OpenBraceRange.End, s.open+1
	var pieces []piece
	for _, cut := range append(s.cuts, s.close-1) {
		pieces = append(pieces, piece{text: text[from : cut+1], at: at})
		at = behind(at, text[from:cut+1])
		from = cut + 1
	}
	readAll(pieces, key)
	for _, p := range pieces {
		if !merge(block.Body, p.body) {
			return nil
		}
	}
	end := at
	end.Column++
	end.Byte++
	block.CloseBraceRange = hcl.Range{Filename: key, Start: at, End: end}
	block.Body.EndRange = hcl.Range{Filename: key, Start: end, End: end}
	block.Body.SrcRange = hcl.RangeBetween(block.OpenBraceRange, block.CloseBraceRange)
	if !merge(out, readPiece(text[s.close+1:], key, end)) {
		return nil
	}
	out.SrcRange = hcl.Range{Filename: key, Start: hcl.InitialPos, End: behind(end, text[s.close+1:])}
	out.EndRange = hcl.Range{Filename: key, Start: out.SrcRange.End, End: out.SrcRange.End}
	return out
}

// piece is a part of a body.
type piece struct {
	text []byte
	at   hcl.Pos
	body *hclsyntax.Body // nil when anything is wrong with it
}

// readersMax bounds how many pieces of one file are read at a time: others wait
// for the processors too.
const readersMax = 4

// readAll reads pieces, several at a time.
func readAll(pieces []piece, key string) {
	var next atomic.Int64
	read := func() {
		for i := next.Add(1) - 1; i < int64(len(pieces)); i = next.Add(1) - 1 {
			p := &pieces[i]
			p.body = readPiece(p.text, key, p.at)
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), readersMax, len(pieces)) - 1 {
		others.Go(read)
	}
	read()
	others.Wait()
}

// readPiece reads the members of a body; nil when anything is wrong with them.
func readPiece(text []byte, key string, at hcl.Pos) (body *hclsyntax.Body) {
	// A fault that a strange file provokes is met again when it is read as a whole.
	defer func() {
		if recover() != nil {
			body = nil
		}
	}()
	if body := readQuick(text, key, at); body != nil {
		return body
	}
	file, diags := hclsyntax.ParseConfig(text, key, at)
	if len(diags) > 0 {
		return nil
	}
	return file.Body.(*hclsyntax.Body)
}

// merge adds the members of a piece; false when there is none, or when one of
// its attributes is there already.
func merge(body, piece *hclsyntax.Body) bool {
	if piece == nil {
		return false
	}
	for name, attr := range piece.Attributes {
		if _, taken := body.Attributes[name]; taken {
			return false
		}
		body.Attributes[name] = attr
	}
	body.Blocks = append(body.Blocks, piece.Blocks...)
	return true
}

// behind is the position behind a text that ends with a line, or with blanks at
// the start of one.
func behind(at hcl.Pos, text []byte) hcl.Pos {
	at.Byte += len(text)
	if lines := bytes.Count(text, []byte("\n")); lines > 0 {
		at.Line += lines
		at.Column = 1
		text = text[lineStart(text, len(text)):]
	}
	at.Column += len(text)
	return at
}

// lineStart is where the line of an offset starts.
func lineStart(text []byte, offset int) int {
	return bytes.LastIndexByte(text[:offset], '\n') + 1
}

// isBlank tells whether a text is spaces and tabs.
func isBlank(text []byte) bool {
	return len(bytes.Trim(text, " \t")) == 0
}

// endsLine tells whether a text starts with blanks and a line break, or is
// nothing but blanks.
func endsLine(text []byte) bool {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return isBlank(bytes.TrimSuffix(line, []byte("\r")))
}
