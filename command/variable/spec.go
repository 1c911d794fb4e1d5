package variable

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/specfile"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// fromFile marks an argument, or the value of an item, that names a file.
const fromFile = "@"

// input is what the arguments of a write say.
type input struct {
	variable *nl.VariableDecrypted
	rest     []string // arguments after it
	c        *meta.Call
	stdin    bool // has been read
}

// read makes a variable of a path, a file with a specification or both, at the
// start of the arguments.
func read(c *meta.Call, language string) (*input, error) {
	in := &input{variable: &nl.VariableDecrypted{}, rest: c.Args, c: c}
	first := in.rest[0]
	path := ""
	if first != specfile.Stdin && !strings.HasPrefix(first, fromFile) {
		path, in.rest = first, in.rest[1:]
	}
	if len(in.rest) > 0 && (in.rest[0] == specfile.Stdin || strings.HasPrefix(in.rest[0], fromFile)) {
		if err := in.spec(in.rest[0], language); err != nil {
			return nil, err
		}
		in.rest = in.rest[1:]
	}
	v := in.variable
	switch {
	case path != "" && v.Path != "" && v.Path != path:
		return nil, fmt.Errorf("the arguments name the path %q and the file names %q: leave one out", path, v.Path)
	case path != "":
		v.Path = path
	case v.Path == "":
		return nil, meta.Usagef("The path of the variable is missing: it is the first argument, or stands in the file")
	}
	if strings.Contains(v.Path, "=") {
		return nil, meta.Usagef("%q looks like an item; the path of the variable comes first", v.Path)
	}
	return in, nil
}

// content is that of a file, or of standard input, which can be read once.
func (in *input) content(path string) (string, string, error) {
	if path == specfile.Stdin {
		if in.stdin {
			return "", "", meta.Usagef("Standard input can be used only once")
		}
		in.stdin = true
	}
	text, name, err := specfile.Read(path, io.Reader(in.c.In))
	return string(text), name, err
}

func (in *input) spec(arg, language string) error {
	path := strings.TrimPrefix(arg, fromFile)
	text, name, err := in.content(path)
	if err != nil {
		return err
	}
	if language == "" {
		language = strings.TrimPrefix(filepath.Ext(path), ".")
	}
	if language == outHCL {
		return parseHCL(text, name, in.variable)
	}
	return specfile.JSON([]byte(text), name, in.variable)
}

// parseHCL reads a variable; the items are a block or an object.
func parseHCL(text, name string, v *nl.VariableDecrypted) error {
	file, diags := hclsyntax.ParseConfig([]byte(text), name, hcl.InitialPos)
	if diags.HasErrors() {
		return fmt.Errorf("reading %s: %w", name, diags)
	}
	block, rest, diags := file.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "items"}}})
	if diags.HasErrors() || len(block.Blocks) == 0 {
		rest = file.Body
	}
	var spec struct {
		Namespace string            `hcl:"namespace,optional"`
		Path      string            `hcl:"path,optional"`
		Index     uint64            `hcl:"modify_index,optional"`
		Items     map[string]string `hcl:"items,optional"`
	}
	if diags := gohcl.DecodeBody(rest, nil, &spec); diags.HasErrors() {
		return fmt.Errorf("reading %s: %w", name, diags)
	}
	v.Namespace, v.Path, v.ModifyIndex, v.Items = spec.Namespace, spec.Path, spec.Index, map[string]string{}
	maps.Copy(v.Items, spec.Items)
	if block == nil {
		return nil
	}
	for _, b := range block.Blocks {
		items, err := specfile.Strings(b.Body, name)
		if err != nil {
			return err
		}
		maps.Copy(v.Items, items)
	}
	return nil
}

// items adds the key=value arguments.
func (in *input) items() error {
	v := in.variable
	if v.Items == nil {
		v.Items = map[string]string{}
	}
	for _, arg := range in.rest {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return meta.Usagef("%q is no item; items look like key=value", arg)
		}
		file, isFile := strings.CutPrefix(value, fromFile)
		switch {
		case value == specfile.Stdin:
			file, isFile = specfile.Stdin, true
		case strings.HasPrefix(value, `\`+fromFile), value == `\`+specfile.Stdin:
			value = value[1:]
		}
		if isFile {
			var err error
			if value, _, err = in.content(file); err != nil {
				return fmt.Errorf("item %q: %w", key, err)
			}
		}
		v.Items[key] = value
	}
	return nil
}
