// Command plugin serves the built-in drivers to the client's tests.
package main

import (
	"os"

	"github.com/nomadlike/nomadlike/drivers"
)

func main() { drivers.Intercept(os.Args) }
