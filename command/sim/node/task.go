package node

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	mockDriver = "mock_driver"
	// instant is the least that a run or a failed start takes, so that a job
	// that restarts at once for ever does not spin.
	instant = time.Millisecond
	// interrupted is what a process ended by SIGINT exits with.
	interruptedCode, interruptedSignal = 130, 2
)

// behaviour is what a task pretends to do.
type behaviour struct {
	other     bool // it is none of mock_driver's, and runs for the node's lifetime
	runFor    time.Duration
	block     time.Duration // the start takes this long
	killAfter time.Duration // a stop takes this long
	exit      task.Exit     // of a run that ends by itself
	killed    task.Exit     // of a run that is stopped

	startErr    string
	recoverable bool
}

// lasts is how long a run takes unless it is stopped; 0 is for ever.
func (b *behaviour) lasts(lifetime time.Duration) time.Duration {
	if b.other {
		return lifetime
	}
	return b.runFor
}

// behaviourOf reads a task: one of mock_driver says what it does.
func behaviourOf(t *nl.Task) (*behaviour, error) {
	if t.Driver != mockDriver {
		return &behaviour{other: true, killed: task.Exit{Code: interruptedCode, Signal: interruptedSignal}}, nil
	}
	r := reader{config: t.Config}
	b := &behaviour{
		runFor: max(r.duration("run_for"), instant), block: r.duration("start_block_for"), killAfter: r.duration("kill_after"),
		exit:     task.Exit{Code: r.number("exit_code"), Signal: r.number("exit_signal"), Err: r.text("exit_err_msg")},
		startErr: r.text("start_error"), recoverable: r.text("start_error_recoverable") == "true",
	}
	b.killed = b.exit
	return b, r.err
}

// reader reads values that came through HCL or JSON, and keeps the first error.
type reader struct {
	config map[string]any
	err    error
}

func (r *reader) text(key string) string {
	if v, ok := r.config[key]; ok && v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

func (r *reader) number(key string) int {
	text := r.text(key)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %q is no number", key, text)
	}
	return int(n)
}

func (r *reader) duration(key string) time.Duration {
	text := r.text(key)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %q is no duration: write it like 10s", key, text)
	}
	return max(d, 0)
}

// run is one task as it is pretended. The moments are when something is to
// happen.
type run struct {
	plan     *plan
	does     *behaviour // of the latest start, whatever the plan has become
	launchAt moment
	endAt    moment // by itself
	stopAt   moment // because it is being stopped
	wakeAt   moment // restart delay
	wakeSeq  int
	live     bool // there is a process
}

// nothing is what a task does before its first start.
var nothing = new(behaviour)

// due are the inputs whose time has come.
func (r *run) due(now time.Time, lifetime time.Duration) (out []task.Input) {
	if r.launchAt.passed(now) {
		out = append(out, r.launch(now, lifetime))
	}
	if r.stopAt.passed(now) {
		r.endAt, r.live = 0, false
		out = append(out, task.Ended{Exit: r.does.killed})
	}
	if r.endAt.passed(now) {
		r.stopAt, r.live = 0, false
		out = append(out, task.Ended{Exit: r.does.exit})
	}
	if r.wakeAt.passed(now) {
		out = append(out, task.Wake{Seq: r.wakeSeq})
	}
	return out
}

// next is when something is due.
func (r *run) next() moment {
	return sooner(sooner(r.launchAt, r.endAt), sooner(r.stopAt, r.wakeAt))
}

// start begins a run. When its outcome takes time, the input is nil.
func (r *run) start(now time.Time, lifetime time.Duration) task.Input {
	if r.plan.err != nil {
		return task.Launched{Err: r.plan.err.Error()}
	}
	r.does = r.plan.does
	wait := r.does.block
	if r.does.startErr != "" {
		wait = max(wait, instant)
	}
	if wait > 0 {
		r.launchAt = after(now, wait)
		return nil
	}
	return r.launch(now, lifetime)
}

func (r *run) launch(now time.Time, lifetime time.Duration) task.Input {
	if r.does.startErr != "" {
		return task.Launched{Err: r.does.startErr, Recoverable: r.does.recoverable}
	}
	r.live = true
	if d := r.does.lasts(lifetime); d > 0 {
		r.endAt = after(now, d)
	}
	return task.Launched{}
}

// earliest is the earlier of two times; zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
