package quota

import (
	"context"
	_ "embed"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/specfile"
)

var (
	//go:embed example/spec.hcl
	example string
	//go:embed example/spec.json
	exampleJSON string
)

func initVerb(*meta.Meta) *meta.Verb {
	var asJSON bool
	return &meta.Verb{
		Name: "quota init", Args: "[<file>]", MaxArgs: 1, Local: true,
		Summary: "Write an example of a quota file",
		Text:    "Writes a file that the quota apply command takes, to be changed to what is wanted. A file that exists is left alone.",
		Examples: []meta.Example{
			{Text: "Write spec.hcl", Line: meta.Binary + " quota init"},
			{Text: "Write spec.json", Line: meta.Binary + " quota init -json"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&asJSON, "json", false, "Write JSON.")
		},
		Predict: meta.PredictFiles("*"),
		Do: func(_ context.Context, c *meta.Call) error {
			file, text := "spec.hcl", example
			if asJSON {
				file, text = "spec.json", exampleJSON
			}
			if len(c.Args) > 0 {
				file = c.Args[0]
			}
			if err := specfile.Create(file, text); err != nil {
				return err
			}
			c.Printf("Example quota specification written to %s", file)
			return nil
		},
	}
}
