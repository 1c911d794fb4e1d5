// Package specfile reads the small files that describe objects other than
// jobs: node pools, namespaces. The commands that apply them call it. It never
// knows what an object means.
package specfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Stdin is the path that means standard input.
const Stdin = "-"

// bytesMax bounds, in bytes, a file that is read whole.
const bytesMax = 8 << 20

// Read is the content of a file, or of in when the path is Stdin, and the name
// to call it by.
func Read(path string, in io.Reader) (text []byte, name string, err error) {
	if path != Stdin {
		f, err := os.Open(path)
		if err != nil {
			return nil, "", fmt.Errorf("opening the file: %w", err)
		}
		defer f.Close()
		in, name = f, filepath.Base(path)
	} else {
		name = "standard input"
	}
	text, err = io.ReadAll(io.LimitReader(in, bytesMax+1))
	if err != nil {
		return nil, "", fmt.Errorf("reading %s: %w", name, err)
	}
	if len(text) > bytesMax {
		return nil, "", fmt.Errorf("file %s is larger than %d MiB: it cannot be what it should", name, bytesMax>>20)
	}
	return text, name, nil
}

// JSON decodes a text into a value.
func JSON(text []byte, name string, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("file %s is not the JSON that is wanted: %w", name, err)
	}
	return nil
}

// HCL decodes a text into a value with hcl tags. What is not known is an error.
func HCL(text []byte, name string, into any) error {
	file, diags := hclparse.NewParser().ParseHCL(text, name)
	if !diags.HasErrors() {
		diags = gohcl.DecodeBody(file.Body, nil, into)
	}
	return problems(name, diags)
}

// Strings reads all attributes of a body as texts.
func Strings(body hcl.Body, name string) (map[string]string, error) {
	if body == nil {
		return nil, nil
	}
	attrs, diags := body.JustAttributes()
	if err := problems(name, diags); err != nil {
		return nil, err
	}
	out := make(map[string]string, len(attrs))
	for key, attr := range attrs {
		value, diags := attr.Expr.Value(nil)
		if err := problems(name, diags); err != nil {
			return nil, err
		}
		text, err := convert.Convert(value, cty.String)
		if err != nil || text.IsNull() || !text.IsKnown() {
			return nil, fmt.Errorf("in %s: %s must be a text", attr.Range, key)
		}
		out[key] = text.AsString()
	}
	return out, nil
}

// problems are the errors of a file, one per line, with where they are.
func problems(name string, diags hcl.Diagnostics) error {
	var all []error
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		where := name
		if d.Subject != nil {
			where = fmt.Sprintf("%s:%d,%d", name, d.Subject.Start.Line, d.Subject.Start.Column)
		}
		all = append(all, fmt.Errorf("in %s: %s; %s", where, d.Summary, d.Detail))
	}
	return errors.Join(all...)
}

// Create writes a new file; one that exists is left alone.
func Create(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("file %s exists already: remove it, or name another file", path)
	}
	if err != nil {
		return fmt.Errorf("creating the file: %w", err)
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
