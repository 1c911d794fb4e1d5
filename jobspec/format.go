package jobspec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format lays a job file, or a file of variables, out in the usual way:
// indented by nesting, with the equals signs of neighbouring lines aligned.
// Comments and line breaks stay. A file that is not valid HCL is an error of
// type *Diagnostics, and so is one in JSON syntax, which has tools of its own.
func Format(src []byte) ([]byte, error) {
	key := defaultPath
	problems := &Diagnostics{sources: map[string]source{key: {name: key, body: src}}}
	body := withoutMark(src)
	if isJSON(body) {
		start := hcl.Range{Filename: key, Start: hcl.InitialPos, End: hcl.InitialPos}
		problems.add(problem(&start, "Not in native syntax",
			"The file is in JSON syntax, which this formatter leaves alone; use a JSON formatter."))
		return nil, problems
	}
	if d := checkSize(key, body); d != nil {
		problems.add(d)
		return nil, problems
	}
	_, diags := readNative(body, key)
	problems.add(diags...)
	if problems.hasErrors() {
		return nil, problems
	}
	return hclwrite.Format(body), nil
}
