package jobspec

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// windowBytes is how much of a source is read at once, in bytes: the words and
// signs of a text take up to two hundred times its size.
const windowBytes = 64 << 10

// lexer makes words and signs of a text.
type lexer func(text []byte, key string, at hcl.Pos) (hclsyntax.Tokens, hcl.Diagnostics)

// checkText bounds the tree that will be made of a text. It reads the text in
// windows, so that the words of a hostile one are never all in memory, and
// notes where a large file can be read in pieces.
func checkText(text []byte, key string, at hcl.Pos, lex lexer) (seams, *hcl.Diagnostic) {
	c := tokenCheck{open: []level{{lines: true}}, start: at.Byte}
	for size := windowBytes; ; {
		window := text[:min(size, len(text))]
		tokens, _ := lex(window, key, at)
		last := len(window) == len(text)
		n := len(tokens)
		if !last {
			n = settled(tokens)
		}
		if n == 0 && len(tokens) > runTokensMax {
			return seams{}, tooLongRun(tokens[runTokensMax].Range)
		}
		for _, t := range tokens[:n] {
			if d := c.add(t); d != nil {
				return seams{}, d
			}
		}
		if last {
			return c.seams, nil
		}
		if n == 0 {
			size += larger(text[len(window):], len(tokens))
			continue
		}
		end := tokens[n-1].Range.End
		text, at, size = text[end.Byte-at.Byte:], end, windowBytes
	}
}

// larger is by how much a window that ends within a text or value may grow, in
// bytes: by as much
// as may fit into the bound, so that a long text is not read over and over. Each run of letters and digits, and any other byte, may be a token.
func larger(rest []byte, have int) int {
	tokens, inWord := have, false
	for i, c := range rest {
		word := isWordByte(c)
		if !word && c != ' ' || word && !inWord {
			tokens++
		}
		inWord = word
		if tokens > runTokensMax && i >= windowBytes {
			return i
		}
	}
	return len(rest)
}

// settled is how many tokens from the start of a window are those of the whole
// text too, up to a place from which reading can go on: behind a line, an
// element or a part of a template that is complete.
func settled(tokens hclsyntax.Tokens) int {
	depth, n := 0, 0
	for i, t := range tokens {
		depth += templateStep(t.Type)
		ends := endsLineToken(t) || t.Type == hclsyntax.TokenComma || t.Type == hclsyntax.TokenTemplateSeqEnd
		switch next := i + 1; {
		case next == len(tokens), depth < 0:
			return n
		case t.Type == hclsyntax.TokenSlash && tokens[next].Type == hclsyntax.TokenStar:
			return n // a comment that the window cuts off
		case ends && depth == 0:
			n = next
		}
	}
	return n
}

// endsLineToken tells line breaks, and comments that go to the end of a line.
func endsLineToken(t hclsyntax.Token) bool {
	return t.Type == hclsyntax.TokenNewline || t.Type == hclsyntax.TokenComment && bytes.HasSuffix(t.Bytes, []byte("\n"))
}

// templateStep is the change of depth in strings, heredocs and templates.
func templateStep(t hclsyntax.TokenType) int {
	switch t {
	case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
		hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		return 1
	case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
		return -1
	}
	return 0
}

// level is what is open around a token.
type level struct {
	// lines is set where a line break ends an expression.
	lines bool
	// links counts operators since the last separator.
	links int
}

// tokenCheck bounds how large and deep the tree of an expression or file
// becomes. Brackets, templates and directives nest visibly; chains of
// operators, conditionals and indexes make the tree deeper with each link.
type tokenCheck struct {
	open       []level
	count      int
	run        int // those since the last member of a block ended
	literal    int // bytes of the text that goes on
	copied     int // bytes copied to join its parts
	directives int
	control    bool // the next token names a directive
	start      int  // position of the first byte
	seams      seams
}

func (c *tokenCheck) add(t hclsyntax.Token) *hcl.Diagnostic {
	c.run++
	switch c.count++; {
	case c.count > tokensMax:
		return tooManyTokens(t.Range)
	case c.run > runTokensMax:
		return tooLongRun(t.Range)
	}
	if d := c.text(t); d != nil {
		return d
	}
	c.directive(t)
	c.nest(t)
	if len(c.open) > nestingMax || c.directives > nestingMax {
		return problem(t.Range.Ptr(), "Nesting too deep",
			"Blocks, brackets and templates may nest %d levels deep.", nestingMax)
	}
	if c.open[len(c.open)-1].links > operatorsMax {
		return problem(t.Range.Ptr(), "Expression too long",
			"An expression may chain %d operators. Split it into locals.", operatorsMax)
	}
	return nil
}

// text bounds the joining of the parts, such as the lines of a heredoc, that a
// text without interpolation consists of: the parser adds them one by one and
// copies the whole each time.
func (c *tokenCheck) text(t hclsyntax.Token) *hcl.Diagnostic {
	if t.Type != hclsyntax.TokenStringLit && t.Type != hclsyntax.TokenQuotedLit {
		c.literal, c.copied = 0, 0
		return nil
	}
	c.copied += c.literal
	c.literal += len(t.Bytes)
	if c.copied > copiedBytesMax {
		return problem(t.Range.Ptr(), "Text too long",
			"The text has too many lines to be read here. Put it into a file of its own, for the function file or for an artifact.")
	}
	return nil
}

// directive counts the template directives that are open.
func (c *tokenCheck) directive(t hclsyntax.Token) {
	if c.control {
		switch string(t.Bytes) {
		case "if", "for":
			c.directives++
		case "endif", "endfor":
			c.directives--
		}
	}
	c.control = t.Type == hclsyntax.TokenTemplateControl
}

// nest opens and closes levels.
func (c *tokenCheck) nest(t hclsyntax.Token) {
	top := &c.open[len(c.open)-1]
	offset := t.Range.Start.Byte - c.start
	switch t.Type {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen:
		top.links++
		c.open = append(c.open, level{lines: t.Type == hclsyntax.TokenOBrace})
		c.seams.opened(offset, len(c.open))
	case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
		hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		c.open = append(c.open, level{})
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen,
		hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
		if len(c.open) > 1 {
			c.open = c.open[:len(c.open)-1]
			c.seams.closed(offset, len(c.open))
		}
	case hclsyntax.TokenComma, hclsyntax.TokenEqual:
		top.links = 0
	case hclsyntax.TokenNewline:
		if top.lines {
			top.links = 0
		}
		c.line(offset)
	case hclsyntax.TokenComment:
		if endsLineToken(t) {
			c.line(offset + len(t.Bytes) - 1)
		}
	case hclsyntax.TokenIdent, hclsyntax.TokenNumberLit, hclsyntax.TokenStringLit, hclsyntax.TokenQuotedLit:
	default:
		top.links++
	}
}

// line notes the end of a line.
func (c *tokenCheck) line(offset int) {
	if len(c.open) <= bodyLevel {
		c.run = 0
	}
	c.seams.line(offset, len(c.open))
}

func tooManyTokens(at hcl.Range) *hcl.Diagnostic {
	return problem(&at, "Source too large", "The source has more than %d words and signs.", tokensMax)
}

func tooLongRun(at hcl.Range) *hcl.Diagnostic {
	return problem(&at, "Source too large", "A text or value may have %d words and signs.", runTokensMax)
}
