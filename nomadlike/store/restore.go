package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/quota"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// Errors of Restore say that what was read is no saved state; nothing of it
// is used then.
var (
	errSaveFormat   = errors.New("it does not begin as a saved state of a known version; it may come from a newer version or be another file")
	errSaveChecksum = errors.New("its checksum does not match its content; the file is damaged")
	errSaveRecord   = errors.New("a record is longer than any that is written; the file is damaged")
	errSaveJob      = errors.New("a record refers to a job that is not there; the file is damaged")
	errSaveNothing  = errors.New("a record holds nothing where an object should be; the file is damaged")
	errSaveMeta     = errors.New("its first record is missing; the file is damaged")
)

// Restore reads what Save wrote.
func Restore(r io.Reader) (*Snapshot, error) {
	rs := &restorer{in: bufio.NewReaderSize(r, 1<<20), sum: sha256.New(), s: &Snapshot{}, owner: new(cow.Owner)}
	if err := rs.all(); err != nil {
		return nil, fmt.Errorf("restoring a saved state: %w", err)
	}
	return rs.s, nil
}

// restoreAhead is how many records may be in decoding while an earlier one is
// stored: enough to keep several processors busy.
const restoreAhead = 8

type restorer struct {
	in    *bufio.Reader
	sum   hash.Hash
	s     *Snapshot
	owner *cow.Owner
	jobs  []*nl.Job   // by number, less one
	ahead []*decoding // in the order of the records
}

// decoding is a record on its way: decoded in a goroutine of its own, stored
// in the order of the records by the one that reads.
type decoding struct {
	done  chan struct{}
	store func() error
	err   error
}

func (rs *restorer) all() error {
	defer rs.abandon()
	head := make([]byte, len(saveFormat))
	if _, err := io.ReadFull(rs.in, head); err != nil || string(head) != saveFormat {
		return errSaveFormat
	}
	rs.sum.Write(head)
	for {
		kind, body, sum, err := rs.record()
		if err != nil {
			return err
		}
		if kind == recordEnd {
			if !bytes.Equal(sum, body) {
				return errSaveChecksum
			}
			break
		}
		rs.decode(kind, body)
		if len(rs.ahead) == restoreAhead {
			if err := rs.storeNext(); err != nil {
				return err
			}
		}
	}
	for len(rs.ahead) > 0 {
		if err := rs.storeNext(); err != nil {
			return err
		}
	}
	if rs.s.scheduler == nil || rs.s.autopilot == nil {
		return errSaveMeta
	}
	rs.ledgers()
	rs.capacity()
	return nil
}

// capacity builds the index of what is left on nodes, once it is known what is
// on each.
func (rs *restorer) capacity() {
	for n := range rs.s.Nodes() {
		rs.s.capacity.Set(rs.owner, n, rs.s.NodeUsage(n.ID))
	}
	rs.s.capacity.Settle(rs.owner)
}

func (rs *restorer) decode(kind recordKind, body []byte) {
	d := &decoding{done: make(chan struct{})}
	rs.ahead = append(rs.ahead, d)
	go func() {
		defer close(d.done)
		d.store, d.err = rs.read(kind, body)
	}()
}

func (rs *restorer) storeNext() error {
	d := rs.ahead[0]
	rs.ahead = rs.ahead[1:]
	<-d.done
	if d.err != nil {
		return d.err
	}
	return d.store()
}

// abandon waits for what is still in decoding after an error.
func (rs *restorer) abandon() {
	for _, d := range rs.ahead {
		<-d.done
	}
}

// record reads one record, and the checksum of all before it.
func (rs *restorer) record() (kind recordKind, body, sum []byte, err error) {
	first, err := rs.in.ReadByte()
	if err != nil {
		return 0, nil, nil, fmt.Errorf("reading the next record: %w", ended(err))
	}
	length, err := binary.ReadUvarint(rs.in)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("reading the length of a record: %w", ended(err))
	}
	if length > recordBytesMax {
		return 0, nil, nil, errSaveRecord
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, rs.in, int64(length)); err != nil {
		return 0, nil, nil, fmt.Errorf("reading a record of %d bytes: %w", length, ended(err))
	}
	kind = recordKind(first)
	if kind == recordEnd {
		sum = rs.sum.Sum(nil)
	}
	rs.sum.Write(binary.AppendUvarint([]byte{first}, length))
	rs.sum.Write(b.Bytes())
	return kind, b.Bytes(), sum, nil
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// read decodes a record and returns what stores it. It runs beside others and
// touches nothing of the restorer; what it returns does.
func (rs *restorer) read(kind recordKind, body []byte) (func() error, error) {
	s, o := rs.s, rs.owner
	switch kind {
	case recordMeta:
		return one(body, rs.meta)
	case recordJob:
		return one(body, func(j *nl.Job) error {
			rs.jobs = append(rs.jobs, j)
			return nil
		})
	case recordJobRow:
		return one(body, rs.jobRow)
	case recordAllocs:
		return rs.allocs(body)
	case recordEvals:
		return each(body, rs.eval)
	case recordDeployments:
		return each(body, rs.deployment)
	case recordNodes:
		return each(body, func(n *nl.Node) {
			s.nodes.Set(o, nodeRow{n})
			if n.SecretID != "" {
				s.nodeSecrets.Set(o, link{key: n.SecretID, to: n.ID})
			}
		})
	case recordNamespaces:
		return each(body, func(n *nl.Namespace) { s.namespaces.Set(o, namespaceRow{n}) })
	case recordNodePools:
		return each(body, func(p *nl.NodePool) { s.nodePools.Set(o, nodePoolRow{p}) })
	case recordServices:
		return each(body, func(r *nl.ServiceRegistration) {
			id, name, alloc := serviceKeys(r)
			s.services.Set(o, serviceRow{id, r})
			s.servicesByName.Set(o, serviceRow{name, r})
			s.servicesByAlloc.Set(o, serviceRow{alloc, r})
		})
	case recordPolicies:
		return each(body, func(p *policyForm) {
			s.policies.Set(o, policyRow{p.Key, &p.Policy})
			s.policyID.Set(o, policyRow{p.Policy.ID, &p.Policy})
		})
	case recordRootKeys:
		return each(body, func(k *rootKeyForm) { s.rootKeys.Set(o, rootKeyRow{k.key()}) })
	}
	return rs.readMore(kind, body)
}

// readMore is read for the kinds that came later.
func (rs *restorer) readMore(kind recordKind, body []byte) (func() error, error) {
	s, o := rs.s, rs.owner
	switch kind {
	case recordVariables:
		return each(body, func(v *nl.Variable) { s.putVariable(o, v) })
	case recordQuotas:
		return each(body, func(q *nl.QuotaSpec) { s.quotas.Set(o, quotaRow{q}) })
	case recordLedgers:
		return each(body, func(l *quota.Ledger) { s.ledgers.Set(o, &ledgerRow{o, l}) })
	case recordHostVolumes:
		return each(body, func(v *nl.HostVolume) { s.putHostVolume(o, v) })
	case recordHostVolumeClaims:
		return each(body, func(c *nl.TaskGroupHostVolumeClaim) { s.hostVolumeClaims.Set(o, hostClaimRow{claimKey(c), c}) })
	case recordCSIVolumes:
		return each(body, func(v *nl.CSIVolume) { s.csiVolumes.Set(o, csiVolumeRow{v}) })
	}
	return nil, fmt.Errorf("a record is of kind %d, which this version does not know", kind)
}

// one decodes the object of a record.
func one[T any](body []byte, store func(*T) error) (func() error, error) {
	v := new(T)
	err := wire.Decode(body, v)
	return func() error { return store(v) }, err
}

// each decodes the objects of a record.
func each[T any](body []byte, store func(*T)) (func() error, error) {
	var list []*T
	if err := wire.Decode(body, &list); err != nil {
		return nil, err
	}
	for _, v := range list {
		if v == nil {
			return nil, errSaveNothing
		}
	}
	return func() error {
		for _, v := range list {
			store(v)
		}
		return nil
	}, nil
}

func (rs *restorer) meta(form *metaForm) error {
	rs.s.index = form.Index
	copy(rs.s.indexes[:], form.Indexes)
	rs.s.scheduler, rs.s.autopilot, rs.s.cluster = form.Scheduler, form.Autopilot, form.Cluster
	return nil
}

// job is the job of that number; 0 is none.
func (rs *restorer) job(number uint64) (*nl.Job, error) {
	if number == 0 {
		return nil, nil
	}
	if number > uint64(len(rs.jobs)) {
		return nil, errSaveJob
	}
	return rs.jobs[number-1], nil
}

func (rs *restorer) jobRow(form *jobRowForm) error {
	row := rs.row(splitJobKey(form.Key))
	for _, number := range form.Versions {
		j, err := rs.job(number)
		if err != nil {
			return err
		}
		row.versions = append(row.versions, j)
	}
	if !form.Deleted && len(row.versions) > 0 {
		row.job = row.versions[0]
	}
	row.summary, row.submissions, row.events, row.launch = form.Summary, form.Submissions, form.Events, form.Launch
	for _, child := range form.Children {
		row.children.Set(rs.owner, name(child))
	}
	for _, l := range form.Tokens {
		row.tokens.Set(rs.owner, link{key: l[0], to: l[1]})
	}
	return nil
}

// row is the row of a job, made when it is not there yet.
func (rs *restorer) row(namespace, id string) *jobRow {
	if row := rs.s.jobRowOf(namespace, id); row != nil {
		return row
	}
	row := &jobRow{owner: rs.owner, key: JobKey(namespace, id)}
	rs.s.jobs.Set(rs.owner, row)
	return row
}

func (rs *restorer) allocs(body []byte) (func() error, error) {
	var form allocsForm
	if err := wire.Decode(body, &form); err != nil {
		return nil, err
	}
	list, err := wire.DecodeAllocs(form.Allocs)
	if err != nil {
		return nil, err
	}
	if len(list) != len(form.Jobs) {
		return nil, errSaveJob
	}
	return func() error {
		// The transaction's functions keep the indexes; the restored snapshot is
		// the one it works on.
		t := &tx{Snapshot: rs.s, owner: rs.owner}
		for i, a := range list {
			var err error
			if a.Job, err = rs.job(form.Jobs[i]); err != nil {
				return err
			}
			t.insertAlloc(a)
		}
		return nil
	}, nil
}

// insertAlloc stores a restored allocation, from which nothing is derived but
// indexes.
func (t *tx) insertAlloc(a *nl.Alloc) {
	a.DesiredStatus, a.ClientStatus = constant(a.DesiredStatus), constant(a.ClientStatus)
	a.ClientDescription = constant(a.ClientDescription)
	t.shareStrings(a, t.Node(a.NodeID))
	row := t.jobRow(a.Namespace, a.JobID)
	t.allocs.Set(t.owner, allocRow{a})
	row.allocs.Set(t.owner, allocRow{a})
	if !a.Terminal() {
		row.liveAllocs++
	}
	t.onNode(nil, a)
	t.evalAllocs(a.EvalID).ids.Set(t.owner, name(a.ID))
	t.allocsCreated.SetRanked(t.owner, a.CreateIndex, name(a.ID))
}

func (rs *restorer) eval(e *nl.Eval) {
	rs.s.evals.Set(rs.owner, evalRow{e})
	rs.s.evalsCreated.SetRanked(rs.owner, e.CreateIndex, name(e.ID))
	row := rs.row(e.Namespace, e.JobID)
	row.evals.Set(rs.owner, evalRow{e})
	if !e.Terminal() {
		row.liveEvals++
	}
}

func (rs *restorer) deployment(d *nl.Deployment) {
	rs.s.deployments.Set(rs.owner, deploymentRow{d})
	rs.s.deploymentsCreated.SetRanked(rs.owner, d.CreateIndex, name(d.ID))
	row := rs.row(d.Namespace, d.JobID)
	row.deployments.SetRanked(rs.owner, d.CreateIndex, name(d.ID))
	if d.Active() {
		row.activeDeployments++
	}
}
