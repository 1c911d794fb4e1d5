package node

import (
	"context"
	_ "embed"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/specfile"
)

var (
	//go:embed example/pool.nomad.hcl
	examplePool string
	//go:embed example/pool.nomad.json
	examplePoolJSON string
)

func poolInit(*meta.Meta) *meta.Verb {
	var out string
	var quiet bool
	return &meta.Verb{
		Name: "node pool init", Args: "[<file>]", MaxArgs: 1, Local: true,
		Summary: "Write an example of a node pool file",
		Text:    "Writes a file that the node pool apply command takes, to be changed to what is wanted. A file that exists is left alone.",
		Examples: []meta.Example{
			{Text: "Write pool.nomad.hcl", Line: meta.Binary + " node pool init"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Choice(&out, "out", "hcl", []string{"hcl", "json"}, "The language of the file. Default: hcl.")
			fl.Bool(&quiet, "quiet", false, "Print nothing.")
		},
		Predict: meta.PredictFiles("*"),
		Do: func(_ context.Context, c *meta.Call) error {
			path, text := "pool.nomad."+out, examplePool
			if out == "json" {
				text = examplePoolJSON
			}
			if len(c.Args) > 0 {
				path = c.Args[0]
			}
			if err := specfile.Create(path, text); err != nil {
				return err
			}
			if !quiet {
				c.Printf("Example node pool specification written to %s", path)
			}
			return nil
		},
	}
}
