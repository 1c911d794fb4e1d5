package applier

import "container/heap"

// planQueue orders plans by priority, then age.
type planQueue struct {
	items planHeap
	count uint64
}

func (q *planQueue) len() int { return len(q.items) }

func (q *planQueue) push(s *submission) {
	q.count++
	s.order = q.count
	heap.Push(&q.items, s)
}

// head is the next plan, nil when there is none.
func (q *planQueue) head() *submission {
	if len(q.items) == 0 {
		return nil
	}
	return q.items[0]
}

// pop takes the next plan, nil when there is none.
func (q *planQueue) pop() *submission {
	if len(q.items) == 0 {
		return nil
	}
	return heap.Pop(&q.items).(*submission)
}

// planHeap implements heap.Interface.
type planHeap []*submission

func (h planHeap) Len() int { return len(h) }

func (h planHeap) Less(i, j int) bool {
	if h[i].plan.Priority != h[j].plan.Priority {
		return h[i].plan.Priority > h[j].plan.Priority
	}
	return h[i].order < h[j].order
}

func (h planHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *planHeap) Push(x any) { *h = append(*h, x.(*submission)) }

func (h *planHeap) Pop() any {
	old := *h
	last := len(old) - 1
	s := old[last]
	old[last] = nil
	*h = old[:last]
	return s
}
