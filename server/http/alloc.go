package http

import (
	"fmt"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func (a *API) allocRoutes() []route {
	return []route{
		{path: "/v1/allocations", by: methods{"GET": allocList}},
		{path: "/v1/allocation/", by: methods{"ANY": allocSub}},
	}
}

func allocList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	req := &query.AllocList{QueryOptions: o}
	if req.Resources, err = r.boolean("resources", false, nl.CodeInternal); err != nil {
		return nil, err
	}
	if req.TaskStates, err = r.boolean("task_states", true, nl.CodeInternal); err != nil {
		return nil, err
	}
	var reply query.AllocStubs
	if err := r.call("Alloc.List", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return stubs(reply.Allocs), nil
}

func allocSub(r *request) (any, error) {
	id, verb, sub := strings.Cut(r.rest, "/")
	r.rest = id
	switch {
	case !sub:
		return r.byMethod(methods{"GET": allocGet})
	case verb == "stop":
		return r.byMethod(methods{"WRITE": allocStop})
	case verb == "explain":
		return r.byMethod(methods{"GET": allocExplain})
	case verb == "services":
		return r.byMethod(methods{"GET": allocServices})
	case verb == "checks":
		return allocChecks(r)
	}
	return nil, notFound("resource not found")
}

func allocGet(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.AllocReply
	if err := r.call("Alloc.Get", &query.AllocGet{QueryOptions: o, ID: r.rest}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Alloc == nil {
		return nil, notFound("alloc not found")
	}
	return shownAlloc(reply.Alloc, reply.Job), nil
}

// shownAlloc is a whole allocation as shown, with its job and the display
// messages of its events.
func shownAlloc(a *nl.Alloc, job *nl.Job) *nl.Alloc {
	out := *a
	out.Job = shownJob(job)
	if states := a.TaskStates.Map(); display(states) {
		out.TaskStates = nl.PackTaskStates(states)
	}
	return &out
}

// display makes the events of task states tell people what happened, and tells
// whether any did not: nodes mostly say it themselves.
func display(states map[string]*nl.TaskState) (changed bool) {
	for _, st := range states {
		for _, e := range st.Events {
			if e.DisplayMessage == "" {
				e.DisplayMessage, changed = displayMessage(e), true
			}
		}
	}
	return changed
}

// displayMessage tells people what an event says, from its details.
func displayMessage(e *nl.TaskEvent) string {
	d := e.Details
	or := func(key, text string) string {
		if v := d[key]; v != "" {
			return v
		}
		return text
	}
	switch e.Type {
	case "Received":
		return "Task received by client"
	case "Task Setup":
		return or("message", e.Message)
	case "Downloading Artifacts":
		return "Client is downloading artifacts"
	case "Failed Artifact Download":
		return or("download_error", "Failed to download artifacts")
	case "Failed Validation":
		return or("validation_error", "Validation of task failed")
	case "Setup Failure":
		return or("setup_error", "Task setup failed")
	case "Driver Failure":
		return or("driver_error", "Failed to start task")
	case "Driver":
		return or("driver_message", e.Message)
	case "Started":
		return "Task started by client"
	case "Terminated":
		return terminatedMessage(d)
	case "Restarting":
		return restartingMessage(d, e)
	case "Not Restarting":
		return or("restart_reason", "Task exceeded restart policy")
	case "Restart Signaled":
		return or("restart_reason", "Task signaled to restart")
	case "Signaling":
		return signalingMessage(d)
	case "Killing":
		if v := d["kill_reason"]; v != "" {
			return v
		}
		if v := d["kill_timeout"]; v != "" {
			return fmt.Sprintf("Sent interrupt. Waiting %s before force killing", v)
		}
		return "Sent interrupt"
	case "Killed":
		return or("kill_error", "Task successfully killed")
	case "Sibling Task Failed":
		if v := d["failed_sibling"]; v != "" {
			return fmt.Sprintf("Task's sibling %q failed", v)
		}
		return "Task's sibling failed"
	case "Leader Task Dead":
		return "Leader Task in Group dead"
	case "Main Tasks Dead":
		return "Main tasks in the group died"
	case "Reconnected":
		return "Client reconnected"
	}
	return or("message", e.Message)
}

func terminatedMessage(d map[string]string) string {
	parts := []string{"Exit Code: " + orZero(d["exit_code"])}
	if v := d["signal"]; v != "" && v != "0" {
		parts = append(parts, "Signal: "+v)
	}
	if v := d["exit_message"]; v != "" {
		parts = append(parts, fmt.Sprintf("Exit Message: %q", v))
	}
	return strings.Join(parts, ", ")
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// ordinaryRestart is the reason that goes without saying.
const ordinaryRestart = "Restart within policy"

func restartingMessage(d map[string]string, e *nl.TaskEvent) string {
	delay := d["start_delay"]
	if ns := e.Legacy().StartDelay; ns != 0 {
		delay = time.Duration(ns).String()
	} else if parsed, err := time.ParseDuration(delay + "ns"); err == nil {
		delay = parsed.String()
	}
	text := "Task restarting in " + delay
	if why := d["restart_reason"]; why != "" && why != ordinaryRestart {
		text = why + " - " + text
	}
	return text
}

func signalingMessage(d map[string]string) string {
	text := "Task being sent "
	if s := d["task_signal"]; s != "" {
		text += "signal " + s
	} else {
		text += "a signal"
	}
	if why := d["task_signal_reason"]; why != "" {
		text += ": " + why
	}
	return text
}

func allocStop(r *request) (any, error) {
	req := &query.AllocStop{WriteOptions: r.write(), ID: r.rest}
	var err error
	if req.NoShutdownDelay, err = r.boolean("no_shutdown_delay", false, nl.CodeInternal); err != nil {
		return nil, err
	}
	if req.Reschedule, err = r.boolean("reschedule", false, nl.CodeInternal); err != nil {
		return nil, err
	}
	var reply query.AllocStopped
	if err := r.call("Alloc.Stop", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func allocServices(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.ServicesReply
	if err := r.call("Alloc.Services", &query.AllocGet{QueryOptions: o, ID: r.rest}, &reply); err != nil {
		return nil, err
	}
	if reply.Services == nil {
		reply.Index = 0
		r.meta(reply.QueryMeta)
		return nil, notFound("allocation not found")
	}
	r.meta(reply.QueryMeta)
	return reply.Services, nil
}
