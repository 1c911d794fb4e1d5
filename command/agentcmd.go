package command

import (
	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/agent"
	"github.com/nomadlike/nomadlike/command/meta"
)

// agentCommands are the commands that run in this process rather than ask an
// agent.
func agentCommands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"agent": func() (cli.Command, error) { return &agent.Command{Out: m.Out}, nil },
	}
}
