package reconcile

import (
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Name is what the allocation with that index is called.
func Name(job, group string, index int) string {
	return job + "." + group + "[" + strconv.Itoa(index) + "]"
}

// Index reads the index from the name of an allocation, -1 when it has none.
func Index(name string) int {
	open := strings.LastIndexByte(name, '[')
	if open < 0 || !strings.HasSuffix(name, "]") {
		return -1
	}
	i, err := strconv.Atoi(name[open+1 : len(name)-1])
	if err != nil || i < 0 {
		return -1
	}
	return i
}

// names hands out the indexes of a group, lowest free one first.
type names struct {
	job, group string
	used       map[int]int // how many allocations have the index
	next       int         // every lower index is used
}

func newNames(job, group string, allocs ...[]*nl.Alloc) *names {
	count := 0
	for _, list := range allocs {
		count += len(list)
	}
	n := &names{job: job, group: group, used: make(map[int]int, count)}
	for _, list := range allocs {
		for _, a := range list {
			n.used[Index(a.Name)]++
		}
	}
	return n
}

// release gives the index of an allocation back.
func (n *names) release(a *nl.Alloc) {
	i := Index(a.Name)
	n.used[i]--
	if n.used[i] <= 0 {
		delete(n.used, i)
		n.next = min(n.next, max(i, 0))
	}
}

// take is the lowest free name.
func (n *names) take() string {
	for n.used[n.next] > 0 {
		n.next++
	}
	n.used[n.next]++
	return Name(n.job, n.group, n.next)
}

// keep is the name for what follows a: its own, or a free one when another
// allocation has the same.
func (n *names) keep(a *nl.Alloc) string {
	i := Index(a.Name)
	if i < 0 || n.used[i] > 1 {
		n.release(a)
		return n.take()
	}
	return a.Name
}

// canary is a name for one of the canaries: that of an allocation that will be
// replaced and has none yet, else a free one.
func (n *names) canary(replaced []*nl.Alloc, have map[string]bool) string {
	for _, a := range replaced {
		if !have[a.Name] {
			have[a.Name] = true
			return a.Name
		}
	}
	name := n.take()
	have[name] = true
	return name
}
