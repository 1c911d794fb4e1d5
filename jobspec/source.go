package jobspec

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// source is a text that positions refer to.
type source struct {
	// name is shown in diagnostics. The key of a source is its name too, but
	// for files of variables called like the job file.
	name      string
	body      []byte
	json      bool
	variables bool
}

// addSource registers a text and returns the key its positions carry.
func (p *parser) addSource(s source) string {
	key := s.name
	for _, taken := p.sources[key]; taken; _, taken = p.sources[key] {
		key += "\x00"
	}
	p.sources[key] = s
	return key
}

// isJSON tells the JSON syntax from the native one.
func isJSON(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(body, " "), []byte("{"))
}

// withoutMark drops a byte order mark.
func withoutMark(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")) }

// checkSize refuses sources past the size limit.
func checkSize(key string, body []byte) *hcl.Diagnostic {
	if len(body) <= sourceBytesMax {
		return nil
	}
	start := &hcl.Range{Filename: key, Start: hcl.InitialPos, End: hcl.InitialPos}
	return problem(start, "Source too large", "The source has %d bytes; the limit is %d.", len(body), sourceBytesMax)
}

// readJobFile reads the syntax of the job file.
func (p *parser) readJobFile() (*hclsyntax.Body, source, bool) {
	src := source{name: p.in.Path, body: withoutMark(p.in.Body)}
	src.json = isJSON(src.body)
	key := p.addSource(src)
	if d := checkSize(key, src.body); d != nil {
		p.diags.add(d)
		return nil, src, false
	}
	if src.json {
		body, diags := readJSON(src.body, key, p.schema, p.meter)
		p.diags.add(diags...)
		return body, src, !diags.HasErrors()
	}
	body, diags := readNative(src.body, key)
	p.diags.add(diags...)
	return body, src, !diags.HasErrors()
}

// readNative reads native syntax, after checking that reading it cannot
// exhaust the stack.
func readNative(text []byte, key string) (*hclsyntax.Body, hcl.Diagnostics) {
	if !isPlain(text) {
		tokens, _ := hclsyntax.LexConfig(text, key, hcl.InitialPos)
		if d := checkTokens(tokens); d != nil {
			return nil, hcl.Diagnostics{d}
		}
	}
	file, diags := hclsyntax.ParseConfig(text, key, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	return file.Body.(*hclsyntax.Body), diags
}

// readExpression reads one native expression.
func readExpression(text []byte, key string, at hcl.Pos) (hclsyntax.Expression, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexExpression(text, key, at)
	if d := checkTokens(tokens); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	return hclsyntax.ParseExpression(text, key, at)
}

// readTemplate reads the content of a quoted string.
func readTemplate(text []byte, key string, at hcl.Pos) (hclsyntax.Expression, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexTemplate(text, key, at)
	if d := checkTokens(tokens); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	return hclsyntax.ParseTemplate(text, key, at)
}

// checkTokens bounds the tree that will be made of the tokens.
func checkTokens(tokens hclsyntax.Tokens) *hcl.Diagnostic {
	if len(tokens) > tokensMax {
		return tooManyTokens(tokens[tokensMax].Range)
	}
	return checkNesting(tokens)
}

func tooManyTokens(at hcl.Range) *hcl.Diagnostic {
	return problem(&at, "Source too large", "The source has more than %d words and signs.", tokensMax)
}

// level is what is open around a token.
type level struct {
	// lines is set where a line break ends an expression.
	lines bool
	// links counts operators since the last separator.
	links int
}

// checkNesting bounds how deep the tree of an expression or file becomes.
// Brackets, templates and directives nest visibly; chains of operators,
// conditionals and indexes make the tree deeper with each link.
func checkNesting(tokens hclsyntax.Tokens) *hcl.Diagnostic {
	open := []level{{lines: true}}
	directives := 0
	for i, t := range tokens {
		top := &open[len(open)-1]
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen:
			top.links++
			open = append(open, level{lines: t.Type == hclsyntax.TokenOBrace})
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open = append(open, level{})
			directives += directiveStep(tokens, i)
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen,
			hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			if len(open) > 1 {
				open = open[:len(open)-1]
			}
		case hclsyntax.TokenComma, hclsyntax.TokenEqual:
			top.links = 0
		case hclsyntax.TokenNewline:
			if top.lines {
				top.links = 0
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenNumberLit, hclsyntax.TokenComment,
			hclsyntax.TokenStringLit, hclsyntax.TokenQuotedLit:
		default:
			top.links++
		}
		if len(open) > nestingMax || directives > nestingMax {
			return problem(t.Range.Ptr(), "Nesting too deep",
				"Blocks, brackets and templates may nest %d levels deep.", nestingMax)
		}
		if open[len(open)-1].links > operatorsMax {
			return problem(t.Range.Ptr(), "Expression too long",
				"An expression may chain %d operators. Split it into locals.", operatorsMax)
		}
	}
	return nil
}

// directiveStep is the change in depth by the template directive that starts
// at token i, if one does.
func directiveStep(tokens hclsyntax.Tokens, i int) int {
	if tokens[i].Type != hclsyntax.TokenTemplateControl || i+1 >= len(tokens) {
		return 0
	}
	switch string(tokens[i+1].Bytes) {
	case "if", "for":
		return 1
	case "endif", "endfor":
		return -1
	}
	return 0
}
