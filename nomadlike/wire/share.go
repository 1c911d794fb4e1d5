package wire

import nl "github.com/nomadlike/nomadlike/nomadlike"

// textsMax bounds what a Texts remembers; then it starts over. What nodes tell
// of their tasks is mostly the same few dozen sentences.
const textsMax = 4096

// Texts gives equal strings, and equal details of events, one copy: the store
// keeps them for every allocation. The zero value is ready.
type Texts struct {
	strings map[string]string
	details map[string]map[string]string // those that say only the message
	none    map[string]string            // details that say nothing
}

// String is the one copy of s.
func (t *Texts) String(s string) string {
	if s == "" {
		return ""
	}
	if known, found := t.strings[s]; found {
		return known
	}
	if t.strings == nil || len(t.strings) >= textsMax {
		t.strings = map[string]string{}
	}
	t.strings[s] = s
	return s
}

// Details is the one copy of an event's details. Nobody may change it.
func (t *Texts) Details(d map[string]string, message string) map[string]string {
	switch {
	case d == nil:
		return nil
	case len(d) == 0:
		if t.none == nil {
			t.none = map[string]string{}
		}
		return t.none
	case len(d) > 1 || message == "" || d["message"] != message:
		return d
	}
	if known := t.details[message]; known != nil {
		return known
	}
	if t.details == nil || len(t.details) >= textsMax {
		t.details = map[string]map[string]string{}
	}
	t.details[message] = d
	return d
}

// share replaces the texts of states by their one copy.
func (t *Texts) share(states map[string]*nl.TaskState) {
	for _, state := range states {
		if state == nil {
			continue
		}
		state.State = t.String(state.State)
		for _, e := range state.Events {
			if e != nil {
				t.event(e)
			}
		}
	}
}

func (t *Texts) event(e *nl.TaskEvent) {
	e.Type, e.Message, e.DisplayMessage = t.String(e.Type), t.String(e.Message), t.String(e.DisplayMessage)
	e.Details = t.Details(e.Details, e.Message)
}

// Own is a copy of what a node tells, with texts that are shared: whoever told
// it may go on to change what it holds.
func (t *Texts) Own(u *nl.AllocUpdate) *nl.AllocUpdate {
	next := *u
	next.ClientStatus, next.ClientDescription = t.String(u.ClientStatus), t.String(u.ClientDescription)
	if u.TaskStates != nil {
		next.TaskStates = make(map[string]*nl.TaskState, len(u.TaskStates))
	}
	for name, state := range u.TaskStates {
		if state == nil {
			continue
		}
		own := *state
		own.State = t.String(state.State)
		// One allocation for all events of a task.
		events := make([]nl.TaskEvent, len(state.Events))
		if state.Events != nil {
			own.Events = make([]*nl.TaskEvent, 0, len(state.Events))
		}
		for i, e := range state.Events {
			if e == nil {
				continue
			}
			events[i] = *e
			t.event(&events[i])
			own.Events = append(own.Events, &events[i])
		}
		next.TaskStates[t.String(name)] = &own
	}
	return &next
}
