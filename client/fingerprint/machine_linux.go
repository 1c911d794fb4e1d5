package fingerprint

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func uname() (release, machine string) {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "", ""
	}
	return unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:])
}

func kernelRelease() string { r, _ := uname(); return r }
func machineName() string   { _, m := uname(); return m }

func landlock(*Config) found {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	value := fmt.Sprintf("v%d", version)
	switch {
	case errors.Is(errno, unix.EOPNOTSUPP):
		value = "disabled"
	case errno != 0:
		value = "unavailable"
	}
	return found{attributes: map[string]string{"kernel.landlock": value}}
}

func storage(c *Config) found {
	var st unix.Statfs_t
	dir := c.AllocDir
	for unix.Statfs(dir, &st) != nil {
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return found{err: fmt.Errorf("file system of %s cannot be looked at", c.AllocDir)}
	}
	total := st.Blocks * uint64(st.Bsize)
	if c.DiskTotalMB > 0 {
		total = uint64(c.DiskTotalMB) * megabyte
	}
	return found{
		attributes: map[string]string{"unique.storage.volume": dir, "unique.storage.bytestotal": strconv.FormatUint(total, 10)},
		resources:  func(r *nl.NodeResources) { r.Disk.DiskMB = int64(total / megabyte) },
	}
}
