package reconcile

import (
	"cmp"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// sets are the allocations of a group by what has become of their nodes.
type sets struct {
	// untainted are where they should be, or over.
	untainted []*nl.Alloc
	migrate   []*nl.Alloc // to be moved off a draining node, or by wish
	// lost are those whose node is gone, and those whose node has stopped them by
	// now.
	lost []*nl.Alloc
	// disconnecting are on a node that cannot be reached but may come back.
	disconnecting []*nl.Alloc
	// away tells, by ID, that those of them are not heard of that get no
	// replacement for it: they are untainted, and something else may become of them.
	away map[string]*nl.AllocStop
	// unknown are that already, and were replaced.
	unknown []*nl.Alloc
	// reconnecting are back from being unknown.
	reconnecting []*nl.Alloc
	// waiting are lost, but their node stops them only later.
	waiting []*nl.Alloc
}

// relevant drops what cannot matter any more: allocations that were replaced,
// and of batch jobs what ended under another version.
func (s *state) relevant(allocs []*nl.Alloc) []*nl.Alloc {
	var out []*nl.Alloc
	recalled := map[string]bool{} // stood in for one that came back
	for _, a := range allocs {
		if a.TerminalDesired() && a.DesiredDescription() == DescReconnected {
			recalled[a.ID] = true
		}
	}
	for _, a := range allocs {
		if a.Terminal() && a.NextAllocation() != "" && !recalled[a.NextAllocation()] {
			continue
		}
		awaited := a.ClientStatus == nl.AllocClientLost && a.FollowupEvalID() != ""
		if s.batch && a.Terminal() && !s.current(a) && !awaited {
			continue
		}
		out = append(out, a)
	}
	return out
}

// current tells whether the allocation is of the job's newest version.
func (s *state) current(a *nl.Alloc) bool {
	return a.Job != nil && a.JobVersion == s.Job.Version && a.Job.CreateIndex == s.Job.CreateIndex
}

// sortOut puts each allocation of the group into its set.
func (s *state) sortOut(allocs []*nl.Alloc) *sets {
	t := &sets{}
	for _, a := range allocs {
		switch {
		case a.TerminalDesired() || a.TerminalClient():
			s.sortOver(t, a)
		case a.DesiredTransition().Migrate == nl.Yes:
			t.migrate = append(t.migrate, a)
		default:
			s.sortLive(t, a)
		}
	}
	return t
}

// sortOver sorts an allocation that is over.
func (s *state) sortOver(t *sets, a *nl.Alloc) {
	if a.ClientStatus == nl.AllocClientLost && a.FollowupEvalID() != "" && a.NextAllocation() == "" && a.TerminalDesired() {
		if until, delayed := s.stopsLater(a); delayed {
			if s.Now.Before(until) && !s.arrived(a) {
				t.waiting = append(t.waiting, a)
			} else {
				t.lost = append(t.lost, a)
			}
			return
		}
	}
	t.untainted = append(t.untainted, a)
}

// stopsLater is when the node of a lost allocation has stopped it by itself.
func (s *state) stopsLater(a *nl.Alloc) (time.Time, bool) {
	if a.Job == nil {
		return time.Time{}, false
	}
	after := stopOnClientAfter(a.Job.Group(a.TaskGroup))
	if after == 0 {
		return time.Time{}, false
	}
	since := time.Unix(0, a.ModifyTime)
	for _, st := range a.AllocStates() {
		if st.Field == stateClientStatus && st.Value == nl.AllocClientLost {
			since = st.Time.Time
		}
	}
	return since.Add(after), true
}

// sortLive sorts an allocation that is not over by the state of its node.
func (s *state) sortLive(t *sets, a *nl.Alloc) {
	n := s.Node(a.NodeID)
	g := s.groupOf(a)
	unknown := a.ClientStatus == nl.AllocClientUnknown
	if since, was := unknownSince(a); unknown && was && lostAfter(g) > 0 &&
		(!s.Now.Before(since.Add(lostAfter(g))) || s.arrived(a)) {
		t.lost = append(t.lost, a)
		return
	}
	switch {
	case n == nil || n.Status == nl.NodeStatusDown:
		switch {
		case n != nil && !replaces(g) && unknown:
			t.untainted = append(t.untainted, a)
		case n != nil && !replaces(g) && a.ClientStatus == nl.AllocClientRunning:
			t.disconnecting = append(t.disconnecting, a)
		default:
			t.lost = append(t.lost, a)
		}
	case n.Status == nl.NodeStatusDisconnected:
		switch {
		case unknown:
			s.sortUnknown(t, a)
		case a.ClientStatus == nl.AllocClientRunning && (lostAfter(g) > 0 || !replaces(g)):
			t.disconnecting = append(t.disconnecting, a)
		default:
			t.lost = append(t.lost, a)
		}
	case unknown:
		s.sortUnknown(t, a)
	default:
		if _, was := unknownSince(a); was && a.FollowupEvalID() != "" {
			t.reconnecting = append(t.reconnecting, a)
			return
		}
		t.untainted = append(t.untainted, a)
	}
}

// sortUnknown sorts an allocation that is unknown already.
func (s *state) sortUnknown(t *sets, a *nl.Alloc) {
	switch {
	case !replaces(s.groupOf(a)):
		t.untainted = append(t.untainted, a)
	default:
		t.unknown = append(t.unknown, a)
	}
}

// groupOf is the group the allocation runs: strategies are those of its own
// version.
func (s *state) groupOf(a *nl.Alloc) *nl.Group {
	if a.Job == nil {
		return nil
	}
	return a.Job.Group(a.TaskGroup)
}

// reconnect decides for every allocation that came back whether it or what
// stands in for it stays. Where stand-ins came back, too, the newest are decided
// first, so that the older ones meet those that are left.
func (s *state) reconnect(g *nl.Group, t *sets) (stay []*nl.Alloc) {
	u := s.updates(g.Name)
	back := slices.Clone(t.reconnecting)
	slices.SortStableFunc(back, func(a, b *nl.Alloc) int {
		return cmp.Or(cmp.Compare(Index(a.Name), Index(b.Name)), cmp.Compare(b.CreateIndex, a.CreateIndex))
	})
	gone := map[string]bool{}
	for _, a := range back {
		for _, other := range t.untainted {
			if other.Name != a.Name || gone[other.ID] || !standsIn(other) || !follows(other, a) {
				continue
			}
			loser := a
			if better(a, other, g) {
				loser = other
			}
			gone[loser.ID] = true
			s.stop(loser, DescReconnected)
			u.Stop++
			if loser == a {
				break
			}
		}
		t.untainted = append(t.untainted, a)
	}
	t.untainted = without(t.untainted, gone)
	stay = without(back, gone)
	u.Reconnect += uint64(len(stay))
	return stay
}

// standsIn tells whether an allocation holds the place of one that comes back:
// it is not over, or it failed, and waits for its successor or is not to have
// any more.
func standsIn(a *nl.Alloc) bool {
	return !a.TerminalDesired() && (!a.TerminalClient() || a.ClientStatus == nl.AllocClientFailed)
}

// follows tells whether b was made after a, to stand in for it. One of an older
// version was not: it has the name of a canary, and replaces another one.
func follows(b, a *nl.Alloc) bool {
	return b.PreviousAllocation() == a.ID || a.NextAllocation() == b.ID || b.CreateIndex > a.CreateIndex && b.JobVersion >= a.JobVersion
}

func without(allocs []*nl.Alloc, ids map[string]bool) []*nl.Alloc {
	if len(ids) == 0 {
		return allocs
	}
	var out []*nl.Alloc
	for _, a := range allocs {
		if !ids[a.ID] {
			out = append(out, a)
		}
	}
	return out
}

// disconnect marks allocations whose node cannot be reached as unknown and
// returns those to be replaced.
func (s *state) disconnect(g *nl.Group, t *sets) (replace []*nl.Alloc) {
	u := s.updates(g.Name)
	t.away = map[string]*nl.AllocStop{}
	for _, a := range t.disconnecting {
		stop := s.unknown(a)
		u.Disconnect++
		if replaces(s.groupOf(a)) {
			s.out.Stop = append(s.out.Stop, stop)
			replace = append(replace, a)
		} else {
			t.away[a.ID] = &stop
			t.untainted = append(t.untainted, a)
		}
	}
	for _, a := range t.unknown {
		if a.NextAllocation() == "" {
			replace = append(replace, a)
		}
	}
	return replace
}

// unknown marks an allocation whose node cannot be reached, with an evaluation
// for when it will be lost.
func (s *state) unknown(a *nl.Alloc) nl.AllocStop {
	stop := nl.AllocStop{
		AllocID: a.ID, NodeID: a.NodeID, Description: DescUnknown,
		ClientStatus: nl.AllocClientUnknown, Desired: nl.AllocDesiredRun,
	}
	if after := lostAfter(s.groupOf(a)); after > 0 {
		stop.FollowupEvalID = s.later(s.Now.Add(after), nl.TriggerMaxDisconnectTimeout, descDisconnect)
	}
	return stop
}
