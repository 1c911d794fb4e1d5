// Command nomadlike is a job scheduler: its agent, its command line and its
// built-in task drivers in one file.
package main

import (
	"os"

	"github.com/nomadlike/nomadlike/command"
)

func main() {
	os.Exit(command.Main(os.Args))
}
