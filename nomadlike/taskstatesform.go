package nomadlike

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// packedVersion is the first byte; a form that differs gets another.
	packedVersion = 1

	// Kinds of texts, in the lower two bits of their number.
	textInline  = 0 // of so many bytes, which follow
	textKnown   = 1 // at this place of knownTexts
	textEarlier = 2 // so many inline texts before this one, in the same value
	textKinds   = 2 // bits

	// earlierMax is how many inline texts of a value can be referred to.
	earlierMax = 16

	// detailMessage is the key of an event's details under which its message is.
	detailMessage = "message"

	// taskEventsMax bounds what a task tells: nodes keep the newest ten events,
	// and what is read takes a hundred times as much room as packed.
	taskEventsMax = 256
)

// Bits of a state.
const (
	stateRestarted = 1 << iota // LastRestart is set
	stateStarted               // StartedAt is set
	stateFinished              // FinishedAt is set
	stateFailed
	stateEvents // Events is not nil
	statePaused
)

// Bits of an event. Details are absent, or there (detailsSome), or say the
// message and nothing else (detailsMessage).
const (
	eventFails = 1 << iota
	eventLegacy
	detailsSome
	detailsMessage
)

// knownTexts are what task states mostly say. Their places are in the log:
// append only.
var knownTexts = [...]string{
	"", TaskStatePending, TaskStateRunning, TaskStateDead,
	"Received", "Task received by client",
	"Task Setup", "Building Task Directory", "message",
	"Started", "Task started by client",
	"Terminated", "exit_code", "signal", "oom_killed", "exit_message", "0", "1", "9", "15", "137", "143", "true", "false",
	"Exit Code: 0", "Exit Code: 1", "Exit Code: 137, Signal: 9", "Exit Code: 143, Signal: 15",
	"Killing", "kill_timeout", "kill_reason", "5s", "Sent interrupt. Waiting 5s before force killing", "Sent interrupt",
	"Killed", "kill_error", "Task successfully killed",
	"Restarting", "restart_reason", "start_delay", "Restart within policy",
	"Not Restarting", "fails_task", "Exceeded allowed attempts", "Policy allows no restarts", "Task exceeded restart policy",
	"Driver", "driver_message", "Driver Failure", "driver_error",
	"Setup Failure", "setup_error", "Failed Validation", "validation_error",
	"Downloading Artifacts", "Client is downloading artifacts", "Failed Artifact Download", "download_error",
	"Restart Signaled", "Task signaled to restart", "Signaling", "task_signal_reason",
	"Sibling Task Failed", "failed_sibling", "Leader Task Dead", "Leader Task in Group dead",
	"Main Tasks Dead", "Main tasks in the group died",
	"Failed Restoring Task", "Task hook failed", "Task hook message", "Template", "Alloc Unhealthy", "Reconnected",
	"Waiting for shutdown delay", "Skipping shutdown delay", "Plugin became healthy", "Plugin became unhealthy",
}

// knownPlaces are the places of knownTexts.
var knownPlaces = func() map[string]uint64 {
	out := make(map[string]uint64, len(knownTexts))
	for i, s := range knownTexts {
		out[s] = uint64(i)
	}
	return out
}()

// packer writes a packed value.
type packer struct {
	b       []byte
	earlier [earlierMax]string
	texts   int // inline ones so far
}

func (p *packer) number(n uint64) { p.b = binary.AppendUvarint(p.b, n) }

func (p *packer) signed(n int64) { p.b = binary.AppendVarint(p.b, n) }

func (p *packer) putText(s string) {
	if at, known := knownPlaces[s]; known {
		p.number(at<<textKinds | textKnown)
		return
	}
	for i := range min(p.texts, earlierMax) {
		if p.earlier[i] == s {
			p.number(uint64(i)<<textKinds | textEarlier)
			return
		}
	}
	if p.texts < earlierMax {
		p.earlier[p.texts] = s
	}
	p.texts++
	p.number(uint64(len(s))<<textKinds | textInline)
	p.b = append(p.b, s...)
}

func (p *packer) putState(s *TaskState) {
	bits := bit(!s.LastRestart.IsZero(), stateRestarted) | bit(!s.StartedAt.IsZero(), stateStarted) |
		bit(!s.FinishedAt.IsZero(), stateFinished) | bit(s.Failed, stateFailed) |
		bit(s.Events != nil, stateEvents) | bit(s.Paused != "", statePaused)
	p.number(bits)
	p.putText(s.State)
	p.number(s.Restarts)
	for _, at := range [...]Time{s.LastRestart, s.StartedAt, s.FinishedAt} {
		if !at.IsZero() {
			p.signed(at.UnixNano())
		}
	}
	if bits&statePaused != 0 {
		p.putText(s.Paused)
	}
	if bits&stateEvents == 0 {
		return
	}
	events := s.Events
	if slices.Contains(events, nil) {
		events = slices.DeleteFunc(slices.Clone(events), func(e *TaskEvent) bool { return e == nil })
	}
	events = events[max(0, len(events)-taskEventsMax):]
	p.number(uint64(len(events)))
	before := int64(0)
	for _, e := range events {
		p.putEvent(e, before)
		before = e.Time
	}
}

// bit is the value when it is to be set.
func bit(set bool, value uint64) uint64 {
	if set {
		return value
	}
	return 0
}

// putEvent writes an event; its time is that since the one before.
func (p *packer) putEvent(e *TaskEvent, before int64) {
	bits := bit(e.FailsTask, eventFails) | bit(e.TaskEventLegacy != nil, eventLegacy)
	switch {
	case e.Details == nil:
	case len(e.Details) == 1 && e.Message != "" && e.Details[detailMessage] == e.Message:
		bits |= detailsMessage
	default:
		bits |= detailsSome
	}
	p.number(bits)
	p.putText(e.Type)
	p.signed(e.Time - before)
	p.putText(e.Message)
	p.putText(e.DisplayMessage)
	if bits&detailsSome != 0 {
		p.number(uint64(len(e.Details)))
		if len(e.Details) > 0 { // most are there and empty
			for _, key := range slices.Sorted(maps.Keys(e.Details)) {
				p.putText(key)
				p.putText(e.Details[key])
			}
		}
	}
	if l := e.TaskEventLegacy; l != nil {
		for _, n := range [...]int64{int64(l.KillTimeout), l.StartDelay, l.DiskLimit, int64(l.ExitCode), int64(l.Signal)} {
			p.signed(n)
		}
		for _, t := range l.texts() {
			p.putText(*t)
		}
	}
}

// texts are the fields in the order of the packed form.
func (l *TaskEventLegacy) texts() [13]*string {
	return [...]*string{
		&l.RestartReason, &l.SetupError, &l.DriverError, &l.KillError, &l.KillReason, &l.DownloadError,
		&l.ValidationError, &l.FailedSibling, &l.VaultError, &l.TaskSignalReason, &l.TaskSignal, &l.DriverMessage,
		&l.GenericSource,
	}
}

// unpacker reads a packed value. After its first error everything it reads is
// zero.
type unpacker struct {
	rest    string
	earlier [earlierMax]string
	seen    int // inline texts so far
	err     error
}

func (r *unpacker) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("unpacking task states: %s", what)
	}
	r.rest = ""
}

// tasks reads what comes before the first task.
func (r *unpacker) tasks() int {
	if r.rest == "" {
		return 0
	}
	if version := r.rest[0]; version != packedVersion {
		r.fail(fmt.Sprintf("their form is %d, and this version knows %d; upgrade the servers before the nodes", version, packedVersion))
		return 0
	}
	r.rest = r.rest[1:]
	return r.count()
}

// count reads a number of things of at least a byte each.
func (r *unpacker) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.fail("they end too early")
		return 0
	}
	return int(n)
}

func (r *unpacker) number() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		if r.rest == "" {
			r.fail("they end too early")
			return 0
		}
		c := r.rest[0]
		r.rest = r.rest[1:]
		if n |= uint64(c&0x7f) << shift; c < 0x80 {
			return n
		}
	}
	r.fail("a number is out of range")
	return 0
}

// signed is the zigzag form of encoding/binary.
func (r *unpacker) signed() int64 {
	u := r.number()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *unpacker) text() string {
	n := r.number()
	at := n >> textKinds
	switch n & (1<<textKinds - 1) {
	case textInline:
		if at > uint64(len(r.rest)) {
			r.fail("a text ends too early")
			return ""
		}
		s := r.rest[:at]
		r.rest = r.rest[at:]
		if r.seen < earlierMax {
			r.earlier[r.seen] = s
		}
		r.seen++
		return s
	case textKnown:
		if at >= uint64(len(knownTexts)) {
			// Not an error: nodes of a later version say more.
			return fmt.Sprintf("(text %d of a later version)", at)
		}
		return knownTexts[at]
	case textEarlier:
		if at >= uint64(min(r.seen, earlierMax)) {
			r.fail("a text refers to one that is not there")
			return ""
		}
		return r.earlier[at]
	}
	r.fail("a text is of a kind that this version does not know")
	return ""
}

func (r *unpacker) time() Time {
	ns := r.signed()
	return Time{time.Unix(0, ns).UTC()}
}

// state reads a state into s; nil passes over it.
func (r *unpacker) state(s *TaskState) {
	var passed TaskState
	build := s != nil
	if !build {
		s = &passed
	}
	bits := r.number()
	s.State = r.text()
	s.Restarts = r.number()
	for _, t := range [...]struct {
		bit uint64
		at  *Time
	}{{stateRestarted, &s.LastRestart}, {stateStarted, &s.StartedAt}, {stateFinished, &s.FinishedAt}} {
		if bits&t.bit != 0 {
			*t.at = r.time()
		}
	}
	s.Failed = bits&stateFailed != 0
	if bits&statePaused != 0 {
		s.Paused = r.text()
	}
	if bits&stateEvents == 0 {
		return
	}
	n := r.count()
	if n > taskEventsMax {
		r.fail(fmt.Sprintf("a task has %d events, and %d are allowed", n, taskEventsMax))
		return
	}
	var events []TaskEvent // in one piece
	if build {
		events = make([]TaskEvent, n)
		s.Events = make([]*TaskEvent, n)
	}
	at := int64(0)
	for i := range n {
		if !build {
			var passed TaskEvent
			at = r.event(&passed, at, build)
			continue
		}
		s.Events[i] = &events[i]
		at = r.event(s.Events[i], at, build)
	}
}

// event reads an event into e, what takes room only to build it, and returns
// its time.
func (r *unpacker) event(e *TaskEvent, before int64, build bool) (at int64) {
	bits := r.number()
	e.FailsTask = bits&eventFails != 0
	e.Type = r.text()
	e.Time = before + r.signed()
	e.Message = r.text()
	e.DisplayMessage = r.text()
	switch {
	case bits&detailsMessage != 0 && build:
		e.Details = map[string]string{detailMessage: e.Message}
	case bits&detailsSome != 0:
		n := r.count()
		if build {
			e.Details = make(map[string]string, n)
		}
		for range n {
			if key, value := r.text(), r.text(); build {
				e.Details[key] = value
			}
		}
	}
	if bits&eventLegacy == 0 {
		return e.Time
	}
	l := new(TaskEventLegacy)
	l.KillTimeout, l.StartDelay, l.DiskLimit = time.Duration(r.signed()), r.signed(), r.signed()
	l.ExitCode, l.Signal = int(r.signed()), int(r.signed())
	for _, t := range l.texts() {
		*t = r.text()
	}
	e.TaskEventLegacy = l
	return e.Time
}
