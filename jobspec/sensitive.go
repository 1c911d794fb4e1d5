package jobspec

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

const (
	// Hidden stands where the value of a sensitive variable would be shown.
	Hidden = "(sensitive value)"
	// secretBytesMin is the length, in bytes, from which on texts are looked for
	// wherever they may be shown; shorter ones occur by chance.
	secretBytesMin = 3
)

// hide keeps the value of a sensitive variable, and the place where it is
// written, out of diagnostics.
func (p *parser) hide(v *variable, value cty.Value, at hcl.Range) {
	if !v.sensitive {
		return
	}
	p.diags.secrets.collect(value)
	p.diags.hidden = append(p.diags.hidden, at)
}

// Secrets are texts that must not be shown.
type Secrets []string

// collect adds the texts and numbers in a value.
func (s *Secrets) collect(v cty.Value) {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() {
		return
	}
	switch t := v.Type(); {
	case t == cty.String, t == cty.Number:
		if text, err := toString(v); err == nil && len(text.(string)) >= secretBytesMin {
			*s = append(*s, text.(string))
		}
	case t.IsCollectionType() || t.IsTupleType() || t.IsObjectType():
		for it := v.ElementIterator(); it.Next(); {
			_, elem := it.Element()
			s.collect(elem)
		}
	}
}

// In tells whether a text holds one of the secrets.
func (s Secrets) In(text string) bool {
	for _, secret := range s {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}

// Mask is the text without the secrets in it.
func (s Secrets) Mask(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, Hidden)
	}
	return text
}
