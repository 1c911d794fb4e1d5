package e2e

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sweepTries bounds how often the processes of a tree are looked for: killing
// one may let another appear.
const sweepTries = 50

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// sweep ends all processes, containers and mounts that belong to a directory.
func sweep(dir string) {
	var groups []string
	for range sweepTries {
		pids := belonging(dir)
		if len(pids) == 0 {
			break
		}
		for _, pid := range pids {
			groups = append(groups, cgroups(pid)...)
			syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond) // the kernel has to reap; nothing tells when
	}
	removeContainers(dir)
	for _, m := range mountsBelow(dir) {
		syscall.Unmount(m, syscall.MNT_DETACH)
	}
	for _, g := range groups {
		os.Remove(g) // an empty cgroup is an empty directory
	}
}

// belonging finds the processes that were started from or work in a directory:
// the agents and plugins by their command line, tasks by their environment,
// supervisors by what they hold open.
func belonging(dir string) (pids []int) {
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil || pid == os.Getpid() || pid == os.Getppid() {
			continue
		}
		if processBelongs(p, dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func processBelongs(proc, dir string) bool {
	for _, name := range []string{"cmdline", "environ"} {
		content, _ := os.ReadFile(filepath.Join(proc, name))
		if bytes.Contains(content, []byte(dir+"/")) {
			return true
		}
	}
	links, _ := filepath.Glob(filepath.Join(proc, "fd", "*"))
	for _, l := range append(links, filepath.Join(proc, "cwd"), filepath.Join(proc, "root")) {
		if to, err := os.Readlink(l); err == nil && strings.HasPrefix(to, dir+"/") && !strings.HasSuffix(to, ".log") {
			return true
		}
	}
	return false
}

// cgroups lists the directories of the control groups that were made for a
// process; those are named after their allocation.
func cgroups(pid int) (dirs []string) {
	content, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	for line := range strings.Lines(string(content)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || !strings.Contains(parts[2], "nomad") || strings.HasSuffix(parts[2], "/share") {
			continue
		}
		dirs = append(dirs, filepath.Join("/sys/fs/cgroup", strings.TrimPrefix(parts[1], "name="), parts[2]))
	}
	return dirs
}

// mountsBelow lists mounts below a directory, innermost first.
func mountsBelow(dir string) (mounts []string) {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			mounts = append(mounts, fields[1])
		}
	}
	slices.Reverse(mounts)
	return mounts
}

// removeContainers removes the containers that mount something of a directory.
func removeContainers(dir string) {
	if os.Getenv("DOCKER_HOST") == "" {
		return
	}
	ids, err := exec.Command("docker", "ps", "-aq").Output()
	if err != nil {
		return
	}
	for _, id := range strings.Fields(string(ids)) {
		about, err := exec.Command("docker", "inspect", id).Output()
		if err == nil && bytes.Contains(about, []byte(dir+"/")) {
			exec.Command("docker", "rm", "-f", id).Run()
		}
	}
}
