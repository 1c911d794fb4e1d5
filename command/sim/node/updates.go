package node

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// updates are those that are to be told, one for each allocation, in the order
// of their IDs. The keys stand in it beside each other, since it is looked
// through for each of millions, and mostly what they are keys of was made long
// ago.
type updates []queued

type queued struct {
	key    key
	update *nl.AllocUpdate
}

func (q updates) find(k key) (at int, found bool) {
	return slices.BinarySearchFunc(q, k, func(one queued, k key) int { return compareKeys(one.key, k) })
}

// put queues an update; it replaces an older one of the same allocation.
func (q *updates) put(k key, u *nl.AllocUpdate) {
	at, found := q.find(k)
	if found {
		(*q)[at].update = u
		return
	}
	*q = slices.Insert(*q, at, queued{k, u})
}

// giveBack queues an update again that could not be told, unless there is a
// newer one.
func (q *updates) giveBack(k key, u *nl.AllocUpdate) {
	if at, found := q.find(k); !found {
		*q = slices.Insert(*q, at, queued{k, u})
	}
}

// drop forgets what is queued of an allocation.
func (q *updates) drop(k key) {
	if at, found := q.find(k); found {
		*q = slices.Delete(*q, at, at+1)
	}
}

// take removes the first, so many at most.
func (q *updates) take(most int) []*nl.AllocUpdate {
	out := make([]*nl.AllocUpdate, min(most, len(*q)))
	for i := range out {
		out[i] = (*q)[i].update
	}
	*q = slices.Delete(*q, 0, len(out))
	return out
}
