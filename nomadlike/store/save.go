package store

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// A saved snapshot is a line that names the format, then records, each a kind
// byte, the length of its body and the body, and at the end a record with the
// SHA-256 of all bytes before it. Indexes and whatever else can be derived are
// not written. A job is written once for all allocations that share it, before
// the first record that refers to it, and is referred to by the order of
// writing, from 1.
const saveFormat = "nomadlike state 1\n"

type recordKind byte

const (
	recordMeta recordKind = iota + 1
	recordJob
	recordJobRow
	recordAllocs
	recordEvals
	recordDeployments
	recordNodes
	recordNamespaces
	recordNodePools
	recordServices
	recordPolicies
	recordRootKeys
	recordEnd
	recordVariables
	recordQuotas
	recordLedgers
	recordHostVolumes
	recordHostVolumeClaims
	recordCSIVolumes
)

const (
	// objectsPerRecord is how many objects a record holds: enough that what
	// repeats among them is written once, few enough to bound memory.
	objectsPerRecord = 512
	// recordBytesMax bounds what Restore reads at once.
	recordBytesMax = 1 << 30
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

// allocsForm is a record of allocations with the numbers of their jobs.
type allocsForm struct {
	Jobs   []uint64
	Allocs []byte
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

// Save writes the snapshot. It may take its time: the snapshot never changes.
func (s *Snapshot) Save(w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	sv := &saver{out: buffered, sum: sha256.New(), jobs: map[*nl.Job]uint64{}}
	sv.write([]byte(saveFormat))
	sv.all(s)
	sum := sv.sum.Sum(nil)
	sv.record(recordEnd, sum)
	if sv.err == nil {
		sv.err = buffered.Flush()
	}
	if sv.err != nil {
		return fmt.Errorf("saving the state at index %d: %w", s.index, sv.err)
	}
	return nil
}

// Fingerprint is a hash over the whole state: equal on every server at the
// same index.
func (s *Snapshot) Fingerprint() string {
	sv := &saver{out: io.Discard, sum: sha256.New(), jobs: map[*nl.Job]uint64{}}
	sv.all(s)
	if sv.err != nil {
		return "unknown: " + sv.err.Error()
	}
	return hex.EncodeToString(sv.sum.Sum(nil))
}

type saver struct {
	out  io.Writer
	sum  hash.Hash
	jobs map[*nl.Job]uint64 // numbers of the jobs written
	err  error              // the first; nothing is written after it
}

func (sv *saver) write(b []byte) {
	if sv.err != nil {
		return
	}
	sv.sum.Write(b)
	_, sv.err = sv.out.Write(b)
}

func (sv *saver) record(kind recordKind, body []byte) {
	head := binary.AppendUvarint([]byte{byte(kind)}, uint64(len(body)))
	sv.write(head)
	sv.write(body)
}

func (sv *saver) object(kind recordKind, v any) {
	if sv.err != nil {
		return
	}
	b, err := wire.Encode(v)
	if err != nil {
		sv.err = err
		return
	}
	sv.record(kind, b)
}

// job writes a job unless it is written already, and returns its number.
func (sv *saver) job(j *nl.Job) uint64 {
	if j == nil {
		return 0
	}
	if n, found := sv.jobs[j]; found {
		return n
	}
	n := uint64(len(sv.jobs) + 1)
	sv.jobs[j] = n
	sv.object(recordJob, j)
	return n
}

func (sv *saver) all(s *Snapshot) {
	sv.object(recordMeta, &metaForm{
		Index: s.index, Indexes: s.indexes[:], Scheduler: s.scheduler, Autopilot: s.autopilot, Cluster: s.cluster,
	})
	for row := range s.jobs.All() {
		sv.jobRow(row)
	}
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
	var list []T
	for v := range objects {
		if list = append(list, v); len(list) == objectsPerRecord {
			sv.object(kind, list)
			list = list[:0]
		}
	}
	if len(list) > 0 {
		sv.object(kind, list)
	}
}

func (sv *saver) jobRow(row *jobRow) {
	form := jobRowForm{
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
	sv.object(recordJobRow, &form)
}

func (sv *saver) allocs(s *Snapshot) {
	var list []*nl.Alloc
	flush := func() {
		if len(list) == 0 || sv.err != nil {
			return
		}
		form := allocsForm{Jobs: make([]uint64, len(list))}
		for i, a := range list {
			form.Jobs[i] = sv.job(a.Job)
		}
		if form.Allocs, sv.err = wire.EncodeAllocs(list); sv.err == nil {
			sv.object(recordAllocs, &form)
		}
		list = list[:0]
	}
	for r := range s.allocs.All() {
		if list = append(list, r.Alloc); len(list) == objectsPerRecord {
			flush()
		}
	}
	flush()
}
