// Package mock is mock_driver, whose tasks only pretend: they run, print, end and
// fail as their config says. It is served by drivers.Serve; people use it to try
// out job files and the scheduler. It never starts a process.
package mock

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
)

// Name is the driver's name in job files.
const Name = "mock_driver"

const pluginVersion = "0.1.0"

type pluginConfig struct {
	FSIsolation              string `codec:"fs_isolation"`
	ShutdownPeriodicAfter    bool   `codec:"shutdown_periodic_after"`
	ShutdownPeriodicDuration int64  `codec:"shutdown_periodic_duration"` // nanoseconds
}

func configSpec() *hclspec.Spec {
	return hclspec.Object(map[string]*hclspec.Spec{
		"fs_isolation":               hclspec.Default(hclspec.Attr("fs_isolation", "string", false), hclspec.Literal(`"none"`)),
		"shutdown_periodic_after":    hclspec.Default(hclspec.Attr("shutdown_periodic_after", "bool", false), hclspec.Literal("false")),
		"shutdown_periodic_duration": hclspec.Default(hclspec.Attr("shutdown_periodic_duration", "number", false), hclspec.Literal("0")),
	})
}

// command is what a task, or a command executed in it, pretends to do.
type command struct {
	RunFor               string `codec:"run_for"`
	ExitCode             int    `codec:"exit_code"`
	ExitSignal           int    `codec:"exit_signal"`
	ExitErrMsg           string `codec:"exit_err_msg"`
	StdoutString         string `codec:"stdout_string"`
	StdoutRepeat         int    `codec:"stdout_repeat"`
	StdoutRepeatDuration string `codec:"stdout_repeat_duration"`
	StderrString         string `codec:"stderr_string"`
	StderrRepeat         int    `codec:"stderr_repeat"`
	StderrRepeatDuration string `codec:"stderr_repeat_duration"`
}

type taskConfig struct {
	command `codec:",inline"`

	PluginExitAfter     string   `codec:"plugin_exit_after"`
	StartErr            string   `codec:"start_error"`
	StartErrRecoverable bool     `codec:"start_error_recoverable"`
	StartBlockFor       string   `codec:"start_block_for"`
	KillAfter           string   `codec:"kill_after"`
	SignalErr           string   `codec:"signal_error"`
	DriverIP            string   `codec:"driver_ip"`
	DriverAdvertise     bool     `codec:"driver_advertise"`
	DriverPortMap       string   `codec:"driver_port_map"`
	ExecCommand         *command `codec:"exec_command"`
}

func commandAttrs() map[string]*hclspec.Spec {
	out := map[string]*hclspec.Spec{}
	for name, typ := range map[string]string{
		"run_for": "string", "exit_code": "number", "exit_signal": "number", "exit_err_msg": "string",
		"stdout_string": "string", "stdout_repeat": "number", "stdout_repeat_duration": "string",
		"stderr_string": "string", "stderr_repeat": "number", "stderr_repeat_duration": "string",
	} {
		out[name] = hclspec.Attr(name, typ, false)
	}
	return out
}

func taskSpec() *hclspec.Spec {
	attrs := commandAttrs()
	for name, typ := range map[string]string{
		"plugin_exit_after": "string", "start_error": "string", "start_error_recoverable": "bool",
		"start_block_for": "string", "kill_after": "string", "signal_error": "string",
		"driver_ip": "string", "driver_advertise": "bool", "driver_port_map": "string",
	} {
		attrs[name] = hclspec.Attr(name, typ, false)
	}
	attrs["exec_command"] = hclspec.Block("exec_command", false, hclspec.Object(commandAttrs()))
	return hclspec.Object(attrs)
}

// durations are the parsed times of a task.
type durations struct{ startBlock, killAfter, pluginExit time.Duration }

func (c *taskConfig) durations() (d durations, err error) {
	for _, p := range []struct {
		name, text string
		into       *time.Duration
	}{
		{"start_block_for", c.StartBlockFor, &d.startBlock},
		{"kill_after", c.KillAfter, &d.killAfter},
		{"plugin_exit_after", c.PluginExitAfter, &d.pluginExit},
	} {
		if *p.into, err = duration(p.name, p.text); err != nil {
			return d, err
		}
	}
	return d, nil
}

func duration(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is no duration: write it like 10s", name, text)
	}
	return d, nil
}

// ports reads "label:port" pairs.
func ports(text string) (map[string]int, error) {
	out := map[string]int{}
	for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		label, number, ok := strings.Cut(pair, ":")
		port, err := strconv.Atoi(number)
		if !ok || err != nil {
			return nil, fmt.Errorf("driver_port_map: %q is not of the form label:port", pair)
		}
		out[label] = port
	}
	return out, nil
}
