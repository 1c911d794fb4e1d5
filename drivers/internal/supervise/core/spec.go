// Package core is the program that stands between a driver plugin and one task:
// it places itself, starts the task, waits for it, records how it ended, and
// ends. It is linked into the tiny embedded supervisor and, as a fallback, into
// binaries that were built without it. It must import nothing that makes a Go
// program large: no os, no fmt, no net. It never talks to anyone: it reads its
// Spec once and writes status lines.
package core

import "strconv"

// Spec is what the supervisor is told on descriptor SpecFD.
type Spec struct {
	// Path is the program, Args its full argv, Env its whole environment.
	Path string
	Args []string
	Env  []string
	Dir  string

	// Stdout and Stderr are opened by the supervisor: FIFOs read-write, so that
	// a missing reader neither blocks nor breaks the task. Inherit uses the
	// supervisor's own descriptors 0 to 2 instead.
	Stdout  string
	Stderr  string
	Inherit bool
	// TTY makes descriptor 0 the controlling terminal of a new session.
	TTY bool

	// Switch asks for UID, GID and Groups.
	Switch bool
	UID    int
	GID    int
	Groups []int

	// NetNS is the path of the network namespace to enter, empty for none.
	NetNS string
	// CgroupV2 is the directory the task is started in; JoinV1 and LeaveV1 are
	// the tasks files by which a thread enters groups before the start and
	// returns after.
	CgroupV2 string
	JoinV1   []string
	LeaveV1  []string
	// OOMFile is the file whose "oom_kill N" line counts the cgroup's OOM kills.
	OOMFile string
	// OOMScoreAdj is applied to the task when not zero.
	OOMScoreAdj int

	// RecordDir and RecordName say where the exit is recorded; no name, no
	// record.
	RecordDir  string
	RecordName string
}

const (
	// SpecFD carries the encoded spec to the supervisor.
	SpecFD = 3
	// StatusFD carries status lines back.
	StatusFD = 4
)

// Encode writes the spec as NUL-ended strings, each led by a letter for its
// field. No field can hold a NUL byte: the kernel's own interfaces cannot.
func (s *Spec) Encode() []byte {
	var b []byte
	put := func(key byte, v string) {
		b = append(b, key)
		b = append(b, v...)
		b = append(b, 0)
	}
	one := func(key byte, v string) {
		if v != "" {
			put(key, v)
		}
	}
	flag := func(key byte, v bool) {
		if v {
			put(key, "")
		}
	}
	one('p', s.Path)
	for _, a := range s.Args {
		put('a', a)
	}
	for _, e := range s.Env {
		put('e', e)
	}
	one('d', s.Dir)
	one('1', s.Stdout)
	one('2', s.Stderr)
	flag('i', s.Inherit)
	flag('t', s.TTY)
	if s.Switch {
		put('u', strconv.Itoa(s.UID))
		put('g', strconv.Itoa(s.GID))
		for _, g := range s.Groups {
			put('G', strconv.Itoa(g))
		}
	}
	one('n', s.NetNS)
	one('c', s.CgroupV2)
	for _, j := range s.JoinV1 {
		put('j', j)
	}
	for _, l := range s.LeaveV1 {
		put('l', l)
	}
	one('o', s.OOMFile)
	if s.OOMScoreAdj != 0 {
		put('O', strconv.Itoa(s.OOMScoreAdj))
	}
	one('R', s.RecordDir)
	one('r', s.RecordName)
	return b
}

// decode reads what Encode wrote.
func decode(b []byte) (*Spec, string) {
	s := &Spec{}
	for len(b) > 0 {
		end := 1
		for end < len(b) && b[end] != 0 {
			end++
		}
		if end == len(b) {
			return nil, "the task description is cut short"
		}
		key, v := b[0], string(b[1:end])
		b = b[end+1:]
		if bad := s.set(key, v); bad != "" {
			return nil, bad
		}
	}
	if s.Path == "" || len(s.Args) == 0 {
		return nil, "the task description names no program"
	}
	return s, ""
}

func (s *Spec) set(key byte, v string) string {
	switch key {
	case 'p':
		s.Path = v
	case 'a':
		s.Args = append(s.Args, v)
	case 'e':
		s.Env = append(s.Env, v)
	case 'd':
		s.Dir = v
	case '1':
		s.Stdout = v
	case '2':
		s.Stderr = v
	case 'i':
		s.Inherit = true
	case 't':
		s.TTY = true
	case 'n':
		s.NetNS = v
	case 'c':
		s.CgroupV2 = v
	case 'j':
		s.JoinV1 = append(s.JoinV1, v)
	case 'l':
		s.LeaveV1 = append(s.LeaveV1, v)
	case 'o':
		s.OOMFile = v
	case 'R':
		s.RecordDir = v
	case 'r':
		s.RecordName = v
	default:
		return s.setNumber(key, v)
	}
	return ""
}

func (s *Spec) setNumber(key byte, v string) string {
	n, err := strconv.Atoi(v)
	if err != nil {
		return "the task description has a bad number: " + v
	}
	switch key {
	case 'u':
		s.UID, s.Switch = n, true
	case 'g':
		s.GID = n
	case 'G':
		s.Groups = append(s.Groups, n)
	case 'O':
		s.OOMScoreAdj = n
	default:
		return "the task description has an unknown field"
	}
	return ""
}

// Record is how a task ended, as written to the status pipe and to the record
// file.
type Record struct {
	Code   int
	Signal int
	OOM    bool
}

const (
	// StartedPrefix leads the first status line of a started task, followed by
	// pid and start tick; ErrorPrefix that of one that could not be started.
	StartedPrefix = "started "
	ErrorPrefix   = "error "
	// ExitedPrefix leads the record.
	ExitedPrefix = "exited "
)

// Line is the record's text form.
func (r Record) Line() string {
	oom := "0"
	if r.OOM {
		oom = "1"
	}
	return ExitedPrefix + strconv.Itoa(r.Code) + " " + strconv.Itoa(r.Signal) + " " + oom + "\n"
}

// ParseRecord reads a record's text form; ok is false for anything else.
func ParseRecord(line string) (r Record, ok bool) {
	if len(line) <= len(ExitedPrefix) || line[:len(ExitedPrefix)] != ExitedPrefix || line[len(line)-1] != '\n' {
		return Record{}, false
	}
	f := Fields(line[len(ExitedPrefix) : len(line)-1])
	if len(f) != 3 {
		return Record{}, false
	}
	code, err1 := strconv.Atoi(f[0])
	sig, err2 := strconv.Atoi(f[1])
	if err1 != nil || err2 != nil {
		return Record{}, false
	}
	return Record{Code: code, Signal: sig, OOM: f[2] == "1"}, true
}

// Fields splits at blanks and line ends.
func Fields(s string) []string {
	var out []string
	start := -1
	for i := 0; i <= len(s); i++ {
		blank := i == len(s) || s[i] == ' ' || s[i] == '\n' || s[i] == '\t'
		if blank && start >= 0 {
			out = append(out, s[start:i])
			start = -1
		}
		if !blank && start < 0 {
			start = i
		}
	}
	return out
}
