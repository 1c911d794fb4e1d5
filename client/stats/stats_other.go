//go:build !linux

package stats

import nl "github.com/nomadlike/nomadlike/nomadlike"

func readCPU() (map[string]times, []string) { return nil, nil }
func readMemory() *nl.HostMemoryStats       { return &nl.HostMemoryStats{} }
func uptime() uint64                        { return 0 }
func disks() []*nl.HostDiskStats            { return []*nl.HostDiskStats{} }

// Disk is not known here.
func Disk(string) *nl.HostDiskStats { return &nl.HostDiskStats{} }
