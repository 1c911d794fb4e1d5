package store

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// metaForm is what there is one of.
type metaForm struct {
	Index     uint64
	Indexes   []uint64
	Scheduler *nl.SchedulerConfiguration
	Autopilot *nl.AutopilotConfig
	Cluster   clusterMeta
}

// jobRowForm is a jobRow on disk.
type jobRowForm struct {
	Key         string
	Versions    []uint64 // numbers of job records; the first is the job itself
	Deleted     bool     // there is no job
	Summary     *nl.JobSummary
	Submissions []*nl.JobSubmission
	Events      []groupEvents
	Launch      int64
	Children    []string
	Tokens      [][2]string // token, child
}

// policyForm is a scaling policy under its key.
type policyForm struct {
	Key    string
	Policy nl.ScalingPolicy
}

// rootKeyForm is a root key on disk.
type rootKeyForm struct {
	Meta                nl.RootKeyMeta
	Encryption, Signing []byte
}

func (f *rootKeyForm) key() *nl.RootKey {
	return &nl.RootKey{Meta: &f.Meta, Encryption: f.Encryption, Signing: f.Signing}
}

// Save writes the snapshot. It may take its time: the snapshot never changes. It
// holds a few records in memory, and leaves half of the processors to others.
func (s *Snapshot) Save(w io.Writer) error {
	if err := s.save(w); err != nil {
		return fmt.Errorf("saving the state at index %d: %w", s.index, err)
	}
	return nil
}

func (s *Snapshot) save(w io.Writer) error {
	out, sum := bufio.NewWriterSize(w, 1<<20), sha256.New()
	both := io.MultiWriter(out, sum)
	if _, err := io.WriteString(both, saveFormat); err != nil {
		return err
	}
	goroutines := saveGoroutines()
	packer, err := newPacker(goroutines)
	if err != nil {
		return err
	}
	defer packer.Close()
	var head []byte
	put := func(r *recordOut) error {
		head = r.appendHead(head[:0])
		if _, err := both.Write(head); err != nil {
			return err
		}
		_, err := both.Write(r.body)
		return err
	}
	if err := s.records(goroutines, packer, put); err != nil {
		return err
	}
	total := sum.Sum(nil)
	if err := put(&recordOut{kind: recordEnd, content: total, body: total}); err != nil {
		return err
	}
	return out.Flush()
}

// Fingerprint is a hash over the whole state: equal on every server at the
// same index.
func (s *Snapshot) Fingerprint() string {
	sum := sha256.New()
	var head []byte
	err := s.records(saveGoroutines(), nil, func(r *recordOut) error {
		head = r.appendHead(head[:0])
		sum.Write(head)
		sum.Write(r.content)
		return nil
	})
	if err != nil {
		return "unknown: " + err.Error()
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// saveGoroutines is how many encode at once.
func saveGoroutines() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// records gives the records of the state to take, one after the other; with a
// packer they have bodies. What take is given is its own until it returns.
func (s *Snapshot) records(goroutines int, packer *zstd.Encoder, take func(*recordOut) error) error {
	sv := &saver{packer: packer, numbers: map[*nl.Job]uint64{}, known: map[[sha256.Size]byte]uint64{}}
	sv.lane = lane[*recordBuffers]{width: goroutines, take: func(b *recordBuffers) error {
		defer sv.buffers.Put(b)
		return take(&b.recordOut)
	}}
	defer sv.lane.abandon()
	sv.all(s)
	if sv.err != nil {
		return sv.err
	}
	return sv.lane.finish()
}

type saver struct {
	lane    lane[*recordBuffers]
	packer  *zstd.Encoder // nil: nobody wants bodies
	buffers sync.Pool     // of *recordBuffers
	batches sync.Pool     // of *[]byte

	numbers map[*nl.Job]uint64           // of jobs met
	known   map[[sha256.Size]byte]uint64 // of jobs, by the hash of their form
	last    *nl.Job                      // met last, with its number
	number  uint64
	jobs    batch // not yet written

	err error // the first; nothing is written after it
}

// recordBuffers is a record and the buffers it is made in.
type recordBuffers struct {
	recordOut
	packed []byte
}

// add has a record made, which fill appends to a buffer.
func (sv *saver) add(kind recordKind, fill func(b []byte) ([]byte, error)) {
	if sv.err != nil {
		return
	}
	sv.err = sv.lane.add(func() (*recordBuffers, error) {
		b, _ := sv.buffers.Get().(*recordBuffers)
		if b == nil {
			b = new(recordBuffers)
		}
		content, err := fill(b.content[:0])
		if err == nil && len(content) > recordBytesMax {
			err = fmt.Errorf("a record of kind %d has %d bytes and may have %d", kind, len(content), recordBytesMax)
		}
		if err != nil {
			return nil, err
		}
		b.recordOut = recordOut{kind: kind, content: content}
		if sv.packer != nil {
			b.packed = b.pack(sv.packer, b.packed)
		}
		return b, nil
	})
}

// batch is the objects of a record to be.
type batch struct {
	kind    recordKind
	objects int
	b       []byte
}

// put encodes an object, and writes the record once it is full.
func (sv *saver) put(to *batch, v any) {
	if sv.err != nil {
		return
	}
	form, err := wire.Encode(v)
	if err != nil {
		sv.err = err
		return
	}
	sv.putForm(to, form)
}

func (sv *saver) putForm(to *batch, form []byte) {
	to.b = append(to.b, form...)
	if to.objects++; to.objects >= recordObjects || len(to.b) >= recordBytes {
		sv.flush(to)
	}
}

// flush writes what the batch holds, after the jobs it may refer to.
func (sv *saver) flush(from *batch) {
	if from != &sv.jobs {
		sv.flush(&sv.jobs)
	}
	if from.objects == 0 {
		return
	}
	objects, b := from.objects, from.b
	from.objects, from.b = 0, sv.spare(len(b))
	sv.add(from.kind, func(to []byte) ([]byte, error) {
		to = append(wire.AppendArray(to, objects), b...)
		sv.batches.Put(&b)
		return to, nil
	})
}

// spare is a buffer for the next batch, which is likely to need as much as the
// last one.
func (sv *saver) spare(size int) []byte {
	if b, _ := sv.batches.Get().(*[]byte); b != nil {
		return (*b)[:0]
	}
	return make([]byte, 0, size)
}

// job is the number of a job, which is written unless one of the same content
// is: which allocations share a job in memory is no part of the state.
func (sv *saver) job(j *nl.Job) uint64 {
	switch {
	case j == nil || sv.err != nil:
		return 0
	case j == sv.last:
		return sv.number
	}
	number, found := sv.numbers[j]
	if !found {
		form, err := wire.Encode(j)
		if err != nil {
			sv.err = err
			return 0
		}
		hash := sha256.Sum256(form)
		if number, found = sv.known[hash]; !found {
			number = uint64(len(sv.known) + 1)
			sv.known[hash] = number
			sv.putForm(&sv.jobs, form)
		}
		sv.numbers[j] = number
	}
	sv.last, sv.number = j, number
	return number
}

func (sv *saver) all(s *Snapshot) {
	sv.jobs.kind = recordJobs
	sv.add(recordMeta, func(b []byte) ([]byte, error) {
		form, err := wire.Encode(&metaForm{
			Index: s.index, Indexes: s.indexes[:], Scheduler: s.scheduler, Autopilot: s.autopilot, Cluster: s.cluster,
		})
		return append(b, form...), err
	})
	rows := batch{kind: recordJobRows}
	for row := range s.jobs.All() {
		sv.put(&rows, sv.jobRow(row))
	}
	sv.flush(&rows)
	sv.allocs(s)
	saveObjects(sv, recordEvals, func(yield func(*nl.Eval) bool) {
		for r := range s.evals.All() {
			if !yield(r.Eval) {
				return
			}
		}
	})
	saveObjects(sv, recordDeployments, s.Deployments(nl.AllNamespaces))
	saveObjects(sv, recordNodes, s.Nodes())
	saveObjects(sv, recordNamespaces, s.Namespaces())
	saveObjects(sv, recordNodePools, s.NodePools())
	saveObjects(sv, recordServices, s.Services(nl.AllNamespaces))
	saveObjects(sv, recordPolicies, func(yield func(policyForm) bool) {
		for r := range s.policies.All() {
			if !yield(policyForm{r.key, *r.ScalingPolicy}) {
				return
			}
		}
	})
	saveObjects(sv, recordRootKeys, func(yield func(rootKeyForm) bool) {
		for k := range s.RootKeys() {
			if !yield(rootKeyForm{*k.Meta, k.Encryption, k.Signing}) {
				return
			}
		}
	})
	saveObjects(sv, recordVariables, s.Variables(nl.AllNamespaces, ""))
	saveObjects(sv, recordQuotas, s.Quotas())
	saveObjects(sv, recordLedgers, s.QuotaLedgers())
	saveObjects(sv, recordHostVolumes, s.HostVolumes(nl.AllNamespaces))
	saveObjects(sv, recordHostVolumeClaims, s.HostVolumeClaims(nl.AllNamespaces))
	saveObjects(sv, recordCSIVolumes, s.CSIVolumes(nl.AllNamespaces, ""))
}

// saveObjects writes objects, many to a record.
func saveObjects[T any](sv *saver, kind recordKind, objects func(func(T) bool)) {
	records := batch{kind: kind}
	for v := range objects {
		sv.put(&records, v)
	}
	sv.flush(&records)
}

func (sv *saver) jobRow(row *jobRow) *jobRowForm {
	form := &jobRowForm{
		Key: row.key, Deleted: row.job == nil, Summary: row.summary, Submissions: row.submissions,
		Events: row.events, Launch: row.launch,
	}
	for _, v := range row.versions {
		form.Versions = append(form.Versions, sv.job(v))
	}
	for child := range row.children.All() {
		form.Children = append(form.Children, string(child))
	}
	for l := range row.tokens.All() {
		form.Tokens = append(form.Tokens, [2]string{l.key, l.to})
	}
	return form
}
