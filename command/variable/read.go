package variable

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/specfile"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func get(*meta.Meta) *meta.Verb {
	var f format
	var item string
	var open bool
	return &meta.Verb{
		Name: "var get", Args: "<path>", MinArgs: 1, MaxArgs: 1,
		Summary: "Read a variable",
		Text:    "Prints a variable with its items.",
		Examples: []meta.Example{
			{Text: "A variable", Line: meta.Binary + " var get secret/db"},
			{Text: "One item, as it is", Line: meta.Binary + " var get -item password secret/db"},
		},
		Flags: func(fl *meta.Flags) {
			fl.String(&item, "item", "", "<key>", "Print only the value of this item, without a newline.")
			f.flags(fl, "How to print the variable. Default: table on a terminal, else json.", outTemplate, outHCL, outJSON, outNone, outTable)
			fl.UI(&open)
		},
		Predict: meta.Predict("vars"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if err := f.complete(c, outTable); err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			path := c.Args[0]
			v, _, err := apiclient.Get[*nl.VariableDecrypted](ctx, client, route(path), nil)
			if apiclient.CodeOf(err) == http.StatusNotFound {
				return fmt.Errorf("variable %q was not found", path)
			}
			if err != nil {
				return fmt.Errorf("reading variable %q: %w", path, err)
			}
			if item != "" {
				text, found := v.Items[item]
				if !found {
					return fmt.Errorf("variable %q has no item %q; it has %s", path, item, render.List(render.Keys(v.Items)))
				}
				_, err := fmt.Fprint(c.Out, text)
				return err
			}
			if err := f.show(c, v); err != nil {
				return err
			}
			f.hint(ctx, c, v, open)
			return nil
		},
	}
}

func list(*meta.Meta) *meta.Verb {
	var f format
	var perPage int
	var token, filter string
	var open bool
	return &meta.Verb{
		Name: "var list", Args: "[<prefix>]", MaxArgs: 1,
		Summary: "List variables",
		Text:    "Lists the variables whose path starts with the prefix, or all. Their items are not shown.",
		Examples: []meta.Example{
			{Text: "Variables of all namespaces", Line: meta.Binary + ` var list -namespace "*"`},
		},
		Flags: func(fl *meta.Flags) {
			fl.Paging(&perPage, &token, &filter)
			f.flags(fl, "How to print the list. Default: table on a terminal, else json.", outTemplate, outJSON, outTable, outTerse)
			fl.UI(&open)
		},
		Predict: meta.Predict("vars"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if err := f.complete(c, outTable); err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			q := &apiclient.Query{PerPage: perPage, NextToken: token, Filter: filter}
			page := []string{"variables"}
			if len(c.Args) > 0 {
				q.Prefix = c.Args[0]
				page = append(page, "path", q.Prefix)
			}
			all, m, err := apiclient.Get[[]*nl.VariableMetadata](ctx, client, "/v1/vars", q)
			if err != nil {
				return fmt.Errorf("listing variables: %w", err)
			}
			if err := f.list(c, all); err != nil {
				return err
			}
			c.MorePages(m.NextToken)
			if open || f.out == outTable {
				c.Hint(ctx, "The variables in the console", meta.ConsolePath(page...), open)
			}
			return nil
		},
	}
}

func (f *format) list(c *meta.Call, all []*nl.VariableMetadata) error {
	text, err := "", error(nil)
	switch f.out {
	case outJSON:
		text, err = render.JSONIndent(all, jsonIndent)
	case outTemplate:
		text, err = render.Template(f.template, all)
	case outTerse:
		for _, m := range all {
			c.Print(m.Path)
		}
		return nil
	default:
		if len(all) == 0 {
			c.Print("No variables found")
			return nil
		}
		t := render.NewTable("Namespace", "Path", "Last Updated")
		for _, m := range all {
			t.Row(m.Namespace, m.Path, render.Nanos(m.ModifyTime))
		}
		text = t.String()
	}
	if err != nil {
		return err
	}
	c.Print(text)
	return nil
}

func purge(*meta.Meta) *meta.Verb {
	var index *uint64
	return &meta.Verb{
		Name: "var purge", Args: "<path>", MinArgs: 1, MaxArgs: 1,
		Summary: "Delete a variable",
		Text:    "Deletes a variable for good.",
		Examples: []meta.Example{
			{Text: "Delete a variable", Line: meta.Binary + " var purge secret/db"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Index(&index, "check-index", "<index>", "Delete only if the check index of the variable is this.")
		},
		Predict: meta.Predict("vars"),
		Do: func(ctx context.Context, c *meta.Call) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			path := c.Args[0]
			if _, err := client.Call(ctx, http.MethodDelete, route(path), nil, nil, checkIndex(index)); err != nil {
				return conflict("deleting", path, err)
			}
			c.Printf("Successfully purged variable %q!", path)
			return nil
		},
	}
}

var (
	//go:embed example/spec.nv.hcl
	example string
	//go:embed example/spec.nv.json
	exampleJSON string
)

func initialize(*meta.Meta) *meta.Verb {
	var out string
	var quiet bool
	return &meta.Verb{
		Name: "var init", Args: "[<file>]", MaxArgs: 1, Local: true,
		Summary: "Write an example of a variable file",
		Text:    "Writes a file that the var put command takes, to be changed to what is wanted. A file that exists is left alone.",
		Examples: []meta.Example{
			{Text: "Write spec.nv.hcl", Line: meta.Binary + " var init"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Choice(&out, "out", outHCL, []string{outHCL, outJSON}, "The language of the file. Default: hcl.")
			fl.Bool(&quiet, "quiet", false, "Print nothing.")
		},
		Predict: meta.PredictFiles("*"),
		Do: func(_ context.Context, c *meta.Call) error {
			path, text := "spec.nv."+out, example
			if out == outJSON {
				text = exampleJSON
			}
			if len(c.Args) > 0 {
				path = c.Args[0]
			}
			if err := specfile.Create(path, text); err != nil {
				return err
			}
			if !quiet {
				c.Printf("Example variable specification written to %s", path)
			}
			return nil
		},
	}
}
