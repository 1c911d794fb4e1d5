//go:build !linux

package dir

// mountSecret does nothing: only Linux has the memory file system.
func mountSecret(string, int) error { return nil }

func unmountSecret(string) error { return nil }
