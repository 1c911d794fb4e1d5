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
		body, diags := p.readJSON(src.body, key)
		p.diags.add(diags...)
		return body, src, !diags.HasErrors()
	}
	body, diags := readNative(src.body, key)
	p.diags.add(diags...)
	return body, src, !diags.HasErrors()
}

// readNative reads native syntax, after checking that reading it can exhaust
// neither stack nor memory.
func readNative(text []byte, key string) (*hclsyntax.Body, hcl.Diagnostics) {
	at, plain := scanPlain(text)
	if !plain {
		var d *hcl.Diagnostic
		if at, d = checkText(text, key, hcl.InitialPos, hclsyntax.LexConfig); d != nil {
			return nil, hcl.Diagnostics{d}
		}
	}
	if body := readPieces(text, key, at); body != nil {
		return body, nil
	}
	if body := readQuick(text, key, hcl.InitialPos); body != nil {
		return body, nil
	}
	file, diags := hclsyntax.ParseConfig(text, key, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, explainFaults(diags, text, key)
	}
	return file.Body.(*hclsyntax.Body), diags
}

// readExpression reads one native expression.
func readExpression(text []byte, key string, at hcl.Pos) (hclsyntax.Expression, hcl.Diagnostics) {
	if _, d := checkText(text, key, at, hclsyntax.LexExpression); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	return hclsyntax.ParseExpression(text, key, at)
}

// readTemplate reads the content of a quoted string.
func readTemplate(text []byte, key string, at hcl.Pos) (hclsyntax.Expression, hcl.Diagnostics) {
	if _, d := checkText(text, key, at, hclsyntax.LexTemplate); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	return hclsyntax.ParseTemplate(text, key, at)
}
