package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/nomad/api"
)

// shell is a task that runs a script.
func shell(name, script string) *api.Task {
	task := api.NewTask(name, "raw_exec").SetConfig("command", "/bin/sh").SetConfig("args", []string{"-c", script})
	return task.Require(&api.Resources{CPU: ptr(1), MemoryMB: ptr(10)})
}

// container is a task that runs a script in the engine.
func container(name, script string) *api.Task {
	task := api.NewTask(name, "docker").SetConfig("image", "busybox:local").SetConfig("force_pull", false).
		SetConfig("network_mode", "none").SetConfig("command", "/bin/sh").SetConfig("args", []string{"-c", script})
	return task.Require(&api.Resources{CPU: ptr(1), MemoryMB: ptr(10)})
}

// group is a group without restarts, so that an exit is final.
func group(name string, count int, tasks ...*api.Task) *api.TaskGroup {
	g := api.NewTaskGroup(name, count)
	g.RestartPolicy = &api.RestartPolicy{Attempts: ptr(0), Mode: ptr("fail")}
	g.ReschedulePolicy = &api.ReschedulePolicy{Attempts: ptr(0), Unlimited: ptr(false)}
	g.EphemeralDisk = &api.EphemeralDisk{SizeMB: ptr(10)}
	for _, t := range tasks {
		t.LogConfig = &api.LogConfig{MaxFiles: ptr(1), MaxFileSizeMB: ptr(1)}
		g.AddTask(t)
	}
	return g
}

func batch(id string, groups ...*api.TaskGroup) *api.Job {
	j := api.NewBatchJob(id, id, "global", 50).AddDatacenter("*")
	j.TaskGroups = groups
	return j
}

func service(id string, groups ...*api.TaskGroup) *api.Job {
	j := api.NewServiceJob(id, id, "global", 50).AddDatacenter("*")
	j.TaskGroups = groups
	return j
}

func ptr[T any](v T) *T { return &v }

// register registers a job, which must be accepted.
func (a *agent) register(j *api.Job) *api.JobRegisterResponse {
	a.t.Helper()
	resp, _, err := a.api.Jobs().Register(j, nil)
	if err != nil {
		a.t.Fatalf("registering %s: %v", *j.ID, err)
	}
	return resp
}

// awaitAllocs waits until a job has so many allocations in a client status.
func (a *agent) awaitAllocs(job string, count int, status string) []*api.AllocationListStub {
	a.t.Helper()
	var found []*api.AllocationListStub
	await(a.t, fmt.Sprintf("%d allocations of %s are %s", count, job, status), func() error {
		all, _, err := a.api.Jobs().Allocations(job, true, nil)
		if err != nil {
			return err
		}
		found = nil
		seen := map[string]int{}
		for _, s := range all {
			seen[s.ClientStatus]++
			if s.ClientStatus == status {
				found = append(found, s)
			}
		}
		if len(found) != count {
			return fmt.Errorf("there are %v%s", seen, problems(all))
		}
		return nil
	})
	return found
}

// problems tells what went wrong in tasks, from their events.
func problems(allocs []*api.AllocationListStub) (out string) {
	for _, s := range allocs {
		for name, state := range s.TaskStates {
			for _, e := range state.Events {
				if e.FailsTask || e.Type == api.TaskDriverFailure || e.Type == api.TaskSetupFailure {
					out += fmt.Sprintf("; %s/%s: %s", s.Name, name, e.DisplayMessage)
				}
			}
		}
	}
	return out
}

// alloc reads an allocation.
func (a *agent) alloc(id string) *api.Allocation {
	a.t.Helper()
	alloc, _, err := a.api.Allocations().Info(id, nil)
	if err != nil {
		a.t.Fatalf("allocation %s: %v", id, err)
	}
	return alloc
}

// exitCode is the code a task ended with, of its last end.
func exitCode(states map[string]*api.TaskState, task string) (int, error) {
	state := states[task]
	if state == nil {
		return 0, fmt.Errorf("task %s has no state", task)
	}
	for i := len(state.Events) - 1; i >= 0; i-- {
		if e := state.Events[i]; e.Type == api.TaskTerminated {
			return e.ExitCode, nil
		}
	}
	return 0, fmt.Errorf("task %s (%s) has no event of its end", task, state.State)
}

// logs reads what a task wrote, through the agent.
func (a *agent) logs(alloc *api.Allocation, task, kind string) (string, error) {
	cancel := make(chan struct{})
	defer close(cancel)
	frames, problems := a.api.AllocFS().Logs(alloc, false, task, kind, "start", 0, cancel, nil)
	var out []byte
	for {
		select {
		case f, more := <-frames:
			if !more {
				return string(out), nil
			}
			out = append(out, f.Data...)
		case err := <-problems:
			return string(out), err
		}
	}
}

// awaitLog waits until a task has written exactly a text.
func (a *agent) awaitLog(allocID, task, want string) {
	a.t.Helper()
	alloc := a.alloc(allocID)
	await(a.t, "the log of "+task+" through "+a.name, func() error {
		got, err := a.logs(alloc, task, "stdout")
		if err == nil && got != want {
			err = fmt.Errorf("it is %q, want %q", got, want)
		}
		return err
	})
}

// touch makes a file that a task waits for.
func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// readFile reads a file of an allocation through the agent.
func (a *agent) readFile(alloc *api.Allocation, path string) (string, error) {
	r, err := a.api.AllocFS().Cat(alloc, path, nil)
	if err != nil {
		return "", err
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	return string(content), err
}

// onDisk is the directory of an allocation of this agent.
func (a *agent) onDisk(allocID string, more ...string) string {
	return filepath.Join(append([]string{a.dir, "data", "alloc", allocID}, more...)...)
}
