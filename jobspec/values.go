package jobspec

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

// File is a job file that was read.
type File struct {
	// Job has no defaults but every member of its shape.
	Job spec.Document
	// Flags and Values are what was given to the variables that the file
	// declares, so that it can be read again: Flags as text, from the environment
	// and from arguments; Values as a file of variables, which also holds what
	// environment and arguments say about variables that are lists or objects.
	// Sensitive variables are in neither.
	Flags  map[string]string
	Values string
	// Secrets are the values of sensitive variables.
	Secrets Secrets
	// Warnings is what is hardly meant as it is written; nil when there is nothing.
	Warnings *Diagnostics
	// Places is where the parts of the job are written; nil unless asked for.
	Places *Places
}

// given notes what was given to the variables.
func (p *parser) given(f *File, files []assignment) {
	var text strings.Builder
	for _, key := range p.varKeys {
		p.fileValues(&text, key, files)
	}
	last := map[string]string{}
	for _, entry := range p.in.Environ {
		if entry, ok := strings.CutPrefix(entry, environPrefix); ok {
			name, value, _ := strings.Cut(entry, "=")
			last[name] = value
		}
	}
	for _, flag := range p.in.VarFlags {
		if name, value, ok := strings.Cut(flag, "="); ok {
			last[name] = value
		}
	}
	flags := map[string]string{}
	for _, v := range p.declared {
		value, said := last[v.name]
		switch {
		case !said || v.sensitive:
		case v.typ.IsPrimitiveType() || v.typ == cty.DynamicPseudoType:
			flags[v.name] = value
		default:
			fmt.Fprintf(&text, "%s = %s\n", v.name, value)
		}
	}
	if len(flags) > 0 {
		f.Flags = flags
	}
	f.Values = strings.TrimSuffix(text.String(), "\n")
	f.Secrets = p.diags.secrets
}

// fileValues writes a file of variables: as it is, without what is sensitive,
// if it is in native syntax.
func (p *parser) fileValues(out *strings.Builder, key string, files []assignment) {
	src := p.sources[key]
	body, from := src.body, 0
	for _, a := range files {
		v := p.byName[a.name]
		sensitive := v != nil && v.sensitive
		switch {
		case a.at.Filename != key:
		case src.json:
			if value, diags := a.expr.Value(nil); !sensitive && !diags.HasErrors() {
				fmt.Fprintf(out, "%s = %s\n", a.name, hclwrite.TokensForValue(value).Bytes())
			}
		case sensitive:
			out.Write(body[from:a.whole.Start.Byte])
			from = a.whole.End.Byte
		}
	}
	if src.json {
		return
	}
	out.Write(body[from:])
	out.WriteByte('\n')
}
