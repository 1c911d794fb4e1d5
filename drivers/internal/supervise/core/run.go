//go:build linux

package core

import (
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

const (
	// drainPollMax is the longest pause between looks at output that nobody has
	// read yet.
	drainPollMax = 100 * 1000 * 1000 // nanoseconds
	// orphanRounds and orphanPause bound the wait for killed descendants: a
	// process in uninterruptible sleep must not keep an exit from being told.
	orphanRounds = 200
	orphanPause  = 5 * 1000 * 1000 // nanoseconds

	prSetChildSubreaper = 36
	fionread            = 0x541b
)

// Run is the whole program. It returns the exit code of the process.
func Run() int {
	// The namespace, the parent-death signal and the start of the task belong
	// to one thread.
	runtime.LockOSThread()
	raw, bad := readAll(SpecFD)
	if bad != "" {
		return fail(bad)
	}
	syscall.Close(SpecFD)
	s, bad := decode(raw)
	if bad != "" {
		return fail(bad)
	}
	// Descendants that lose their parent come to us instead of to init, so that
	// none escapes the end of the task.
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)

	recordDir := -1
	if s.RecordName != "" {
		fd, err := syscall.Open(s.RecordDir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return fail("task directory " + s.RecordDir + " cannot be opened: " + err.Error())
		}
		recordDir = fd
	}
	files, bad := openOutputs(s)
	if bad != "" {
		return fail(bad)
	}
	oomBefore := oomKills(s.OOMFile)
	pid, bad := start(s, files)
	if bad != "" {
		return fail(bad)
	}
	if !status(StartedPrefix + strconv.Itoa(pid) + " " + strconv.FormatUint(StartTick(pid), 10) + "\n") {
		// The plugin died before it could learn of the task, so nobody will ever
		// ask for it.
		syscall.Kill(-pid, syscall.SIGKILL)
	}
	rec := wait(pid)
	rec.OOM = oomKills(s.OOMFile) > oomBefore
	status(rec.Line())
	if recordDir >= 0 {
		writeRecord(recordDir, s.RecordName, rec.Line())
	}
	syscall.Close(StatusFD)
	if !s.Inherit {
		drain(files)
	}
	return 0
}

func fail(text string) int {
	status(ErrorPrefix + text + "\n")
	return 1
}

func status(line string) bool {
	n, err := syscall.Write(StatusFD, []byte(line))
	return err == nil && n == len(line)
}

func readAll(fd int) ([]byte, string) {
	buf := make([]byte, 0, 16<<10)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := syscall.Read(fd, buf[len(buf):cap(buf)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, "the task description cannot be read: " + err.Error()
		}
		if n == 0 {
			return buf, ""
		}
		buf = buf[:len(buf)+n]
	}
}

// openOutputs returns the task's descriptors 0 to 2.
func openOutputs(s *Spec) ([]uintptr, string) {
	if s.Inherit {
		return []uintptr{0, 1, 2}, ""
	}
	in, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, "/dev/null cannot be opened: " + err.Error()
	}
	files := []uintptr{uintptr(in)}
	for _, path := range []string{s.Stdout, s.Stderr} {
		fd, bad := openOutput(path)
		if bad != "" {
			return nil, bad
		}
		files = append(files, uintptr(fd))
	}
	return files, ""
}

func openOutput(path string) (int, string) {
	if path == "" {
		path = "/dev/null"
	}
	flags := syscall.O_WRONLY | syscall.O_APPEND | syscall.O_CREAT
	var st syscall.Stat_t
	if syscall.Stat(path, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFIFO {
		flags = syscall.O_RDWR
	}
	fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return -1, "output " + path + " cannot be opened: " + err.Error()
	}
	return fd, ""
}

func start(s *Spec, files []uintptr) (int, string) {
	if s.NetNS != "" {
		if bad := enterNetNS(s.NetNS); bad != "" {
			return 0, bad
		}
	}
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if s.TTY {
		attr.Setpgid, attr.Setsid, attr.Setctty, attr.Ctty = false, true, true, 0
	}
	if s.Switch {
		cred := &syscall.Credential{Uid: uint32(s.UID), Gid: uint32(s.GID)}
		for _, g := range s.Groups {
			cred.Groups = append(cred.Groups, uint32(g))
		}
		attr.Credential = cred
	}
	if s.CgroupV2 != "" {
		fd, err := syscall.Open(s.CgroupV2, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return 0, "cgroup " + s.CgroupV2 + " cannot be opened: " + err.Error()
		}
		defer syscall.Close(fd)
		attr.UseCgroupFD, attr.CgroupFD = true, fd
	}
	if bad := enter(s.JoinV1); bad != "" {
		return 0, bad
	}
	pid, err := syscall.ForkExec(s.Path, s.Args, &syscall.ProcAttr{Dir: s.Dir, Env: s.Env, Files: files, Sys: attr})
	// Where there is no way back the supervisor stays in the task's cgroup,
	// which costs the task little.
	_ = enter(s.LeaveV1)
	if err != nil {
		return 0, "program " + s.Path + " cannot be started: " + err.Error()
	}
	if s.OOMScoreAdj != 0 {
		writeFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", strconv.Itoa(s.OOMScoreAdj))
	}
	return pid, ""
}

// enter moves this thread, from which the task is started, into cgroups by
// their tasks files.
func enter(files []string) string {
	for _, path := range files {
		if err := writeFile(path, "0"); err != nil {
			return "cgroup cannot be joined by " + path + ": " + err.Error()
		}
	}
	return ""
}

func writeFile(path, text string) error {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = syscall.Write(fd, []byte(text))
	syscall.Close(fd)
	return err
}

func enterNetNS(path string) string {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "network namespace " + path + " cannot be opened: " + err.Error()
	}
	defer syscall.Close(fd)
	if _, _, errno := syscall.RawSyscall(sysSetns, uintptr(fd), syscall.CLONE_NEWNET, 0); errno != 0 {
		return "network namespace " + path + " cannot be entered: " + errno.Error()
	}
	return ""
}

// wait returns when the task has ended and its descendants are killed.
func wait(pid int) Record {
	waitForExit(pid)
	// The task is not reaped yet, so its number still names its group and no
	// other.
	syscall.Kill(-pid, syscall.SIGKILL)
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &ws, 0, nil)
		if err != syscall.EINTR {
			break
		}
	}
	killOrphans()
	if ws.Signaled() {
		sig := int(ws.Signal())
		return Record{Code: 128 + sig, Signal: sig}
	}
	return Record{Code: ws.ExitStatus()}
}

// waitForExit blocks until pid is a zombie, and reaps other children meanwhile.
func waitForExit(pid int) {
	const (
		pAll    = 0
		wExited = 4
		wNoWait = 0x01000000
	)
	// siginfo_t is 128 bytes: three ints, padding, then the pid.
	var info [32]int32
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pAll, 0, uintptr(unsafe.Pointer(&info[0])), wExited|wNoWait, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return
		}
		ended := int(info[siginfoPid])
		if ended == pid {
			return
		}
		syscall.Wait4(ended, nil, 0, nil)
	}
}

// killOrphans kills whatever the task left behind, level by level: a killed
// parent's children become ours.
func killOrphans() {
	pause := syscall.NsecToTimespec(orphanPause)
	for range orphanRounds {
		for {
			p, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if err == syscall.EINTR {
				continue
			}
			if err != nil {
				return
			}
			if p == 0 {
				break
			}
		}
		for _, p := range children() {
			syscall.Kill(p, syscall.SIGKILL)
		}
		syscall.Nanosleep(&pause, nil)
	}
}

// children lists the direct children of this process.
func children() []int {
	me := strconv.Itoa(syscall.Getpid())
	// Only the main thread starts processes, and orphans are given to it.
	raw, err := ReadFile("/proc/" + me + "/task/" + me + "/children")
	if err != nil {
		return nil
	}
	var out []int
	for _, f := range Fields(raw) {
		if n, err := strconv.Atoi(f); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// writeRecord puts the record in place in one step. The directory belongs to
// the task's user, so nothing in it is followed or trusted.
func writeRecord(dir int, name, line string) {
	tmp := name + ".tmp"
	syscall.Unlinkat(dir, tmp)
	fd, err := syscall.Openat(dir, tmp, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return
	}
	syscall.Write(fd, []byte(line))
	syscall.Fdatasync(fd)
	syscall.Close(fd)
	syscall.Renameat(dir, tmp, dir, name)
}

// drain keeps the pipes open until somebody has read them: with the last
// descriptor the kernel would drop what the task wrote while the agent was away.
func drain(files []uintptr) {
	wait := int64(1000 * 1000)
	for unread(files[1]) || unread(files[2]) {
		pause := syscall.NsecToTimespec(wait)
		syscall.Nanosleep(&pause, nil)
		wait = min(2*wait, drainPollMax)
	}
}

func unread(fd uintptr) bool {
	var st syscall.Stat_t
	if syscall.Fstat(int(fd), &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return false
	}
	var n int32
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, fd, fionread, uintptr(unsafe.Pointer(&n)))
	return errno == 0 && n > 0
}

// oomKills reads the count of OOM kills in a cgroup.
func oomKills(path string) int {
	if path == "" {
		return 0
	}
	raw, err := ReadFile(path)
	if err != nil {
		return 0
	}
	f := Fields(raw)
	for i := 0; i+1 < len(f); i++ {
		if f[i] == "oom_kill" {
			n, _ := strconv.Atoi(f[i+1])
			return n
		}
	}
	return 0
}

// StartTick is the kernel's start time of a process; 0 when it is gone.
func StartTick(pid int) uint64 {
	raw, err := ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	end := len(raw) - 1
	for end >= 0 && raw[end] != ')' {
		end--
	}
	const startField = 19
	f := Fields(raw[end+1:])
	if len(f) <= startField {
		return 0
	}
	n, _ := strconv.ParseUint(f[startField], 10, 64)
	return n
}

// ReadFile reads a small file whole.
func ReadFile(path string) (string, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd)
	var out []byte
	buf := make([]byte, 4096)
	for {
		n, err := syscall.Read(fd, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return "", err
		}
		if n == 0 {
			return string(out), nil
		}
		out = append(out, buf[:n]...)
	}
}
