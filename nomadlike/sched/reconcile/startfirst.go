package reconcile

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// followed is an allocation that is to leave its node, and what stands in for
// it already.
type followed struct{ old, next *nl.Alloc }

// takeFollowed takes those that migrate and have a replacement out of the set:
// they hold no place of the group any more.
func (r *round) takeFollowed() {
	var rest []*nl.Alloc
	for _, a := range r.migrate {
		if next := r.successor(a); next != nil {
			r.followed = append(r.followed, followed{a, next})
		} else {
			rest = append(rest, a)
		}
	}
	r.migrate = rest
}

// successor is the newest in the line of allocations that replace a, nil when
// there is none or nobody wants it any more.
func (s *state) successor(a *nl.Alloc) *nl.Alloc {
	var last *nl.Alloc
	for id := a.NextAllocation(); id != ""; {
		at := slices.IndexFunc(s.Allocs, func(o *nl.Alloc) bool { return o.ID == id })
		if at < 0 {
			break
		}
		last = s.Allocs[at]
		id = last.NextAllocation()
	}
	if last == nil || last.TerminalDesired() {
		return nil
	}
	return last
}

// stopFollowed ends those that do not wait for their replacement, whose
// replacement is healthy, or whose replacement is dropped now.
func (r *round) stopFollowed() {
	for _, f := range r.followed {
		switch {
		case r.dropped(f.next):
			r.stop(f.old, DescNotNeeded)
			r.u.Stop++
		case !r.waits(f.old) || f.next.Healthy():
			r.stop(f.old, DescMigrating)
			r.u.Stop++
		default:
			r.u.Ignore++
		}
	}
}

// waits tells whether the allocation stays until its replacement is healthy.
// Nothing stays on a node that is gone.
func (s *state) waits(a *nl.Alloc) bool { return a.DesiredTransition().Waits() && !s.nodeGone(a) }

// dropped tells whether the allocation is stopped without a replacement.
func (r *round) dropped(a *nl.Alloc) bool {
	return slices.ContainsFunc(r.out.Stop, func(s nl.AllocStop) bool {
		return s.AllocID == a.ID && s.Description == DescNotNeeded
	})
}
