package store

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/quota"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// Errors of Restore say that what was read is no saved state; nothing of it
// is used then.
var (
	errSaveJob     = errors.New("a record refers to a job that is not there; the file is damaged")
	errSaveNothing = errors.New("a record holds nothing where an object should be; the file is damaged")
	errSaveMeta    = errors.New("its first record is missing; the file is damaged")
)

// Restore reads what Save wrote, on all processors.
func Restore(r io.Reader) (*Snapshot, error) {
	rs := &restorer{s: &Snapshot{}, owner: new(cow.Owner)}
	if err := rs.all(newRecordReader(r)); err != nil {
		return nil, fmt.Errorf("restoring a saved state: %w", err)
	}
	return rs.s, nil
}

type restorer struct {
	s      *Snapshot
	owner  *cow.Owner
	jobs   []*nl.Job // by number, less one
	texts  wire.TextPool
	placed placedAllocs
}

// restoreAhead is how many records for each processor are read before the first
// of them is stored: with two, none waits for the reader.
const restoreAhead = 2

func (rs *restorer) all(in *recordReader) error {
	if err := in.head(); err != nil {
		return err
	}
	goroutines := restoreAhead * runtime.GOMAXPROCS(0)
	unpacker, err := newUnpacker(goroutines)
	if err != nil {
		return err
	}
	defer unpacker.Close()
	// Records are decoded beside each other and stored in their order.
	decode := lane[func() error]{width: goroutines, take: func(store func() error) error { return store() }}
	defer decode.abandon()
	var records sync.Pool // of *recordIn
	for {
		record, _ := records.Get().(*recordIn)
		if record == nil {
			record = new(recordIn)
		}
		err := in.next(record)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = decode.add(func() (func() error, error) {
				defer records.Put(record) // nothing that is decoded refers to its bytes
				content, err := record.unpack(unpacker)
				if err != nil {
					return nil, err
				}
				return rs.read(record.kind, content)
			})
		}
		if err != nil {
			return err
		}
	}
	if err := decode.finish(); err != nil {
		return err
	}
	if rs.s.scheduler == nil || rs.s.autopilot == nil {
		return errSaveMeta
	}
	if err := rs.index(); err != nil {
		return err
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

// read decodes a record and returns what stores it. It runs beside others and
// touches nothing of the restorer; what it returns does.
func (rs *restorer) read(kind recordKind, body []byte) (func() error, error) {
	s, o := rs.s, rs.owner
	switch kind {
	case recordMeta:
		return one(body, rs.meta)
	case recordJobs:
		return each(body, func(j *nl.Job) { rs.jobs = append(rs.jobs, j) })
	case recordJobRows:
		return eachOr(body, rs.jobRow)
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
func one[T any](body []byte, store func(*T)) (func() error, error) {
	v := new(T)
	err := wire.Decode(body, v)
	return func() error {
		store(v)
		return nil
	}, err
}

// each decodes the objects of a record.
func each[T any](body []byte, store func(*T)) (func() error, error) {
	return eachOr(body, func(v *T) error {
		store(v)
		return nil
	})
}

// eachOr is each for what may be refused.
func eachOr[T any](body []byte, store func(*T) error) (func() error, error) {
	var list []*T
	if err := wire.Decode(body, &list); err != nil {
		return nil, err
	}
	if slices.Contains(list, nil) {
		return nil, errSaveNothing
	}
	return func() error {
		for _, v := range list {
			if err := store(v); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func (rs *restorer) meta(form *metaForm) {
	rs.s.index = form.Index
	copy(rs.s.indexes[:], form.Indexes)
	rs.s.scheduler, rs.s.autopilot, rs.s.cluster = form.Scheduler, form.Autopilot, form.Cluster
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
