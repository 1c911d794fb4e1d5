package nomadlike

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func instant(ns int64) Time { return Time{time.Unix(0, ns).UTC()} }

// runningStates are what most allocations have: one task that was started.
func runningStates() map[string]*TaskState {
	const at = 1_800_000_000_123_456_789
	return map[string]*TaskState{"web": {
		State: TaskStateRunning, StartedAt: instant(at + 3e6),
		Events: []*TaskEvent{
			{Type: "Received", Time: at, DisplayMessage: "Task received by client", Details: map[string]string{}},
			{Type: "Task Setup", Time: at + 1e6, Message: "Building Task Directory", DisplayMessage: "Building Task Directory",
				Details: map[string]string{"message": "Building Task Directory"}},
			{Type: "Started", Time: at + 3e6, DisplayMessage: "Task started by client", Details: map[string]string{}},
		},
	}}
}

// odd are states of every form.
func odd() map[string]map[string]*TaskState {
	many := map[string]*TaskState{}
	for i := range 40 {
		name := strings.Repeat("t", i+1)
		many[name] = &TaskState{State: name, Events: []*TaskEvent{{Type: name, Message: name + "?", Details: map[string]string{name: name + "!"}}}}
	}
	return map[string]map[string]*TaskState{
		"absent":  nil,
		"none":    {},
		"running": runningStates(),
		"bare":    {"a": {}, "b": {Events: []*TaskEvent{}}, "c": {Events: []*TaskEvent{{}}}},
		"all": {"x": {
			LastRestart: instant(-5), StartedAt: instant(7), FinishedAt: instant(math.MaxInt64), Paused: "schedule", State: "dead",
			Failed: true, Restarts: math.MaxUint64,
			Events: []*TaskEvent{{
				Type: "Terminated", Time: -9, Details: map[string]string{"exit_code": "137", "": "", "odd": "\x00\xff"},
				Message: "m", DisplayMessage: "m", FailsTask: true,
				TaskEventLegacy: &TaskEventLegacy{
					KillTimeout: -1, StartDelay: 2, DiskLimit: 3, RestartReason: "4", SetupError: "5", DriverError: "6",
					ExitCode: 7, Signal: -8, KillError: "9", KillReason: "10", DownloadError: "11", ValidationError: "12",
					FailedSibling: "13", VaultError: "14", TaskSignalReason: "15", TaskSignal: "16", DriverMessage: "17",
					GenericSource: "18",
				},
			}, {Type: "Terminated", Time: math.MaxInt64, Message: "m", Details: map[string]string{"message": "other"}}, {
				Message: "", Details: map[string]string{"message": ""}, TaskEventLegacy: &TaskEventLegacy{},
			}},
		}},
		"many texts": many,
	}
}

// States come back as they were, from the packed form as from JSON and CBOR.
func TestTaskStates(t *testing.T) {
	for name, states := range odd() {
		t.Run(name, func(t *testing.T) {
			packed := PackTaskStates(states)
			if packed.IsZero() != (states == nil) || packed.Len() != len(states) {
				t.Errorf("zero %t, %d tasks", packed.IsZero(), packed.Len())
			}
			if d := cmp.Diff(states, packed.Map()); d != "" {
				t.Error(d)
			}
			var order []string
			for task, state := range packed.All() {
				order = append(order, task)
				if d := cmp.Diff(state, packed.Get(task)); d != "" {
					t.Error(d)
				}
			}
			if !slices.Equal(order, slices.Sorted(maps.Keys(states))) {
				t.Errorf("order %q", order)
			}
			for how, again := range map[string]func() (TaskStates, error){
				"packed": func() (TaskStates, error) { return UnpackTaskStates(packed.Packed()) },
				"cbor": func() (out TaskStates, err error) {
					b, err := packed.MarshalCBOR()
					if err == nil {
						err = out.UnmarshalCBOR(b)
					}
					return out, err
				},
			} {
				if got, err := again(); err != nil || !got.Equal(packed) {
					t.Errorf("%s: %v, %q instead of %q", how, err, got.packed, packed.packed)
				}
			}
			text, err := json.Marshal(packed)
			want, _ := json.Marshal(states)
			if err != nil || string(text) != string(want) {
				t.Errorf("%v, JSON %s instead of %s", err, text, want)
			}
		})
	}
}

// JSON of states is read as well.
func TestTaskStatesFromJSON(t *testing.T) {
	var got TaskStates
	if err := json.Unmarshal([]byte(`{"t": {"State": "dead", "Failed": true, "Events": [{"Type": "Killed", "ExitCode": 3}]}}`), &got); err != nil {
		t.Fatal(err)
	}
	state := got.Get("t")
	if state == nil || !state.Failed || state.State != TaskStateDead || state.Events[0].Legacy().ExitCode != 3 || got.Get("u") != nil {
		t.Errorf("%+v", state)
	}
	if err := json.Unmarshal([]byte("null"), &got); err != nil || !got.IsZero() {
		t.Errorf("null is %v, %v", got, err)
	}
	if err := json.Unmarshal([]byte("7"), &got); err == nil {
		t.Error("a number was taken")
	}
}

// A task that runs is small, and absent events and tasks are no trouble.
func TestTaskStatesAreSmall(t *testing.T) {
	const most = 64 // bytes
	if n := len(PackTaskStates(runningStates()).packed); n > most {
		t.Errorf("%d bytes", n)
	}
	got := PackTaskStates(map[string]*TaskState{"gone": nil, "t": {Events: []*TaskEvent{nil, {Type: "Started"}, nil}}})
	if got.Len() != 1 || len(got.Get("t").Events) != 1 {
		t.Errorf("%+v", got.Map())
	}
	var long []*TaskEvent
	for i := range 2 * taskEventsMax {
		long = append(long, &TaskEvent{Time: int64(i)})
	}
	kept := PackTaskStates(map[string]*TaskState{"t": {Events: long}}).Get("t").Events
	if len(kept) != taskEventsMax || kept[0].Time != taskEventsMax {
		t.Errorf("%d events, first %d", len(kept), kept[0].Time)
	}
}

// What somebody made up is refused, and a text of a later version is not.
func TestUnpackTaskStates(t *testing.T) {
	text := func(kind, at byte) string { return string([]byte{at<<textKinds | kind}) }
	for name, c := range map[string]struct{ packed, err string }{
		"version":      {"\x02\x00", "form is 2"},
		"no count":     {"\x01", "too early"},
		"count":        {"\x01\x09", "too early"},
		"rest":         {"\x01\x00\x00", "after the last task"},
		"text":         {"\x01\x01" + text(textInline, 9) + "abc", "a text ends too early"},
		"no text":      {"\x01\x01" + text(textEarlier, 0) + "abc", "not there"},
		"kind of text": {"\x01\x01" + text(3, 0) + "abc", "kind"},
		"number":       {"\x01\x01" + strings.Repeat("\xff", 12), "out of range"},
		"events":       {"\x01\x01" + text(textKnown, 0) + "\x10" + text(textKnown, 1) + "\x00" + "\x81\x02" + strings.Repeat("\x01", 300), "events"},
		"later":        {"\x01\x01" + text(textInline, 1) + "t\x00\xa1\x1f\x00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := UnpackTaskStates(c.packed)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v instead of %q", err, c.err)
				}
				return
			}
			if err != nil || !strings.Contains(got.Get("t").State, "later version") {
				t.Errorf("%v: %+v", err, got.Map())
			}
		})
	}
	for _, cbor := range []string{"", "\x01", "\x40", "\x5f", "\x42\x02\x00"} {
		var s TaskStates
		if err := s.UnmarshalCBOR([]byte(cbor)); err == nil {
			t.Errorf("%q was taken", cbor)
		}
	}
}

// FuzzUnpackTaskStates takes bytes of strangers: what is taken can be read, and
// packed again says the same.
func FuzzUnpackTaskStates(f *testing.F) {
	for _, states := range odd() {
		f.Add(PackTaskStates(states).packed)
	}
	f.Fuzz(func(t *testing.T, packed string) {
		s, err := UnpackTaskStates(packed)
		if err != nil {
			return
		}
		first := s.Map()
		if d := cmp.Diff(first, PackTaskStates(first).Map()); d != "" {
			t.Error(d)
		}
	})
}

func BenchmarkTaskStates(b *testing.B) {
	states := runningStates()
	packed := PackTaskStates(states)
	b.Run("pack", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			PackTaskStates(states)
		}
	})
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := UnpackTaskStates(packed.packed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unpack", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			packed.Map()
		}
	})
}
