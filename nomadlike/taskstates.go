package nomadlike

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"
)

// TaskStates are the states of an allocation's tasks by name, packed: state
// keeps them for millions of allocations and reads them seldom, the log and
// calls between agents carry them as they are, and nothing of them is a pointer
// that a collection of garbage would follow. The zero value is the absent map,
// which JSON shows as null. Equal states have equal values.
//
// A packed value is the byte packedVersion, the number of tasks, and for each,
// in the order of names, what putState writes. Numbers are varints of
// encoding/binary, texts as putText writes them.
type TaskStates struct{ packed string }

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

// PackTaskStates packs states; nil gives the zero value, and tasks without a
// state are left out.
func PackTaskStates(states map[string]*TaskState) TaskStates {
	if states == nil {
		return TaskStates{}
	}
	const typical = 96 // bytes of a task that runs
	p := packer{b: make([]byte, 0, typical*len(states)+2)}
	names := make([]string, 0, 4) // stays on the stack for most groups
	for name, state := range states {
		if state != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	p.b = append(p.b, packedVersion)
	p.number(uint64(len(names)))
	for _, name := range names {
		p.putText(name)
		p.putState(states[name])
	}
	return TaskStates{string(p.b)}
}

// IsZero tells whether there are no states at all, as for an allocation that
// no node has told of.
func (s TaskStates) IsZero() bool { return s.packed == "" }

// Equal tells whether the states are the same.
func (s TaskStates) Equal(other TaskStates) bool { return s == other }

// Len is the number of tasks.
func (s TaskStates) Len() int {
	r := unpacker{rest: s.packed}
	return r.tasks()
}

// All are the states in the order of their tasks' names, each made for the
// caller.
func (s TaskStates) All() iter.Seq2[string, *TaskState] {
	return func(yield func(string, *TaskState) bool) {
		r := unpacker{rest: s.packed}
		for range r.tasks() {
			name, state := r.text(), new(TaskState)
			if r.state(state); r.err != nil || !yield(name, state) {
				return
			}
		}
	}
}

// Get is the state of a task, made for the caller; nil when there is none.
func (s TaskStates) Get(task string) *TaskState {
	for name, state := range s.All() {
		if name == task {
			return state
		}
	}
	return nil
}

// Map are the states by task, made for the caller; nil when there are none at
// all.
func (s TaskStates) Map() map[string]*TaskState {
	if s.packed == "" {
		return nil
	}
	return maps.Collect(s.All())
}

// MarshalJSON shows the states as the API does: an object by task.
func (s TaskStates) MarshalJSON() ([]byte, error) { return json.Marshal(s.Map()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (s *TaskStates) UnmarshalJSON(b []byte) error {
	var states map[string]*TaskState
	if err := json.Unmarshal(b, &states); err != nil {
		return err
	}
	*s = PackTaskStates(states)
	return nil
}

// Packed is the packed form, "" for the zero value; UnpackTaskStates reads it.
func (s TaskStates) Packed() string { return s.packed }

// UnpackTaskStates takes what Packed gave, perhaps in another process. It
// fails for everything else.
func UnpackTaskStates(packed string) (TaskStates, error) {
	r := unpacker{rest: packed}
	for range r.tasks() {
		r.text()
		r.state(nil)
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail("there are bytes after the last task")
	}
	if r.err != nil {
		return TaskStates{}, r.err
	}
	return TaskStates{packed}, nil
}

// The log, snapshots and calls carry the packed form as a CBOR byte string
// (RFC 8949), and the zero value as null.
const cborBytes = 0x40

// MarshalCBOR writes the form.
func (s TaskStates) MarshalCBOR() ([]byte, error) {
	return s.AppendCBOR(make([]byte, 0, len(s.packed)+3)), nil
}

// AppendCBOR appends what MarshalCBOR writes.
func (s TaskStates) AppendCBOR(b []byte) []byte {
	n := len(s.packed)
	switch {
	case n == 0:
		return append(b, cborNull)
	case n < cborOneByte:
		b = append(b, cborBytes|byte(n))
	case n <= math.MaxUint8:
		b = append(b, cborBytes|cborOneByte, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, cborBytes|cborOneByte+1), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, cborBytes|cborOneByte+2), uint32(n))
	}
	return append(b, s.packed...)
}

var errStatesForm = errors.New("decoding task states: they are neither a string of bytes nor null")

// UnmarshalCBOR reads what MarshalCBOR writes.
func (s *TaskStates) UnmarshalCBOR(b []byte) (err error) {
	if len(b) == 1 && b[0] == cborNull {
		*s = TaskStates{}
		return nil
	}
	if len(b) == 0 || b[0]&0xe0 != cborBytes {
		return errStatesForm
	}
	head := 1
	if low := b[0] & 0x1f; low >= cborOneByte {
		if low > cborOneByte+3 {
			return errStatesForm
		}
		head += 1 << (low - cborOneByte)
	}
	// The library has seen that the bytes are one whole item.
	if len(b) <= head {
		return errStatesForm
	}
	*s, err = UnpackTaskStates(string(b[head:]))
	return err
}

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
	events := slices.DeleteFunc(slices.Clone(s.Events), func(e *TaskEvent) bool { return e == nil })
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
		for _, key := range slices.Sorted(maps.Keys(e.Details)) {
			p.putText(key)
			p.putText(e.Details[key])
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
	var one TaskEvent
	before := int64(0)
	for i := range n {
		e := &one
		if build {
			e = &events[i]
			s.Events[i] = e
		}
		r.event(e, before, build)
		before = e.Time
	}
}

func (r *unpacker) event(e *TaskEvent, before int64, build bool) {
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
		return
	}
	l := new(TaskEventLegacy)
	l.KillTimeout, l.StartDelay, l.DiskLimit = time.Duration(r.signed()), r.signed(), r.signed()
	l.ExitCode, l.Signal = int(r.signed()), int(r.signed())
	for _, t := range l.texts() {
		*t = r.text()
	}
	e.TaskEventLegacy = l
}
