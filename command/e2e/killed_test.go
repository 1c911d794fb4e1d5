package e2e

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/nomad/api"
)

const (
	// kills and killsLong are how often an agent is killed, by default and with
	// E2E_LONG=1.
	kills     = 3
	killsLong = 20
	// rawTasks and dockerTasks run while their agent is killed.
	rawTasks    = 50
	dockerTasks = 10
	// leavers end while there is no agent, in every round.
	leavers = 2
	// leaverCode is the exit code that must not be lost.
	leaverCode = 7
)

func rounds() int {
	if os.Getenv(longVar) == "1" {
		return killsLong
	}
	return kills
}

// TestAgentKilled kills an agent again and again: no task may notice, and the
// exit of a task that ends meanwhile must be told by the next agent.
func TestAgentKilled(t *testing.T) {
	needRoot(t)
	t.Parallel()
	docker := dockerHost(t) != ""
	a := single(t)
	note := "echo $$ >$NOMAD_ALLOC_DIR/data/pid; exec sleep 3600"
	a.register(service("raw", group("g", rawTasks, shell("t", note))))
	jobs := map[string]int{"raw": rawTasks}
	if docker {
		a.register(service("docker", group("g", dockerTasks, container("t", "exec sleep 3600"))))
		jobs["docker"] = dockerTasks
	}
	for job, count := range jobs {
		a.awaitAllocs(job, count, api.AllocClientStatusRunning)
	}
	pids := a.pids("raw", rawTasks)
	containers := a.containers(docker)

	var slowest time.Duration
	for round := range rounds() {
		leaver := fmt.Sprintf("leaver-%d", round)
		marker := filepath.Join(a.dir, leaver)
		a.register(batch(leaver, group("g", leavers,
			shell("t", fmt.Sprintf("echo $$ >$NOMAD_ALLOC_DIR/data/pid; until [ -e %s ]; do sleep 0.02; done; exit %d", marker, leaverCode)))))
		leaving := slices.Collect(maps.Values(a.pids(leaver, leavers)))

		a.kill()
		touch(t, marker)
		await(t, "tasks end while there is no agent", func() error { return anyRunning(leaving) })
		killed := time.Now()
		a.start()
		a.awaitNode()
		slowest = max(slowest, time.Since(killed))

		for _, s := range a.awaitAllocs(leaver, leavers, api.AllocClientStatusFailed) {
			if code, err := exitCode(s.TaskStates, "t"); err != nil || code != leaverCode {
				t.Errorf("round %d: %s ended without an agent: exit code %d, %v; want %d", round, s.Name, code, err, leaverCode)
			}
		}
		for job, count := range jobs {
			for _, s := range a.awaitAllocs(job, count, api.AllocClientStatusRunning) {
				if n := s.TaskStates["t"].Restarts; n != 0 {
					t.Errorf("round %d: %s counts %d restarts", round, s.Name, n)
				}
			}
		}
		samePids(t, pids, a.pids("raw", rawTasks))
		samePids(t, containers, a.containers(docker))
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("killed %d times with %d tasks; the slowest start to a ready node took %s", rounds(), len(pids)+len(containers), slowest.Round(time.Millisecond))

	// Tasks that were taken back must still obey.
	for job := range jobs {
		if _, _, err := a.api.Jobs().Deregister(job, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	for job, count := range jobs {
		a.awaitAllocs(job, count, api.AllocClientStatusComplete)
	}
	await(t, "the processes are gone", func() error {
		return anyRunning(slices.AppendSeq(slices.Collect(maps.Values(pids)), maps.Values(containers)))
	})
}

// pids reads which process runs each allocation of a job whose tasks note it.
func (a *agent) pids(job string, count int) map[string]int {
	a.t.Helper()
	out := map[string]int{}
	for _, s := range a.awaitAllocs(job, count, api.AllocClientStatusRunning) {
		await(a.t, s.Name+" notes its process", func() error {
			content, err := os.ReadFile(a.onDisk(s.ID, "alloc", "data", "pid"))
			if err != nil {
				return err
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
			if err != nil {
				return err
			}
			out[s.ID] = pid
			return nil
		})
		if err := syscall.Kill(out[s.ID], 0); err != nil {
			a.t.Errorf("%s: process %d: %v", s.Name, out[s.ID], err)
		}
	}
	return out
}

// containers reads which process runs each container of the agent.
func (a *agent) containers(docker bool) map[string]int {
	a.t.Helper()
	out := map[string]int{}
	if !docker {
		return out
	}
	ids := map[string]bool{}
	for _, s := range a.awaitAllocs("docker", dockerTasks, api.AllocClientStatusRunning) {
		ids[s.ID] = true
	}
	r := runCommand(a.t, a.dir, environ(), "docker", "ps", "-q", "--filter", "label=com.hashicorp.nomad.alloc_id")
	list := strings.Fields(r.out)
	if len(list) == 0 {
		a.t.Fatalf("the engine runs no container: %s", r)
	}
	r = runCommand(a.t, a.dir, environ(), "docker", append([]string{"inspect", "--format",
		`{{index .Config.Labels "com.hashicorp.nomad.alloc_id"}} {{.State.Pid}}`}, list...)...)
	for line := range strings.Lines(r.out) {
		f := strings.Fields(line)
		if len(f) != 2 || !ids[f[0]] {
			continue
		}
		pid, err := strconv.Atoi(f[1])
		if err != nil || pid == 0 {
			a.t.Errorf("container of %s: process %q", f[0], f[1])
		}
		out[f[0]] = pid
	}
	if len(out) != dockerTasks {
		a.t.Errorf("the engine runs %d containers of ours, want %d", len(out), dockerTasks)
	}
	return out
}

// anyRunning is an error while one of the processes is more than a zombie.
func anyRunning(pids []int) error {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		if _, after, ok := strings.Cut(string(stat), ") "); ok && !strings.HasPrefix(after, "Z") {
			return errors.New("process " + strconv.Itoa(pid) + " runs")
		}
	}
	return nil
}

func samePids(t *testing.T, want, got map[string]int) {
	t.Helper()
	if !maps.Equal(want, got) {
		t.Errorf("tasks run as processes %v, were %v", got, want)
	}
}
