//go:build linux

package hostproc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// EnvList writes an environment the way the kernel wants it, sorted.
func EnvList(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

// lookPath finds a command the way a shell in dir would with the given PATH, or
// with the plugin's own when there is none.
func lookPath(command, path, dir string) (string, error) {
	if strings.Contains(command, "/") {
		if !filepath.IsAbs(command) {
			command = filepath.Join(dir, command)
		}
		return command, nil
	}
	if path == "" {
		path = os.Getenv("PATH")
	}
	for _, d := range filepath.SplitList(path) {
		if candidate := filepath.Join(d, command); Runnable(candidate) {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("command %q was not found in %s", command, path)
}

// Runnable reports whether path is a regular file that somebody may execute.
func Runnable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}
