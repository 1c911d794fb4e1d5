package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/agent/config"
	"github.com/nomadlike/nomadlike/command/meta"
)

// configCommands are the commands about agent configuration.
func configCommands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"config": meta.GroupFactory(m, meta.Group{
			Name: "config", Summary: "Check agent configuration", Text: "An agent reads its configuration from files.",
		}),
		"config validate": meta.Factory(m, configValidateVerb),
	}
}

func configValidateVerb(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "config validate", Args: "<path> [<path>...]", MinArgs: 1, MaxArgs: meta.AnyArgs, Local: true,
		Summary:  "Check the configuration files of an agent",
		Text:     "Reads files and directories of configuration as an agent would, and tells everything that is wrong with them.",
		Examples: []meta.Example{{Text: "Check a directory", Line: "nomadlike config validate /etc/nomadlike.d"}},
		Predict:  meta.PredictFiles("*"),
		Do: func(_ context.Context, c *meta.Call) error {
			all := config.Default()
			var problems []error
			for _, path := range c.Args {
				problems = append(problems, all.Load(path))
			}
			err := errors.Join(problems...)
			if err == nil {
				err = all.Finish()
			}
			if err != nil {
				return fmt.Errorf("configuration is invalid:\n%w", err)
			}
			c.Info("Configuration is valid!")
			return nil
		},
	}
}
