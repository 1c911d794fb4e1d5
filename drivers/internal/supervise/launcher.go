//go:build linux

// Package supervise runs tasks under a supervisor process each, so that tasks
// and their exit codes outlive plugin and agent. Drivers that execute programs
// on the host call it; it knows nothing of jobs, images or gRPC.
package supervise

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nomadlike/nomadlike/drivers/internal/supervise/core"
)

// Command is the hidden subcommand under which a binary that was built without
// the embedded supervisor runs the same code itself.
const Command = "task-supervise"

// embedded holds the supervisor when the build step made it, and a note on it
// in any case.
//
//go:embed bin
var embedded embed.FS

// Launcher starts supervisors.
type Launcher struct {
	path string
	args []string
	// file keeps the supervisor's program alive: it exists only in memory.
	file *os.File
}

// NewLauncher prepares the supervisor's program.
func NewLauncher() (*Launcher, error) {
	program, err := embedded.ReadFile("bin/supervise")
	if errors.Is(err, os.ErrNotExist) {
		return ownBinary()
	}
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("supervise", unix.MFD_CLOEXEC)
	if err != nil {
		return ownBinary()
	}
	f := os.NewFile(uintptr(fd), "supervise")
	if _, err := f.Write(program); err != nil {
		f.Close()
		return ownBinary()
	}
	l := &Launcher{path: fmt.Sprintf("/proc/self/fd/%d", fd), args: []string{"nomadlike-supervise"}, file: f}
	// Some systems forbid programs without a file.
	if unix.Access(l.path, unix.X_OK) != nil {
		f.Close()
		return ownBinary()
	}
	return l, nil
}

func ownBinary() (*Launcher, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("the supervisor is not embedded and this program cannot find itself: %w", err)
	}
	return &Launcher{path: self, args: []string{self, Command}}, nil
}

// Close gives up the program; running supervisors are not touched.
func (l *Launcher) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// process is a started supervisor whose first status line was read.
type process struct {
	os     *os.Process
	status *os.File
	lines  *bufio.Reader
	state  State
}

// State finds a supervised task again. Drivers keep it in their task handle.
type State struct {
	SupervisorPid   int    `codec:"supervisor_pid"`
	SupervisorStart uint64 `codec:"supervisor_start"`
	TaskPid         int    `codec:"task_pid"`
	TaskStart       uint64 `codec:"task_start"`
	RecordDir       string `codec:"record_dir"`
	RecordName      string `codec:"record_name"`
}

// launch starts a supervisor with stdio as its descriptors 0 to 2 (nil for the
// null device), and returns when the task was started or could not be.
func (l *Launcher) launch(ctx context.Context, spec *core.Spec, stdio []*os.File) (*process, error) {
	specR, specW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer specR.Close()
	defer specW.Close()
	statusR, statusW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer statusW.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		statusR.Close()
		return nil, err
	}
	defer null.Close()
	files := []*os.File{null, null, null, specR, statusW}
	copy(files, stdio)

	proc, err := os.StartProcess(l.path, l.args, &os.ProcAttr{
		Files: files,
		// One processor and no collector: the program allocates next to nothing,
		// and each thread more is memory per task.
		Env: []string{"GOMAXPROCS=1", "GOGC=off"},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		statusR.Close()
		return nil, fmt.Errorf("task supervisor cannot be started: %w", err)
	}
	specR.Close()
	statusW.Close()
	p := &process{os: proc, status: statusR, lines: bufio.NewReader(statusR)}
	if err := p.begin(ctx, spec, specW); err != nil {
		statusR.Close()
		// An error line means that the supervisor is on its way out.
		if ctx.Err() != nil {
			_ = proc.Kill()
		}
		_, _ = proc.Wait()
		return nil, err
	}
	return p, nil
}

func (p *process) begin(ctx context.Context, spec *core.Spec, specW *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = p.os.Kill() })
	defer stop()
	if _, err := specW.Write(spec.Encode()); err != nil {
		return fmt.Errorf("task supervisor ended early: %w", err)
	}
	if err := specW.Close(); err != nil {
		return err
	}
	line, err := p.lines.ReadString('\n')
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("task supervisor ended early: %w", err)
	}
	if text, bad := strings.CutPrefix(line, core.ErrorPrefix); bad {
		return errors.New(strings.TrimSuffix(text, "\n"))
	}
	p.state = State{SupervisorPid: p.os.Pid, SupervisorStart: core.StartTick(p.os.Pid), RecordDir: spec.RecordDir, RecordName: spec.RecordName}
	if _, err := fmt.Sscanf(line, core.StartedPrefix+"%d %d\n", &p.state.TaskPid, &p.state.TaskStart); err != nil {
		return fmt.Errorf("task supervisor says %q, which is no status: %w", line, err)
	}
	return nil
}
