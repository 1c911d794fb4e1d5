package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/nomad/api"
)

// fails starts an agent that must end by itself with exit code 1 and a sentence
// that holds all the given parts.
func (a *agent) fails(parts ...string) {
	a.t.Helper()
	r := runCommand(a.t, a.dir, environ(), world.binary, "agent", "-config", a.config)
	if r.code != 1 {
		a.t.Errorf("exit code %d, want 1", r.code)
	}
	line := ""
	for l := range strings.Lines(r.out + r.err) {
		missing := func(p string) bool { return !strings.Contains(l, p) }
		if !slices.ContainsFunc(parts, missing) {
			line = l
		}
	}
	if line == "" {
		a.t.Errorf("no line with %q: %s", parts, r)
	}
	if strings.Contains(r.out+r.err, "goroutine ") {
		a.t.Errorf("the agent panicked: %s", r)
	}
}

func TestBadStart(t *testing.T) {
	needRoot(t)
	t.Parallel()
	server := func(t *testing.T) *agent {
		return newAgent(t, "bad", loopback(), fmt.Sprintf(serverConfig, 1, ""))
	}
	t.Run("data dir is a file", func(t *testing.T) {
		a := server(t)
		touch(t, filepath.Join(a.dir, "data"))
		a.fails(filepath.Join(a.dir, "data"), "not a directory")
	})
	t.Run("data dir not writable", func(t *testing.T) {
		a := server(t)
		// Root may write anywhere but here: /proc takes no directories.
		a.writeConfig(fmt.Sprintf(baseConfig, "bad", a.addr, "/proc/nomadlike") + fmt.Sprintf(serverConfig, 1, ""))
		a.fails("mkdir /proc/nomadlike", "no such file or directory")
	})
	for name, port := range map[string]string{"http": "4646", "rpc": "4647", "serf": "4648"} {
		t.Run(name+" port in use", func(t *testing.T) {
			a := server(t)
			l, err := net.Listen("tcp", a.addr+":"+port)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			a.fails(a.addr+":"+port, "address already in use")
		})
	}
	t.Run("unknown key", func(t *testing.T) {
		a := server(t)
		a.writeConfig(fmt.Sprintf(baseConfig, "bad", a.addr, a.dir) + "server {\n  enabled = true\n  bootstrap_expekt = 1\n}\n")
		a.fails("agent.hcl", "bootstrap_expekt")
	})
	t.Run("not HCL", func(t *testing.T) {
		a := server(t)
		a.writeConfig("server {\n")
		a.fails("agent.hcl")
	})
	t.Run("no such file", func(t *testing.T) {
		a := server(t)
		a.config = filepath.Join(a.dir, "absent.hcl")
		a.fails("absent.hcl", "no such file")
	})
	t.Run("neither server nor client", func(t *testing.T) {
		a := newAgent(t, "bad", loopback())
		a.fails("server", "client")
	})
}

// TestDamagedLog starts servers on a log whose end was damaged: either the
// server says so in a sentence and ends, or it still has all it acknowledged.
func TestDamagedLog(t *testing.T) {
	needRoot(t)
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, path string, used int64){
		"garbage after the end": func(t *testing.T, path string, used int64) {
			writeAt(t, path, used, []byte("this is no log entry, it was never written by a server"))
		},
		"cut off": func(t *testing.T, path string, used int64) {
			if err := os.Truncate(path, used/2); err != nil {
				t.Fatal(err)
			}
		},
		"overwritten": func(t *testing.T, path string, used int64) {
			writeAt(t, path, used/2, []byte(strings.Repeat("\xa5", 64)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAgent(t, "damaged", loopback(), fmt.Sprintf(serverConfig, 1, ""))
			a.start()
			a.awaitLeader()
			const jobs = 20
			for n := range jobs {
				a.register(service(fmt.Sprintf("job-%d", n), group("g", 0, shell("t", "true"))))
			}
			a.kill()
			path, used := lastSegment(t, a.dir)
			damage(t, path, used)
			a.start()
			err := poll(patience, func() error {
				if !a.running() {
					return nil
				}
				leader, err := a.api.Status().Leader()
				if err == nil && leader == "" {
					err = fmt.Errorf("no leader")
				}
				return err
			})
			switch {
			case err != nil:
				t.Fatalf("the agent neither ends nor leads: %v", err)
			case !a.running():
				if code := a.cmd.ProcessState.ExitCode(); code != 1 {
					t.Errorf("exit code %d, want 1", code)
				}
				if log := a.log(); strings.Contains(log, "goroutine ") || !strings.Contains(log, "==> The agent") || !strings.Contains(log, "log") {
					t.Errorf("no sentence about the log that cannot be read")
				}
			default:
				have, _, err := a.api.Jobs().List(&api.QueryOptions{})
				if err != nil || len(have) != jobs {
					t.Errorf("the server goes on with %d of %d acknowledged jobs, %v", len(have), jobs, err)
				}
			}
		})
	}
}

// lastSegment finds the newest file of the log and how much of it is used: the
// rest is zeroes.
func lastSegment(t *testing.T, dir string) (string, int64) {
	t.Helper()
	var last string
	err := filepath.WalkDir(filepath.Join(dir, "data"), func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".wal") && path > last {
			last = path
		}
		return err
	})
	if err != nil || last == "" {
		t.Fatalf("no segment of the log below %s: %v", dir, err)
	}
	content, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	return last, int64(len(strings.TrimRight(string(content), "\x00")))
}

func writeAt(t *testing.T, path string, at int64, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(content, at); err != nil {
		t.Fatal(err)
	}
}
