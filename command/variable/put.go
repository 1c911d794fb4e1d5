package variable

import (
	"context"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func put(*meta.Meta) *meta.Verb {
	var f format
	var index *uint64
	var force, verbose, open bool
	var language string
	return &meta.Verb{
		Name: "var put", Args: "<path> [@<file>] [<key>=<value>...]", MinArgs: 1, MaxArgs: meta.AnyArgs,
		Summary: "Write a variable",
		Text: "Writes a variable with all its items. What is written stands in the arguments, in a file, or in both; \"-\" in place of the file reads standard input. " +
			"A value that starts with \"@\" is the content of a file, \"-\" is standard input; a backslash before them takes them as they are. " +
			"A variable that exists is replaced only with -check-index or -force.",
		Examples: []meta.Example{
			{Text: "A new variable", Line: meta.Binary + " var put secret/db user=alice password=@password.txt"},
			{Text: "Change what was read", Line: meta.Binary + " var get -out json secret/db | " + meta.Binary + " var put - user=bob"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Index(&index, "check-index", "<index>", "Write only if the check index of the variable is this; 0 is a variable that does not exist.")
			fl.Bool(&force, "force", false, "Write whatever is there.")
			fl.Choice(&language, "in", "", []string{outHCL, outJSON}, "The language of the file. Default: that of the file's name, else json.")
			f.flags(fl, "How to print the variable. Default: none on a terminal, else json.", outTemplate, outHCL, outJSON, outNone, outTable)
			fl.Verbose(&verbose)
			fl.UI(&open)
		},
		Predict: meta.Predict("vars"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if err := f.complete(c, outNone); err != nil {
				return err
			}
			in, err := read(c, language)
			if err != nil {
				return err
			}
			if err := in.items(); err != nil {
				return err
			}
			v := in.variable
			if len(v.Items) == 0 {
				return meta.Usagef("A variable needs at least one item: key=value")
			}
			switch {
			case force && index != nil:
				return meta.Usagef("-force and -check-index exclude each other")
			case force:
			case index == nil:
				index = &v.ModifyIndex
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			body := &nl.VariableDecrypted{Namespace: v.Namespace, Path: v.Path, Items: v.Items}
			written, _, err := apiclient.Put[*nl.VariableDecrypted](ctx, client, route(v.Path), body, checkIndex(index))
			if err != nil {
				return conflict("writing", v.Path, err)
			}
			if verbose || f.out == outNone && c.Terminal {
				c.Warn("Wrote variable \"" + written.Path + "\" in namespace \"" + written.Namespace + "\".")
			}
			if err := f.show(c, written); err != nil {
				return err
			}
			f.hint(ctx, c, written, open)
			return nil
		},
	}
}
