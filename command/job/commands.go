package job

import (
	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
)

// Commands are the commands of this package by name.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{}
}
