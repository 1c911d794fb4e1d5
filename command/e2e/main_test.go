package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

const (
	moduleRoot = "../.."
	// janitorVar makes the test binary the janitor of a run: see runJanitor.
	janitorVar = "E2E_JANITOR"
	// binaryVar names a binary to test instead of building one.
	binaryVar = "E2E_BINARY"
	// longVar makes the loops that kill agents long.
	longVar = "E2E_LONG"
)

// world is what all tests of a run share; TestMain makes it.
var world struct {
	root   string // everything the run makes lies below it
	binary string
}

func TestMain(m *testing.M) {
	if root := os.Getenv(janitorVar); root != "" {
		runJanitor(root)
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	root, err := os.MkdirTemp("", "nomadlike-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "end to end tests:", err)
		return 1
	}
	world.root = root
	dismiss, err := callJanitor(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "end to end tests:", err)
		return 1
	}
	defer dismiss()
	if world.binary, err = build(root); err != nil {
		fmt.Fprintln(os.Stderr, "end to end tests: the binary was not built:", err)
		return 1
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "end to end tests:", err)
			return 1
		}
	}
	return code
}

// build makes the binary as the build of a release does: the task supervisor
// first, since it is embedded.
func build(root string) (string, error) {
	if given := os.Getenv(binaryVar); given != "" {
		return filepath.Abs(given)
	}
	binary := filepath.Join(root, "nomadlike")
	for _, args := range [][]string{
		{"run", "./drivers/internal/supervise/build"},
		{"build", "-o", binary, "."},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = moduleRoot
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
		}
	}
	return binary, nil
}

// callJanitor starts the janitor, which cleans up after the run however it
// ends, and returns what tells it that the run is over and waits for it.
func callJanitor(root string) (func(), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), janitorVar+"="+root)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = ownGroup()
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("janitor: %w", err)
	}
	return func() {
		pipe.Close()
		cmd.Wait()
	}, nil
}

// runJanitor waits for the end of the test process, which closes its standard
// input even when it is killed or runs out of time, and then removes all that
// is left below the root: processes, mounts and files.
func runJanitor(root string) {
	io.Copy(io.Discard, os.Stdin)
	sweep(root)
	if err := os.RemoveAll(root); err != nil {
		fmt.Fprintln(os.Stderr, "end to end tests: left behind:", err)
	}
}
