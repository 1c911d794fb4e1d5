package meta

import (
	"fmt"
	"strings"

	"github.com/mitchellh/cli"
)

// helpWidth is the line length help texts are wrapped to.
const helpWidth = 78

// Help implements cli.Command.
func (v *Verb) Help() string {
	c := v.newCall()
	usage := Binary + " " + v.Name + " [options]"
	if v.Args != "" {
		usage += " " + v.Args
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s\n", usage)
	for _, alias := range v.Aliases {
		fmt.Fprintf(&b, "Alias: %s %s\n", Binary, alias)
	}
	text := v.Text
	if text == "" {
		text = v.Summary + "."
	}
	fmt.Fprintf(&b, "\n%s\n", wrap(text, "  "))
	for _, g := range c.flags.groups {
		title := g.title
		if title == "Options" {
			title = titleOf(v.Name) + " Options"
		}
		writeFlags(&b, title, g.flags)
	}
	if len(v.Examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, e := range v.Examples {
			fmt.Fprintf(&b, "\n%s\n\n    $ %s\n", wrap(e.Text+":", "  "), e.Line)
		}
	}
	return strings.TrimSpace(b.String())
}

// titleOf is the last word of a command's name, capitalised.
func titleOf(name string) string {
	words := strings.Fields(name)
	return capital(words[len(words)-1])
}

func writeFlags(b *strings.Builder, title string, flags []*flagDoc) {
	if len(flags) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, d := range flags {
		head := "-" + d.name
		if !d.boolean {
			head += "=" + d.value
		}
		fmt.Fprintf(b, "\n  %s\n%s\n", head, wrap(d.text, "    "))
	}
}

// wrap breaks paragraphs into lines. Lines that start with a space stay as
// they are.
func wrap(text, indent string) string {
	var out []string
	for _, paragraph := range strings.Split(strings.TrimSpace(text), "\n") {
		if paragraph == "" || strings.HasPrefix(paragraph, " ") {
			out = append(out, strings.TrimRight(indent+paragraph, " "))
			continue
		}
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len(indent)+len(line)+1+len(word) > helpWidth {
				out = append(out, indent+line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		out = append(out, indent+line)
	}
	return strings.Join(out, "\n")
}

// Group is a command that only holds others. It implements cli.Command.
type Group struct {
	Name, Summary, Text string
	Examples            []Example

	meta *Meta
}

// GroupFactory makes a group for package cli.
func GroupFactory(m *Meta, g Group) cli.CommandFactory {
	g.meta = m
	return func() (cli.Command, error) { return &g, nil }
}

// Help implements cli.Command; package cli lists the subcommands below it.
func (g *Group) Help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s %s <subcommand> [options] [args]\n\n%s\n", Binary, g.Name, wrap(g.Text, "  "))
	for _, e := range g.Examples {
		fmt.Fprintf(&b, "\n%s\n\n    $ %s\n", wrap(e.Text+":", "  "), e.Line)
	}
	fmt.Fprintf(&b, "\n  Each subcommand has its own help: %s %s <subcommand> -help", Binary, g.Name)
	return b.String()
}

// Run implements cli.Command: it shows the help.
func (g *Group) Run(args []string) int {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		g.meta.Error(fmt.Sprintf("There is no command %q.\n", g.Name+" "+args[0]))
	}
	return cli.RunResultHelp
}

// Synopsis implements cli.Command.
func (g *Group) Synopsis() string { return g.Summary }
