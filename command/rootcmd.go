package command

import (
	"context"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/version"
)

// rootCommands are the commands that belong to no noun.
func rootCommands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"version": meta.Factory(m, versionVerb),
		"status":  meta.Factory(m, statusVerb),
		"fmt":     meta.Factory(m, fmtVerb),
	}
}

func versionVerb(m *meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name:    "version",
		Summary: "Print the version",
		Local:   true,
		Do: func(context.Context, *meta.Call) error {
			m.Print(version.Current().String())
			return nil
		},
	}
}
