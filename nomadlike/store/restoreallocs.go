package store

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

// placedAllocs are the restored allocations and what each belongs to. Their
// indexes are built of all of them at once: sorted by ID once, and from that
// order dealt out.
type placedAllocs struct {
	records [][]placedAlloc
	total   int

	rows    []*jobRow
	nodes   groups[string]
	evals   groups[string]
	created groups[uint64]
}

// placedAlloc is an allocation with the numbers of its job's row, its node, its
// evaluation and the write that made it, and at last its own.
type placedAlloc struct {
	rank                     uint64
	alloc                    *nl.Alloc
	row, node, eval, created uint32
	number                   uint32
}

// groups numbers what allocations belong to, in the order of first meeting.
type groups[K comparable] struct {
	keys    []K
	numbers map[K]uint32
}

func (g *groups[K]) number(key K) uint32 {
	if last := len(g.keys) - 1; last >= 0 && g.keys[last] == key {
		return uint32(last)
	}
	n, found := g.numbers[key]
	if !found {
		if g.numbers == nil {
			g.numbers = map[K]uint32{}
		}
		n = uint32(len(g.keys))
		g.keys = append(g.keys, key)
		g.numbers[key] = n
	}
	return n
}

var errSaveTwice = errors.New("an allocation is there twice; the file is damaged")

// allocs reads a record of allocations.
func (rs *restorer) allocs(content []byte) (func() error, error) {
	runs, total, rest, err := readRuns(content)
	if err != nil {
		return nil, err
	}
	list, err := rs.texts.DecodeAllocs(rest)
	if err != nil {
		return nil, err
	}
	if uint64(len(list)) != total {
		return nil, errSaveRuns
	}
	for _, a := range list {
		if a.NetworkStatus != nil && *a.NetworkStatus == (nl.AllocNetworkStatus{}) {
			a.NetworkStatus = noNetwork
		}
	}
	return func() error {
		at := 0
		for _, run := range runs {
			job, err := rs.job(run.job)
			if err != nil {
				return err
			}
			for _, a := range list[at : at+int(run.count)] {
				a.Job = job
			}
			at += int(run.count)
		}
		rs.place(list)
		return nil
	}, nil
}

// place notes what allocations belong to. Strings that its job has are the job's.
func (rs *restorer) place(list []*nl.Alloc) {
	p := &rs.placed
	placed := make([]placedAlloc, len(list))
	var row *jobRow
	for i, a := range list {
		if row == nil || i > 0 && (list[i-1].JobID != a.JobID || list[i-1].Namespace != a.Namespace) {
			row = rs.row(a.Namespace, a.JobID)
			p.rows = append(p.rows, row)
		}
		shareJobStrings(a)
		placed[i] = placedAlloc{
			rank: cow.Rank(a.ID), alloc: a, row: uint32(len(p.rows) - 1),
			node: p.nodes.number(a.NodeID), eval: p.evals.number(a.EvalID), created: p.created.number(a.CreateIndex),
		}
	}
	p.records = append(p.records, placed)
	p.total += len(list)
}

// index builds the tables of allocations.
func (rs *restorer) index() error {
	p := &rs.placed
	all := slices.Concat(p.records...)
	p.records = nil
	slices.SortFunc(all, func(a, b placedAlloc) int {
		if a.rank != b.rank {
			return cmp.Compare(a.rank, b.rank)
		}
		return strings.Compare(a.alloc.ID, b.alloc.ID)
	})
	for i := 1; i < len(all); i++ {
		if all[i-1].rank == all[i].rank && all[i-1].alloc.ID == all[i].alloc.ID {
			return errSaveTwice
		}
	}
	rs.number(all)
	var wait sync.WaitGroup
	wait.Go(func() {
		rs.s.allocsByID = cow.BuildIndex(rs.owner, len(all), func(i int) (string, uint64) { return all[i].alloc.ID, uint64(all[i].number) })
		rs.indexRows(all)
	})
	wait.Go(func() { rs.indexNodes(all) })
	wait.Go(func() { rs.indexEvals(all) })
	wait.Wait()
	rs.placed = placedAllocs{}
	return nil
}

// number lists the allocations in the order of the writes that made them.
func (rs *restorer) number(all []placedAlloc) {
	writes := rs.placed.created.keys
	order := make([]uint32, len(writes))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Compare(writes[a], writes[b]) })
	place := make([]uint32, len(writes))
	for i, at := range order {
		place[at] = uint32(i)
	}
	for _, list := range deal(all, len(writes), func(a *placedAlloc) uint32 { return place[a.created] }) {
		for _, i := range list {
			all[i].number = uint32(rs.s.allocs.Add(rs.owner, all[i].alloc))
		}
	}
}

func (rs *restorer) indexRows(all []placedAlloc) {
	// A job whose allocations several records hold has several numbers.
	first := map[*jobRow]uint32{}
	number := make([]uint32, len(rs.placed.rows))
	for i, row := range rs.placed.rows {
		if _, found := first[row]; !found {
			first[row] = uint32(i)
		}
		number[i] = first[row]
	}
	for i, list := range deal(all, len(number), func(a *placedAlloc) uint32 { return number[a.row] }) {
		if len(list) == 0 {
			continue
		}
		row := rs.placed.rows[i]
		row.allocs = rs.built(all, list)
		for _, i := range list {
			row.placed = max(row.placed, all[i].alloc.CreateIndex)
			if !all[i].alloc.Terminal() {
				row.liveAllocs++
			}
		}
	}
}

// built is the index of some of the allocations, which are in order.
func (rs *restorer) built(all []placedAlloc, list []uint32) cow.Index {
	return cow.BuildIndex(rs.owner, len(list), func(i int) (string, uint64) {
		a := &all[list[i]]
		return a.alloc.ID, uint64(a.number)
	})
}

func (rs *restorer) indexNodes(all []placedAlloc) {
	lists := deal(all, len(rs.placed.nodes.keys), func(a *placedAlloc) uint32 { return a.node })
	for i, list := range lists {
		numbers := make([]uint64, len(list))
		for i, at := range list {
			numbers[i] = uint64(all[at].number)
		}
		set := &nodeAllocs{owner: rs.owner, key: rs.placed.nodes.keys[i], allocs: cow.BagOf(numbers)}
		for _, i := range list {
			a := all[i].alloc
			a.NodeID = set.key
			set.usage.Add(a, +1)
			if a.Terminal() && fit.HasPorts(a.AllocatedResources) {
				set.freed = withFreed(set.freed, fit.Freed{AllocID: a.ID, At: a.ModifyTime, Resources: a.AllocatedResources})
			}
		}
		rs.s.allocsByNode.Set(rs.owner, set)
	}
}

func (rs *restorer) indexEvals(all []placedAlloc) {
	lists := deal(all, len(rs.placed.evals.keys), func(a *placedAlloc) uint32 { return a.eval })
	for i, list := range lists {
		set := &evalAllocs{owner: rs.owner, key: rs.placed.evals.keys[i]}
		slices.SortFunc(list, func(a, b uint32) int { return cmp.Compare(all[a].number, all[b].number) })
		for _, i := range list {
			all[i].alloc.EvalID = set.key
			set.numbers = set.numbers.with(uint64(all[i].number))
		}
		rs.s.allocsByEval.Set(rs.owner, set)
	}
}

// deal gives each of so many groups its allocations, as places in all, in the
// order of all.
func deal(all []placedAlloc, groups int, of func(*placedAlloc) uint32) [][]uint32 {
	sizes := make([]int, groups)
	for i := range all {
		sizes[of(&all[i])]++
	}
	backing := make([]uint32, len(all))
	out := make([][]uint32, groups)
	for i, size := range sizes {
		out[i], backing = backing[:0:size], backing[size:]
	}
	for i := range all {
		group := of(&all[i])
		out[group] = append(out[group], uint32(i))
	}
	return out
}
