package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// A record of allocations is the number of runs that belong to one job, for each
// the number of the job and how many there are, all as varints, and then the
// allocations.

const (
	// allocsPerRecord is where a record of allocations ends within a job: what
	// was placed together seldom lies apart, and a record takes a megabyte.
	allocsPerRecord = 4096
	// allocsOfJobs is where it ends between jobs.
	allocsOfJobs = 1024
)

// allocRun is allocations one after the other that belong to one job.
type allocRun struct {
	job   uint64 // number of its record
	count uint64
}

// allocBlock is the allocations of a record to be.
type allocBlock struct {
	list []*nl.Alloc
	runs []allocRun
}

func (sv *saver) allocs(s *Snapshot) {
	var block allocBlock
	var ofJob []*nl.Alloc
	for row := range s.jobs.All() {
		if row.allocs.Len() == 0 {
			continue
		}
		ofJob = slices.AppendSeq(ofJob[:0], s.allocsOf(row.allocs.All()))
		slices.SortFunc(ofJob, byPlacement)
		for _, a := range ofJob {
			block.add(a, sv.job(a.Job))
			if len(block.list) == allocsPerRecord {
				sv.addAllocs(&block)
			}
		}
		if len(block.list) >= allocsOfJobs {
			sv.addAllocs(&block)
		}
	}
	sv.addAllocs(&block)
}

// byPlacement brings together what was placed together: by the write, and in it
// by name, which ends in a number.
func byPlacement(a, b *nl.Alloc) int {
	return cmp.Or(cmp.Compare(a.CreateIndex, b.CreateIndex), cmp.Compare(len(a.Name), len(b.Name)),
		strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
}

func (b *allocBlock) add(a *nl.Alloc, job uint64) {
	b.list = append(b.list, a)
	if last := len(b.runs) - 1; last >= 0 && b.runs[last].job == job {
		b.runs[last].count++
		return
	}
	b.runs = append(b.runs, allocRun{job, 1})
}

// addAllocs writes the block, after the jobs it refers to, and begins another.
func (sv *saver) addAllocs(block *allocBlock) {
	if len(block.list) == 0 {
		return
	}
	sv.flush(&sv.jobs)
	done := *block
	*block = allocBlock{}
	sv.add(recordAllocs, func(b []byte) ([]byte, error) {
		b = binary.AppendUvarint(b, uint64(len(done.runs)))
		for _, run := range done.runs {
			b = binary.AppendUvarint(binary.AppendUvarint(b, run.job), run.count)
		}
		return wire.AppendAllocs(b, done.list)
	})
}

var errSaveRuns = errors.New("a record of allocations does not say which jobs they are of; the file is damaged")

// readRuns reads the runs of a record and how many allocations they are
// together.
func readRuns(content []byte) (runs []allocRun, total uint64, rest []byte, err error) {
	number := func() uint64 {
		n, size := binary.Uvarint(content)
		if size <= 0 {
			err = errSaveRuns
			return 0
		}
		content = content[size:]
		return n
	}
	for n := number(); n > 0 && err == nil; n-- {
		run := allocRun{number(), number()}
		// An allocation takes more than a byte.
		if total += run.count; run.count > uint64(len(content)) || total > uint64(len(content)) {
			err = errSaveRuns
		}
		runs = append(runs, run)
	}
	return runs, total, content, err
}
