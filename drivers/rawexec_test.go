//go:build linux

package drivers

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nomadlike/nomadlike/drivers/rawexec"
)

func rawExecHost(t *testing.T, config map[string]any) *host {
	t.Helper()
	config["enabled"] = true
	return newHost(t, rawexec.Name, config)
}

func script(text string) map[string]any {
	return map[string]any{"command": "/bin/sh", "args": []string{"-c", text}}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may do this")
	}
}

func TestRawExecDisabled(t *testing.T) {
	h := newHost(t, rawexec.Name, nil)
	if _, _, err := h.inst.StartTask(h.ctx(), h.task(script("true"))); err == nil || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("start on a node that disabled the driver: %v", err)
	}
}

func TestRawExecUser(t *testing.T) {
	needRoot(t)
	h := rawExecHost(t, map[string]any{"denied_host_uids": "1-10"})
	c := h.task(script(`id -un; id -gn; echo "$USER $HOME"; touch local/mine`))
	c.User, c.StdoutPath = "nobody", filepath.Join(c.SharedDir(), "out")
	// The test's own directory is closed to others.
	for dir := h.dir; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		check(t, os.Chmod(dir, 0o755))
	}
	check(t, os.Chmod(c.LocalDir(), 0o777))
	h.start(c)
	if r := h.wait(c.ID); !r.Successful() {
		t.Errorf("task ended with %+v", r)
	}
	got := readLines(t, c.StdoutPath)
	if len(got) != 3 || got[0] != "nobody" || !strings.HasPrefix(got[2], "nobody /") {
		t.Errorf("task saw %q", got)
	}
	st, err := os.Stat(filepath.Join(c.LocalDir(), "mine"))
	check(t, err)
	if sys, ok := st.Sys().(*syscall.Stat_t); !ok || sys.Uid == 0 {
		t.Error("the task's file belongs to root")
	}
	for _, user := range []string{"daemon", "no-such-user"} {
		c := h.task(script("true"))
		c.User = user
		if _, _, err := h.inst.StartTask(h.ctx(), c); err == nil {
			t.Errorf("a task of %s was started", user)
		}
	}
}

func TestRawExecEnvironment(t *testing.T) {
	h := rawExecHost(t, map[string]any{"denied_envvars": []string{"SECRET_*"}})
	block := script(`env | sort; pwd`)
	block["denied_envvars"] = []string{"OTHER"}
	block["work_dir"] = "/"
	c := h.task(block)
	c.StdoutPath = filepath.Join(c.SharedDir(), "out")
	c.Env = map[string]string{"KEPT": "1", "SECRET_A": "2", "OTHER": "3"}
	h.start(c)
	h.wait(c.ID)
	text := strings.Join(readLines(t, c.StdoutPath), "\n")
	if !strings.Contains(text, "KEPT=1") || strings.Contains(text, "SECRET_A") || strings.Contains(text, "OTHER") || !strings.HasSuffix(text, "\n/") {
		t.Errorf("task saw %q", text)
	}
}

// TestRawExecMemoryLimit: a task that outgrows its memory is killed, and told so.
func TestRawExecMemoryLimit(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat("/sys/fs/cgroup/memory/memory.limit_in_bytes"); err != nil {
		t.Skip("this driver makes groups of its own only on version 1")
	}
	probe := "/sys/fs/cgroup/memory/nomadlike-probe"
	if err := os.Mkdir(probe, 0o755); err != nil {
		t.Skipf("no group can be made here: %v", err)
	}
	check(t, os.Remove(probe))
	h := rawExecHost(t, map[string]any{})
	c := h.task(script(`x=0123456789abcdef; while true; do x="$x$x"; done`))
	c.Resources.MemoryMB = 16
	h.start(c)
	if r := h.wait(c.ID); !r.OOMKilled || r.Successful() {
		t.Errorf("task ended with %+v", r)
	}
	group := "/sys/fs/cgroup/memory/nomad/" + c.AllocID + ".t"
	if _, err := os.Stat(group); err != nil {
		t.Errorf("group of the task: %v", err)
	}
	check(t, h.inst.DestroyTask(h.ctx(), c.ID, true))
	if _, err := os.Stat(group); !os.IsNotExist(err) {
		t.Errorf("group of a destroyed task: %v", err)
	}
}
