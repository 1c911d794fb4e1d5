package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/nomad/api"
)

const (
	// patience bounds every wait: far more than a loaded machine needs, since
	// only a defect should ever reach it.
	patience = 60 * time.Second
	// pollEvery is how often a condition outside is looked at.
	pollEvery = 20 * time.Millisecond
	// logTailBytes is how much of an agent's log a failure shows.
	logTailBytes = 6000
)

// needRoot skips a test that runs tasks where that is not possible, except in
// CI, where nothing may be left out.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("running tasks needs root, and CI=true lets no test be skipped")
	}
	t.Skip("running tasks needs root")
}

// dockerHost is the engine that tests may use, "" for none.
func dockerHost(t *testing.T) string {
	t.Helper()
	host := os.Getenv("DOCKER_HOST")
	if host == "" && os.Getenv("CI") == "true" {
		t.Fatal("DOCKER_HOST names no engine, and CI=true lets no test be skipped")
	}
	return host
}

// loopback gives an address of this machine alone that no other process uses,
// so that every agent has the default ports for itself.
func loopback() string {
	return fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(128), rand.IntN(256), 1+rand.IntN(254))
}

// agent is one agent process, which may be killed and started again on its data.
type agent struct {
	t      *testing.T
	name   string
	dir    string
	addr   string // all its ports are on this address
	config string
	api    *api.Client
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the present process has ended
}

const baseConfig = `
name      = "%s"
bind_addr = "%s"
data_dir  = "%s/data"
leave_on_interrupt = false
`

const serverConfig = `
server {
  enabled          = true
  bootstrap_expect = %d
  raft_multiplier  = 1
  server_join {
    retry_join     = [%s]
    retry_interval = "1s"
  }
}
`

const clientConfig = `
client {
  enabled           = true
  network_interface = "lo"
  servers           = [%s]
  options = {
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,consul,vault"
  }
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
plugin "docker" {
  config {
    gc {
      image = false
    }
  }
}
`

// newAgent prepares an agent; start runs it. Whatever it leaves is removed at
// the end of the test.
func newAgent(t *testing.T, name, addr string, blocks ...string) *agent {
	t.Helper()
	dir, err := os.MkdirTemp(world.root, name+"-")
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, name: name, dir: dir, addr: addr, config: filepath.Join(dir, "agent.hcl")}
	a.writeConfig(fmt.Sprintf(baseConfig, name, addr, dir) + strings.Join(blocks, "\n"))
	a.api = newClient(t, a.url())
	t.Cleanup(a.remove)
	return a
}

// single runs an agent that is the only server and the only client.
func single(t *testing.T) *agent {
	t.Helper()
	a := newAgent(t, "single", loopback(), fmt.Sprintf(serverConfig, 1, ""), fmt.Sprintf(clientConfig, ""))
	a.start()
	a.awaitNode()
	return a
}

func (a *agent) url() string { return "http://" + a.addr + ":4646" }

func (a *agent) writeConfig(text string) {
	a.t.Helper()
	if err := os.WriteFile(a.config, []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// newClient is the official client, with connections that end with the test.
func newClient(t *testing.T, url string) *api.Client {
	t.Helper()
	transport := &http.Transport{}
	c, err := api.NewClient(&api.Config{Address: url, HttpClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return c
}

// environ is what agents and commands are given: nothing of the surroundings
// that could change what they do.
func environ(more ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LANG=C.UTF-8"}
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		env = append(env, "DOCKER_HOST="+host)
	}
	return append(env, more...)
}

// start runs the agent's process; it does not wait for it to be of use.
func (a *agent) start() {
	a.t.Helper()
	log, err := os.OpenFile(a.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		a.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(world.binary, "agent", "-config", a.config)
	cmd.Dir = a.dir
	cmd.Env = environ()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	a.cmd, a.ended = cmd, ended
}

func (a *agent) logFile() string { return filepath.Join(a.dir, "agent.log") }

// kill ends the agent at once, without any chance to tidy up. Its plugins and
// tasks are not touched.
func (a *agent) kill() {
	a.cmd.Process.Signal(syscall.SIGKILL)
	<-a.ended
}

// running tells whether the agent's process lives.
func (a *agent) running() bool {
	if a.cmd == nil {
		return false
	}
	select {
	case <-a.ended:
		return false
	default:
		return true
	}
}

// terminate asks the agent to end and gives its exit code.
func (a *agent) terminate() int {
	a.t.Helper()
	a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.ended:
	case <-time.After(patience):
		a.kill()
		a.t.Errorf("agent %s did not end within %s of SIGTERM", a.name, patience)
	}
	return a.cmd.ProcessState.ExitCode()
}

// remove ends the agent and everything it ran, and shows the log of one that a
// test failed with.
func (a *agent) remove() {
	if a.running() {
		a.stopJobs()
		a.terminate()
	}
	sweep(a.dir)
	if a.t.Failed() {
		a.t.Logf("the end of the log of agent %s:\n%s", a.name, a.log())
	}
}

// stopJobs stops all jobs, so that drivers tidy up themselves; what is left
// anyway is swept.
func (a *agent) stopJobs() {
	everywhere := &api.QueryOptions{Namespace: "*", AllowStale: true} // the other servers may be gone
	allocs, _, err := a.api.Allocations().List(everywhere)
	if err != nil || !anyAlive(allocs) {
		return
	}
	jobs, _, err := a.api.Jobs().List(everywhere)
	for _, j := range jobs {
		if _, _, err = a.api.Jobs().Deregister(j.ID, false, &api.WriteOptions{Namespace: j.Namespace}); err != nil {
			return
		}
	}
	poll(patience/4, func() error {
		allocs, _, err := a.api.Allocations().List(everywhere)
		if err == nil && anyAlive(allocs) {
			return errors.New("tasks run")
		}
		return nil
	})
}

func anyAlive(allocs []*api.AllocationListStub) bool {
	for _, a := range allocs {
		if a.ClientStatus == api.AllocClientStatusPending || a.ClientStatus == api.AllocClientStatusRunning {
			return true
		}
	}
	return false
}

// log gives the end of the agent's log.
func (a *agent) log() string {
	content, err := os.ReadFile(a.logFile())
	if err != nil {
		return err.Error()
	}
	if len(content) > logTailBytes {
		content = content[len(content)-logTailBytes:]
		content = content[bytes.IndexByte(content, '\n')+1:]
	}
	return string(content)
}

// await polls a condition, whose error says what is missing, until it is met.
func await(t *testing.T, what string, met func() error) {
	t.Helper()
	if err := poll(patience, met); err != nil {
		t.Fatalf("%s: not within %s: %v", what, patience, err)
	}
}

func poll(bound time.Duration, met func() error) error {
	deadline := time.Now().Add(bound)
	for {
		err := met()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pollEvery)
	}
}

// awaitLeader waits until the agent knows a leader.
func (a *agent) awaitLeader() {
	a.t.Helper()
	await(a.t, "agent "+a.name+" knows the leader", func() error {
		if !a.running() {
			a.t.Fatalf("agent %s has ended", a.name)
		}
		leader, err := a.api.Status().Leader()
		if err == nil && leader == "" {
			err = errors.New("no leader")
		}
		return err
	})
}

// awaitNode waits until the agent's own node takes work.
func (a *agent) awaitNode() {
	a.t.Helper()
	await(a.t, "node "+a.name+" is ready", func() error {
		if !a.running() {
			a.t.Fatalf("agent %s has ended", a.name)
		}
		nodes, _, err := a.api.Nodes().List(nil)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			if n.Name == a.name && n.Status == api.NodeStatusReady && n.Drivers["raw_exec"] != nil && n.Drivers["raw_exec"].Healthy {
				return nil
			}
		}
		return fmt.Errorf("not among the ready of %d nodes", len(nodes))
	})
}

// result is what a command did.
type result struct {
	code     int
	out, err string
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d\nstdout: %s\nstderr: %s", r.code, r.out, r.err)
}

// command runs our command line against the agent.
func (a *agent) command(args ...string) result {
	a.t.Helper()
	return runCommand(a.t, a.dir, environ("NOMAD_ADDR="+a.url()), world.binary, args...)
}

func runCommand(t *testing.T, dir string, env []string, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &problems
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", filepath.Base(program), strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s %s did not end within %s\nstdout: %s\nstderr: %s", filepath.Base(program), strings.Join(args, " "), patience, &out, &problems)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), problems.String()}
}
