package node

import (
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// updates are those that are to be told, one for each allocation, in the order
// of their IDs. Mostly there is one.
type updates []*nl.AllocUpdate

func (q updates) find(id string) (at int, found bool) {
	return slices.BinarySearchFunc(q, id, func(u *nl.AllocUpdate, id string) int { return strings.Compare(u.ID, id) })
}

// put queues an update; it replaces an older one of the same allocation.
func (q *updates) put(u *nl.AllocUpdate) {
	at, found := q.find(u.ID)
	if found {
		(*q)[at] = u
		return
	}
	*q = slices.Insert(*q, at, u)
}

// giveBack queues an update again that could not be told, unless there is a
// newer one.
func (q *updates) giveBack(u *nl.AllocUpdate) {
	if at, found := q.find(u.ID); !found {
		*q = slices.Insert(*q, at, u)
	}
}

// drop forgets what is queued of an allocation.
func (q *updates) drop(id string) {
	if at, found := q.find(id); found {
		*q = slices.Delete(*q, at, at+1)
	}
}

// take removes the first, so many at most.
func (q *updates) take(most int) []*nl.AllocUpdate {
	if len(*q) <= most {
		all := *q
		*q = nil
		return all
	}
	out := slices.Clone((*q)[:most])
	*q = slices.Delete(*q, 0, most)
	return out
}
