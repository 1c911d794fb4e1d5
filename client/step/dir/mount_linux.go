package dir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// marker says that a directory is a memory file system of ours.
const marker = ".nomad-mount"

// mountSecret puts a memory file system on path when the agent is root; without
// the right to mount the directory stays what it is.
func mountSecret(path string, sizeMB int) error {
	if os.Geteuid() != 0 || mounted(path) {
		return nil
	}
	options := fmt.Sprintf("size=%dm,mode=0777", sizeMB)
	flags := uintptr(unix.MS_NOEXEC)
	err := unix.Mount("tmpfs", path, "tmpfs", flags, options+",noswap")
	if errors.Is(err, unix.EINVAL) {
		// Kernels before 6.4 do not know noswap.
		err = unix.Mount("tmpfs", path, "tmpfs", flags, options)
	}
	switch {
	case errors.Is(err, unix.EPERM):
		return os.Chmod(path, 0o700)
	case err != nil:
		return fmt.Errorf("mounting a memory file system on %s: %w", path, err)
	}
	if err := os.Chown(path, nobody, nobody); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(path, marker), nil, 0o644)
}

func mounted(path string) bool {
	_, err := os.Lstat(filepath.Join(path, marker))
	return err == nil
}

// unmountSecret takes the memory file system away, if there is one.
func unmountSecret(path string) error {
	if os.Geteuid() != 0 || !mounted(path) {
		return nil
	}
	err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("unmounting %s: %w", path, err)
}
