package jobspec

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// PlacesOfJSON is where the parts of a job in the JSON of the HTTP API are
// written: the job itself, or that of an object which has it as its member Job.
// The text must be valid.
func PlacesOfJSON(name string, body []byte) *Places {
	r := jsonPlaces{dec: json.NewDecoder(bytes.NewReader(body)), body: body, at: hcl.InitialPos}
	out := &Places{sources: map[string]source{"": {name: name, body: body}}, anyCase: true, root: r.value()}
	for member, w := range out.root.members {
		if strings.EqualFold(member, "Job") && w.members != nil {
			out.root = w
			break
		}
	}
	return out
}

// JSONFault is what is wrong with a text that is no JSON, at an offset that the
// decoder tells: behind the byte that it does not expect.
func JSONFault(name string, body []byte, offset int64, text string) *Diagnostics {
	r := jsonPlaces{body: body, at: hcl.InitialPos}
	r.advance(int(offset) - 1)
	at := hcl.Range{Start: r.at, End: r.at}
	at.End.Column++
	out := &Diagnostics{sources: map[string]source{"": {name: name, body: body}}}
	out.add(problem(&at, "Invalid JSON", "%s", text))
	return out
}

// jsonPlaces reads a document and keeps only where things are.
type jsonPlaces struct {
	dec  *json.Decoder
	body []byte
	at   hcl.Pos
}

// token is the next word or sign, and where it is.
func (r *jsonPlaces) token() (json.Token, hcl.Range) {
	tok, err := r.dec.Token()
	if err != nil {
		return nil, hcl.Range{}
	}
	for r.at.Byte < len(r.body) && strings.IndexByte(" \t\r\n,:", r.body[r.at.Byte]) >= 0 {
		r.advance(r.at.Byte + 1)
	}
	start := r.at
	r.advance(int(r.dec.InputOffset()))
	return tok, hcl.Range{Start: start, End: r.at}
}

// advance moves the position to an offset.
func (r *jsonPlaces) advance(to int) {
	for r.at.Byte < to && r.at.Byte < len(r.body) {
		c, size := utf8.DecodeRune(r.body[r.at.Byte:])
		r.at.Byte += size
		r.at.Column++
		if c == '\n' {
			r.at.Line++
			r.at.Column = 1
		}
	}
}

// value reads a value.
func (r *jsonPlaces) value() *written {
	tok, at := r.token()
	out := &written{at: at}
	switch tok {
	case json.Delim('{'):
		out.members = map[string]*written{}
		for r.dec.More() {
			name, at := r.token()
			key, ok := name.(string)
			if !ok {
				return out
			}
			inner := r.value()
			if inner.members != nil || inner.elements != nil {
				inner.at = at // the brace says less than the name before it
			}
			out.members[key] = inner
		}
		r.token()
	case json.Delim('['):
		out.elements = []*written{}
		for r.dec.More() {
			out.elements = append(out.elements, r.value())
		}
		r.token()
	}
	return out
}
