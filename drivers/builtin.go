//go:build linux

// Package drivers names the task drivers that are built into the binary and
// serves one of them in a plugin process. The hidden subcommands of the main
// program call it; the agent reaches a driver only through plugins/driver, as it
// does any other plugin.
package drivers

import (
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/drivers/docker"
	"github.com/nomadlike/nomadlike/drivers/internal/supervise"
	"github.com/nomadlike/nomadlike/drivers/internal/supervise/core"
	"github.com/nomadlike/nomadlike/drivers/mock"
	"github.com/nomadlike/nomadlike/drivers/rawexec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// SuperviseCommand is the hidden subcommand under which the main program must
// call Supervise: a build without the embedded supervisor starts it so.
const SuperviseCommand = supervise.Command

// ServeCommand is the hidden subcommand that runs Serve with its one argument.
const ServeCommand = "plugin-serve"

// Names lists the built-in drivers.
func Names() []string {
	return []string{docker.Name, mock.Name, rawexec.Name}
}

// Serve runs a driver until its host ends it.
func Serve(name string) error {
	var factory driver.Factory
	switch name {
	case rawexec.Name:
		factory = func(log hclog.Logger) (driver.Driver, error) { return rawexec.New(log) }
	case docker.Name:
		factory = func(log hclog.Logger) (driver.Driver, error) { return docker.New(log) }
	case mock.Name:
		factory = func(log hclog.Logger) (driver.Driver, error) { return mock.New(log) }
	default:
		return fmt.Errorf("there is no built-in driver %q: there are %s", name, strings.Join(Names(), ", "))
	}
	driver.Serve(factory)
	return nil
}

// Supervise runs one task to its end and returns the exit code of the process.
func Supervise() int { return core.Run() }

// Intercept runs the two hidden subcommands and reports whether it did. A main
// function calls it first, so that a supervisor or plugin loads nothing else.
func Intercept(args []string) bool {
	switch {
	case len(args) == 2 && args[1] == SuperviseCommand:
		os.Exit(Supervise())
	case len(args) == 3 && args[1] == ServeCommand:
		if err := Serve(args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return true
	}
	return false
}
