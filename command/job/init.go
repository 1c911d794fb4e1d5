package job

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// exampleName is the file that is written unless another is named.
	exampleName = "example.nomad.hcl"
	// templatesPath is where clusters keep templates of jobs, as variables.
	templatesPath = "nomad/job-templates"
	// templateItem and descriptionItem are the items of such a variable.
	templateItem    = "template"
	descriptionItem = "description"
	// exampleMode is the permission of the files that are written.
	exampleMode = 0o660
)

//go:embed example/*.nomad.hcl
var examples embed.FS

// initOptions are the flags of job init.
type initOptions struct {
	short, connect, list bool
	template             string
}

func initVerb(*meta.Meta) *meta.Verb {
	var o initOptions
	return &meta.Verb{
		Name: "job init", Aliases: []string{"init"}, Args: "[<file>]", MaxArgs: 1,
		Summary: "Write an example job file",
		Text:    "Writes a job file to start from, " + exampleName + " unless another name is given. A file that exists is never overwritten.",
		Examples: []meta.Example{
			{Text: "Write the example without its comments", Line: "nomadlike job init -short"},
			{Text: "Start from a template that the cluster keeps", Line: "nomadlike job init -template=web-service app.nomad.hcl"},
		},
		Flags: func(f *meta.Flags) {
			f.Bool(&o.short, "short", false, "Write the example without comments.")
			f.Bool(&o.connect, "connect", false, "Write an example with services that reach each other through the mesh.")
			f.String(&o.template, "template", "", "<name>", "Write the template of this name that the cluster keeps as variable "+templatesPath+"/<name>.")
			f.Bool(&o.list, "list-templates", false, "List the templates that the cluster keeps, and write nothing.")
		},
		Do: func(ctx context.Context, c *meta.Call) error {
			if o.list {
				return listTemplates(ctx, c)
			}
			return o.write(ctx, c)
		},
	}
}

func (o *initOptions) write(ctx context.Context, c *meta.Call) error {
	name := exampleName
	if len(c.Args) == 1 {
		name = c.Args[0]
	}
	if _, err := os.Stat(name); err == nil {
		return fmt.Errorf("file %q exists and is not overwritten: name another file", name)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for file %q: %w", name, err)
	}
	text, err := o.text(ctx, c)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, text, exampleMode); err != nil {
		return fmt.Errorf("writing the example: %w", err)
	}
	c.Printf("Example job file written to %s", name)
	return nil
}

func (o *initOptions) text(ctx context.Context, c *meta.Call) ([]byte, error) {
	if o.template != "" {
		return clusterTemplate(ctx, c, o.template)
	}
	file := "example"
	switch {
	case o.short && o.connect:
		file = "connect-short"
	case o.connect:
		file = "connect"
	case o.short:
		file = "short"
	}
	return examples.ReadFile("example/" + file + ".nomad.hcl")
}

func clusterTemplate(ctx context.Context, c *meta.Call, name string) ([]byte, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	v, _, err := apiclient.Get[*nl.VariableDecrypted](ctx, client, "/v1/var/"+templatesPath+"/"+url.PathEscape(name), nil)
	if err != nil {
		return nil, fmt.Errorf("reading the template %q: %w", name, err)
	}
	text, ok := v.Items[templateItem]
	if !ok {
		return nil, fmt.Errorf("variable %s/%s has no item %q: it holds no template", templatesPath, name, templateItem)
	}
	return []byte(text), nil
}

func listTemplates(ctx context.Context, c *meta.Call) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	list, _, err := apiclient.Get[[]*nl.VariableMetadata](ctx, client, "/v1/vars", &apiclient.Query{Prefix: templatesPath + "/"})
	if err != nil {
		return fmt.Errorf("listing templates: %w", err)
	}
	if len(list) == 0 {
		c.Printf("The cluster keeps no templates: write one to a variable %s/<name>, in the item %q", templatesPath, templateItem)
		return nil
	}
	t := render.NewTable("Name", "Namespace", "Description")
	for _, stub := range list {
		v, _, err := apiclient.Get[*nl.VariableDecrypted](ctx, client, "/v1/var/"+stub.Path, &apiclient.Query{Namespace: stub.Namespace})
		if err != nil {
			return fmt.Errorf("reading the template at %s: %w", stub.Path, err)
		}
		t.Row(strings.TrimPrefix(stub.Path, templatesPath+"/"), stub.Namespace, v.Items[descriptionItem])
	}
	c.Print(t.String())
	return nil
}
