// Command build compiles the task supervisor into the folder that drivers embed
// it from. Run it from the root of the module before building the main binary;
// it leaves an up-to-date file alone.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	sourcePackage = "./drivers/internal/supervise/main"
	target        = "drivers/internal/supervise/bin/supervise"
)

func main() {
	arch := flag.String("arch", "", "architecture of the binary that will embed the supervisor; empty for this machine's")
	flag.Parse()
	if err := build(*arch); err != nil {
		fmt.Fprintln(os.Stderr, "supervisor was not built:", err)
		os.Exit(1)
	}
}

func build(arch string) error {
	dir, err := os.MkdirTemp("", "supervise")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "supervise")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", out, sourcePackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if arch != "" {
		cmd.Env = append(cmd.Env, "GOARCH="+arch)
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	built, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	// A file that did not change keeps its time, so that nothing is linked anew.
	if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, built) {
		return nil
	}
	tmp := target + ".tmp"
	if err := os.WriteFile(tmp, built, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, target)
}
