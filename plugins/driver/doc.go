// Package driver is the contract between a host (the client agent) and a task
// driver plugin, in both directions: the Driver interface with its nouns, the
// host-side Instance that speaks it to a plugin process, and Serve for plugin
// mains. It never supervises: when a plugin process dies the host decides.
//
// # Writing a driver
//
// Implement Driver, embed Unsupported for the calls you do not offer, and serve:
//
//	func main() {
//		driver.Serve(func(log hclog.Logger) (driver.Driver, error) { return newMine(log), nil })
//	}
//
// plugins/drivertest holds a conformance suite for it.
//
// # Using a driver
//
// A plugin is looked at first, in a process of its own:
//
//	base.Probe(ctx, base.LaunchConfig{Command, Args, Logger}) -> base.Probed{Info, APIVersion, Schema}
//
// Its config is decoded with the schema, and tried out:
//
//	value, err := hclspec.Decode(probed.Schema, body, nil)   // body: map[string]any, JSON-like
//	bytes, err := hclspec.Marshal(value)
//	err = base.Validate(ctx, launch, probed, bytes)
//
// Then the process that stays is launched, configured and started. With a nil
// config Launch only launches, so that built-in drivers need no process for the
// look: base.Look(ctx, inst), inst.SetConfig and inst.Init do the rest.
//
//	inst, err := driver.Launch(ctx, launch, &base.Config{APIVersion, PluginConfig, Agent})
//	rec := inst.ReattachRecord() // persist (JSON); after an agent restart:
//	inst, err := driver.Reattach(ctx, launch, rec)
//
// Instance implements Driver. Streams (Fingerprint, TaskStats, TaskEvents) block,
// call back once per message, and return when ctx ends or the stream does; run
// each in a goroutine of the host. WaitTask blocks too.
//
//	schema, err := inst.TaskConfigSchema(ctx)
//	cfg := &driver.TaskConfig{...}
//	cfg.DriverConfig, err = ... hclspec.Decode(schema, task.Config, vars) then hclspec.Marshal
//	handle, network, err := inst.StartTask(ctx, cfg)
//	bytes, err := handle.Marshal() // persist verbatim; later driver.UnmarshalTaskHandle
//	result, err := inst.WaitTask(ctx, cfg.ID)
//	err = inst.StopTask(ctx, cfg.ID, timeout, "SIGTERM")
//	err = inst.DestroyTask(ctx, cfg.ID, true)
//
// Errors: errors.Is(err, base.ErrPluginShutdown) says that the process died
// (launch again, then RecoverTask with the same handle); ErrTaskNotFound that
// the plugin does not know the ID; base.IsRecoverable(err) whether a failed
// StartTask may be retried; ErrStatsNotImplemented ends asking for statistics.
// inst.Exited reports whether the process is gone, inst.Done is closed then.
//
// inst.Close(ctx) is the graceful end: Shutdown call, then kill; inst.Kill kills.
// An agent that is to be replaced just exits: plugin and tasks live on.
package driver
