// Package variable holds the commands about variables: small encrypted texts
// that jobs read, and the locks on them. The root command collects them. They
// speak HTTP only.
package variable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/mitchellh/cli"
	"github.com/zclconf/go-cty/cty"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"var": meta.GroupFactory(m, meta.Group{
			Name: "var", Summary: "Handle variables",
			Text: "A variable is a path with a few texts that are encrypted where they are stored. Templates of jobs read them, and a lock on one lets processes agree on who does something.",
			Examples: []meta.Example{
				{Text: "Write a variable", Line: meta.Binary + " var put secret/db user=alice password=@password.txt"},
				{Text: "Read one of its items", Line: meta.Binary + " var get -item user secret/db"},
				{Text: "List what there is", Line: meta.Binary + " var list secret/"},
			},
		}),
		"var put":   meta.Factory(m, put),
		"var get":   meta.Factory(m, get),
		"var list":  meta.Factory(m, list),
		"var purge": meta.Factory(m, purge),
		"var init":  meta.Factory(m, initialize),
		"var lock":  meta.Factory(m, lock),
	}
}

// route is that of a variable. Slashes part the path, they are not escaped.
func route(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/v1/var/" + strings.Join(parts, "/")
}

// checkIndex is the query of a write that insists on an index.
func checkIndex(index *uint64) *apiclient.Query {
	q := &apiclient.Query{}
	if index != nil {
		q.Params = map[string]string{"cas": strconv.FormatUint(*index, 10)}
	}
	return q
}

// conflict words the answer to a write that something stood in the way of.
func conflict(doing, path string, err error) error {
	var status *apiclient.StatusError
	if !errors.As(err, &status) || status.Code != http.StatusConflict {
		return fmt.Errorf("%s variable %q: %w", doing, path, err)
	}
	var current nl.VariableMetadata
	if json.Unmarshal([]byte(status.Body), &current) != nil || current.ModifyIndex == 0 {
		return fmt.Errorf("%s variable %q: it does not exist with that check index, or somebody else holds its lock", doing, path)
	}
	return fmt.Errorf("%s variable %q: it exists with check index %d, written %s; if that is the one you mean, pass -check-index %d",
		doing, path, current.ModifyIndex, render.Nanos(current.ModifyTime), current.ModifyIndex)
}

// The formats of -out.
const (
	outTable    = "table"
	outJSON     = "json"
	outHCL      = "hcl"
	outTerse    = "terse"
	outNone     = "none"
	outTemplate = "go-template"
)

// jsonIndent is what the JSON of these commands is indented with.
const jsonIndent = "  "

// format is how a result is to be printed.
type format struct{ out, template string }

func (f *format) flags(fl *meta.Flags, text string, choices ...string) {
	fl.Choice(&f.out, "out", "", choices, text)
	fl.String(&f.template, "template", "", "<template>", "The template of -out go-template.")
}

// complete fills in what was not said.
func (f *format) complete(c *meta.Call, terminal string) error {
	if f.out == "" {
		f.out = outJSON
		if c.Terminal {
			f.out = terminal
		}
		if f.template != "" {
			f.out = outTemplate
		}
	}
	if (f.out == outTemplate) != (f.template != "") {
		return meta.Usagef("-out go-template and -template belong together")
	}
	return nil
}

// show prints a variable.
func (f *format) show(c *meta.Call, v *nl.VariableDecrypted) error {
	text, err := "", error(nil)
	switch f.out {
	case outNone:
		return nil
	case outJSON:
		text, err = render.JSONIndent(v, jsonIndent)
	case outHCL:
		text = strings.TrimSuffix(asHCL(v), "\n")
	case outTemplate:
		text, err = render.Template(f.template, v)
	default:
		showTable(c, v)
		return nil
	}
	if err != nil {
		return err
	}
	c.Print(text)
	return nil
}

func showTable(c *meta.Call, v *nl.VariableDecrypted) {
	c.Print((&render.Pairs{}).Add("Namespace", v.Namespace).Add("Path", v.Path).Add("Create Time", render.Nanos(v.CreateTime)).
		AddIf(v.ModifyTime != v.CreateTime, "Modify Time", render.Nanos(v.ModifyTime)).
		Add("Check Index", strconv.FormatUint(v.ModifyIndex, 10)).String())
	if l := v.Lock; l != nil {
		c.Section("Lock", (&render.Pairs{}).Add("ID", l.ID).Add("TTL", l.TTL).Add("Lock Delay", l.LockDelay).String())
	}
	items := &render.Pairs{}
	for _, k := range render.Keys(v.Items) {
		items.Add(k, v.Items[k])
	}
	c.Section("Items", items.String())
}

// asHCL is the variable as a file that var put reads.
func asHCL(v *nl.VariableDecrypted) string {
	file := hclwrite.NewEmptyFile()
	body := file.Body()
	body.SetAttributeValue("namespace", cty.StringVal(v.Namespace))
	body.SetAttributeValue("path", cty.StringVal(v.Path))
	body.SetAttributeValue("modify_index", cty.NumberUIntVal(v.ModifyIndex))
	items := map[string]cty.Value{}
	for k, text := range v.Items {
		items[k] = cty.StringVal(text)
	}
	if len(items) > 0 {
		body.SetAttributeValue("items", cty.ObjectVal(items))
	}
	return string(hclwrite.Format(file.Bytes()))
}

// hint shows where the variable is in the console, unless a program reads.
func (f *format) hint(ctx context.Context, c *meta.Call, v *nl.VariableDecrypted, open bool) {
	if !open && f.out != outTable && f.out != outNone {
		return
	}
	c.Hint(ctx, "The variable in the console", meta.ConsolePath("variables", "var", v.Path+"@"+v.Namespace), open)
}
