//go:build linux

package drivers

import (
	"os"
	"testing"

	"github.com/nomadlike/nomadlike/drivers/mock"
	"github.com/nomadlike/nomadlike/drivers/rawexec"
	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/drivertest"
)

// TestMain makes the test binary serve the plugins that its tests launch, as the
// main program does.
func TestMain(m *testing.M) {
	if Intercept(os.Args) {
		return
	}
	os.Exit(m.Run())
}

func launch(t *testing.T, name string) base.LaunchConfig {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return base.LaunchConfig{Type: base.TypeDriver, Command: self, Args: []string{ServeCommand, name}}
}

func TestRawExec(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{
		Launch: launch(t, rawexec.Name), Name: rawexec.Name, InterruptsUnknown: true,
		PluginConfig: map[string]any{"enabled": true},
		Shell: func(script string) map[string]any {
			return map[string]any{"command": "/bin/sh", "args": []string{"-c", script}}
		},
		BadConfigs: map[string]map[string]any{
			"no such command":      {"command": "/no/such/program"},
			"relative work_dir":    {"command": "/bin/true", "work_dir": "here"},
			"negative oom score":   {"command": "/bin/true", "oom_score_adj": -1},
			"missing work_dir":     {"command": "/bin/true", "work_dir": "/no/such/dir"},
			"two cgroup overrides": {"command": "/bin/true", "cgroup_v2_override": "x", "cgroup_v1_override": []any{map[string]any{"pids": "x"}}},
		},
	})
}

func TestMock(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{
		Launch: launch(t, mock.Name), Name: mock.Name, KillSucceeds: true,
		Exit:  func(code int) map[string]any { return map[string]any{"exit_code": code, "run_for": "10ms"} },
		Sleep: func() map[string]any { return map[string]any{"run_for": "1h"} },
		Print: func(stdout, stderr string) map[string]any {
			return map[string]any{"stdout_string": stdout, "stderr_string": stderr, "run_for": "10ms"}
		},
		BadConfigs: map[string]map[string]any{
			"start error":  {"start_error": "no"},
			"bad duration": {"kill_after": "soon"},
			"bad ports":    {"driver_port_map": "http"},
		},
	})
}
