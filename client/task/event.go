package task

import (
	"fmt"
	"strconv"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Types of task events. The texts are part of the HTTP API.
const (
	EventReceived            = "Received"
	EventSetup               = "Task Setup"
	EventSetupFailure        = "Setup Failure"
	EventDriver              = "Driver"
	EventDriverFailure       = "Driver Failure"
	EventFailedValidation    = "Failed Validation"
	EventDownloading         = "Downloading Artifacts"
	EventArtifactFailed      = "Failed Artifact Download"
	EventStarted             = "Started"
	EventTerminated          = "Terminated"
	EventRestarting          = "Restarting"
	EventNotRestarting       = "Not Restarting"
	EventRestartSignal       = "Restart Signaled"
	EventSignaling           = "Signaling"
	EventKilling             = "Killing"
	EventKilled              = "Killed"
	EventSiblingFailed       = "Sibling Task Failed"
	EventLeaderDead          = "Leader Task Dead"
	EventMainDead            = "Main Tasks Dead"
	EventRestoreFailed       = "Failed Restoring Task"
	EventHookFailed          = "Task hook failed"
	EventHookMessage         = "Task hook message"
	EventTemplate            = "Template"
	EventPluginUnhealthy     = "Plugin became unhealthy"
	EventPluginHealthy       = "Plugin became healthy"
	EventWaitingShutdown     = "Waiting for shutdown delay"
	EventSkippingShutdown    = "Skipping shutdown delay"
	EventAllocUnhealthy      = "Alloc Unhealthy"
	EventReconnected         = "Reconnected"
	messageBuildingDirectory = "Building Task Directory"
)

// eventsKept is how many of the newest events of a task are kept; the API
// promises ten.
const eventsKept = 10

// Details that are always the same are shared: a node has an event of each of
// these for every task. Nobody changes the details of an event that was made.
var (
	noDetails    = map[string]string{}
	setupDetails = map[string]string{"message": messageBuildingDirectory}
)

// event makes one with what it shows; Details is never nil, as clients expect
// an object.
func event(now time.Time, kind, display string, details map[string]string) *nl.TaskEvent {
	if details == nil {
		details = noDetails
	}
	return &nl.TaskEvent{Type: kind, Time: now.UnixNano(), DisplayMessage: display, Details: details}
}

// Message makes an event that shows its message.
func Message(now time.Time, kind, message string) *nl.TaskEvent {
	e := event(now, kind, message, map[string]string{"message": message})
	e.Message = message
	return e
}

// Received is the first event of a task.
func Received(now time.Time) *nl.TaskEvent {
	return event(now, EventReceived, "Task received by client", nil)
}

// Setup says that preparation has begun.
func Setup(now time.Time) *nl.TaskEvent {
	e := event(now, EventSetup, messageBuildingDirectory, setupDetails)
	e.Message = messageBuildingDirectory
	return e
}

// SetupFailed says why preparation failed.
func SetupFailed(now time.Time, err string) *nl.TaskEvent {
	e := event(now, EventSetupFailure, err, map[string]string{"setup_error": err})
	e.SetLegacy().SetupError = err
	return e
}

// HookFailed says which preparation step failed and why.
func HookFailed(now time.Time, step, err string) *nl.TaskEvent {
	return Message(now, EventHookFailed, step+": "+err)
}

// ValidationFailed says what is wrong with the task's configuration.
func ValidationFailed(now time.Time, err string) *nl.TaskEvent {
	e := event(now, EventFailedValidation, err, map[string]string{"validation_error": err})
	e.SetLegacy().ValidationError = err
	return e
}

// Downloading says that artifacts are being fetched.
func Downloading(now time.Time) *nl.TaskEvent {
	return event(now, EventDownloading, "Client is downloading artifacts", nil)
}

// DownloadFailed says why an artifact could not be fetched.
func DownloadFailed(now time.Time, err string) *nl.TaskEvent {
	e := event(now, EventArtifactFailed, err, map[string]string{"download_error": err})
	e.SetLegacy().DownloadError = err
	return e
}

// DriverFailed says why the driver could not start the task.
func DriverFailed(now time.Time, err string) *nl.TaskEvent {
	e := event(now, EventDriverFailure, err, map[string]string{"driver_error": err})
	e.SetLegacy().DriverError = err
	return e
}

// DriverMessage carries what a driver tells the user.
func DriverMessage(at time.Time, message string, annotations map[string]string) *nl.TaskEvent {
	details := map[string]string{}
	for k, v := range annotations {
		details[k] = v
	}
	details["driver_message"] = message
	e := event(at, EventDriver, message, details)
	e.SetLegacy().DriverMessage = message
	return e
}

// Started says that the driver runs the task.
func Started(now time.Time) *nl.TaskEvent {
	return event(now, EventStarted, "Task started by client", nil)
}

// Terminated says how the task ended.
func Terminated(now time.Time, x Exit) *nl.TaskEvent {
	details := map[string]string{
		"exit_code":  strconv.Itoa(x.Code),
		"signal":     strconv.Itoa(x.Signal),
		"oom_killed": strconv.FormatBool(x.OOMKilled),
	}
	display := "Exit Code: " + details["exit_code"]
	if x.Signal != 0 {
		display += ", Signal: " + details["signal"]
	}
	if x.Err != "" {
		details["exit_message"] = x.Err
		display += fmt.Sprintf(", Exit Message: %q", x.Err)
	}
	e := event(now, EventTerminated, display, details)
	old := e.SetLegacy()
	old.ExitCode, old.Signal, e.Message = x.Code, x.Signal, x.Err
	return e
}

// Restarting says when the task starts again.
func Restarting(now time.Time, reason string, delay time.Duration) *nl.TaskEvent {
	display := fmt.Sprintf("Task restarting in %v", delay)
	if reason != "" && reason != reasonWithinPolicy {
		display = reason + " - " + display
	}
	e := event(now, EventRestarting, display, map[string]string{
		"restart_reason": reason,
		"start_delay":    strconv.FormatInt(int64(delay), 10),
	})
	old := e.SetLegacy()
	old.RestartReason, old.StartDelay = reason, int64(delay)
	return e
}

// NotRestarting says why the task stays down.
func NotRestarting(now time.Time, reason string, fails bool) *nl.TaskEvent {
	details := map[string]string{"restart_reason": reason}
	if fails {
		details["fails_task"] = "true"
	}
	e := event(now, EventNotRestarting, orElse(reason, "Task exceeded restart policy"), details)
	e.SetLegacy().RestartReason, e.FailsTask = reason, fails
	return e
}

// RestartSignaled says that somebody wants the task restarted.
func RestartSignaled(now time.Time, reason string) *nl.TaskEvent {
	e := event(now, EventRestartSignal, orElse(reason, "Task signaled to restart"), map[string]string{"restart_reason": reason})
	e.SetLegacy().RestartReason = reason
	return e
}

// Signaling says that the task is sent a signal.
func Signaling(now time.Time, signal, reason string) *nl.TaskEvent {
	display := "Task being sent signal " + signal
	details := map[string]string{"signal": signal}
	if signal == "" {
		display = "Task being sent a signal"
	}
	if reason != "" {
		display += ": " + reason
		details["task_signal_reason"] = reason
	}
	return event(now, EventSignaling, display, details)
}

// Killing says that the task is being ended.
func Killing(now time.Time, timeout time.Duration, reason string) *nl.TaskEvent {
	details := map[string]string{}
	display := "Sent interrupt"
	if timeout > 0 {
		details["kill_timeout"] = timeout.String()
		display = fmt.Sprintf("Sent interrupt. Waiting %v before force killing", timeout)
	}
	if reason != "" {
		details["kill_reason"] = reason
		display = reason
	}
	e := event(now, EventKilling, display, details)
	old := e.SetLegacy()
	old.KillTimeout, old.KillReason = timeout, reason
	return e
}

// Killed says that the task was ended.
func Killed(now time.Time, err string) *nl.TaskEvent {
	var details map[string]string
	if err != "" {
		details = map[string]string{"kill_error": err}
	}
	e := event(now, EventKilled, orElse(err, "Task successfully killed"), details)
	e.SetLegacy().KillError = err
	return e
}

// SiblingFailed says that the task ends because of another one.
func SiblingFailed(now time.Time, sibling string) *nl.TaskEvent {
	e := event(now, EventSiblingFailed, fmt.Sprintf("Task's sibling %q failed", sibling),
		map[string]string{"failed_sibling": sibling})
	e.SetLegacy().FailedSibling = sibling
	return e
}

// LeaderDead says that the task ends because its group's leader has.
func LeaderDead(now time.Time) *nl.TaskEvent {
	return event(now, EventLeaderDead, "Leader Task in Group dead", nil)
}

// MainDead says that the task ends because only sidecars are left.
func MainDead(now time.Time) *nl.TaskEvent {
	return event(now, EventMainDead, "Main tasks in the group died", nil)
}

// ShutdownDelay says that ending the task waits, or does not.
func ShutdownDelay(now time.Time, delay time.Duration, skipped bool) *nl.TaskEvent {
	if skipped {
		return Message(now, EventSkippingShutdown, "Skipping shutdown_delay of "+delay.String())
	}
	return Message(now, EventWaitingShutdown, "Waiting for shutdown_delay of "+delay.String()+" before killing the task.")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// withEvent is the list with e added and the oldest dropped beyond the bound.
// The old list is not changed: reports may still hold it.
func withEvent(list []*nl.TaskEvent, e *nl.TaskEvent) []*nl.TaskEvent {
	from := max(0, len(list)+1-eventsKept)
	out := make([]*nl.TaskEvent, 0, len(list)+1-from)
	return append(append(out, list[from:]...), e)
}
