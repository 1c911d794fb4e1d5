package wire

import nl "github.com/nomadlike/nomadlike/nomadlike"

// texts gives equal strings of one message one copy. What nodes tell of their
// tasks is mostly the same few sentences, and the store keeps it.
type texts map[string]string

func (t texts) share(s *string) {
	if *s == "" {
		return
	}
	if known, found := t[*s]; found {
		*s = known
		return
	}
	t[*s] = *s
}

func (t texts) shareStates(states map[string]*nl.TaskState) {
	for _, state := range states {
		if state == nil {
			continue
		}
		t.share(&state.State)
		for _, e := range state.Events {
			if e == nil {
				continue
			}
			t.share(&e.Type)
			t.share(&e.Message)
			t.share(&e.DisplayMessage)
		}
	}
}
