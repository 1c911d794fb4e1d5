package reconcile

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// stateClientStatus is the field under which an allocation's history notes its
// client status.
const stateClientStatus = "ClientStatus"

// lostAfter is how long an allocation on a disconnected node is unknown before
// it is lost; 0: it is lost at once.
func lostAfter(g *nl.Group) time.Duration {
	if g == nil || g.Disconnect == nil {
		return 0
	}
	return g.Disconnect.LostAfter
}

// replaces tells whether an allocation that cannot be reached gets a
// replacement.
func replaces(g *nl.Group) bool {
	return g == nil || g.Disconnect == nil || g.Disconnect.Replace == nil || *g.Disconnect.Replace
}

// stopOnClientAfter is when a node stops an allocation by itself after it lost
// the servers; 0: it does not.
func stopOnClientAfter(g *nl.Group) time.Duration {
	if g == nil || g.Disconnect == nil || g.Disconnect.StopOnClientAfter == nil {
		return 0
	}
	return *g.Disconnect.StopOnClientAfter
}

// unknownSince is when the allocation last became unknown; ok is false when it
// never was.
func unknownSince(a *nl.Alloc) (time.Time, bool) {
	for i := len(a.AllocStates()) - 1; i >= 0; i-- {
		if st := a.AllocStates()[i]; st.Field == stateClientStatus && st.Value == nl.AllocClientUnknown {
			return st.Time.Time, true
		}
	}
	return time.Time{}, false
}

// better decides between an allocation whose node came back and the one that
// replaced it: it tells whether the original stays. What has failed never wins.
func better(original, replacement *nl.Alloc, g *nl.Group) bool {
	if replacement.ClientStatus == nl.AllocClientFailed {
		return true
	}
	if replacement.Job != nil && original.Job != nil &&
		(replacement.JobVersion > original.JobVersion || replacement.Job.CreateIndex > original.Job.CreateIndex) {
		return false
	}
	strategy := ""
	if g.Disconnect != nil {
		strategy = g.Disconnect.Reconcile
	}
	switch strategy {
	case "keep_original":
		return true
	case "keep_replacement":
		return false
	case "longest_running":
		o, r := startedAt(original, g), startedAt(replacement, g)
		switch {
		case r.IsZero():
			return true
		case o.IsZero():
			return false
		case !o.Equal(r):
			return o.Before(r)
		}
	}
	if replacement.ClientStatus != nl.AllocClientRunning {
		return true
	}
	return score(original) >= score(replacement)
}

// startedAt is when the leader started, or without one the main task that has
// run the longest.
func startedAt(a *nl.Alloc, g *nl.Group) time.Time {
	var oldest time.Time
	for _, t := range g.Tasks {
		st := a.TaskStates.Get(t.Name)
		if st == nil || st.StartedAt.IsZero() || t.Lifecycle != nil && t.Lifecycle.Hook != "" {
			continue
		}
		if t.Leader {
			return st.StartedAt.Time
		}
		if oldest.IsZero() || st.StartedAt.Before(oldest) {
			oldest = st.StartedAt.Time
		}
	}
	return oldest
}

// score is what the allocation's node scored when it was placed.
func score(a *nl.Alloc) float64 {
	if a.Metrics != nil {
		for _, s := range a.Metrics.ScoreMetaData {
			if s.NodeID == a.NodeID {
				return s.NormScore
			}
		}
	}
	return 0
}
