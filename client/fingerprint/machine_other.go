//go:build !linux

package fingerprint

import (
	"runtime"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func kernelRelease() string { return "" }
func machineName() string   { return runtime.GOARCH }

func landlock(*Config) found {
	return found{attributes: map[string]string{"kernel.landlock": "unavailable"}}
}

func storage(c *Config) found {
	return found{resources: func(r *nl.NodeResources) { r.Disk.DiskMB = int64(c.DiskTotalMB) }}
}
