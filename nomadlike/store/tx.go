package store

import (
	"fmt"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

// tx is one write being applied: the next snapshot under construction and what
// has changed in it.
type tx struct {
	*Snapshot // becomes the next snapshot
	owner     *cow.Owner
	changes   []Change
	changed   map[changeKey]int // position in changes, but for allocations
	// changedAllocs are the positions of allocations by ID, nil until one is
	// changed twice or deleted: most writes change thousands of them once.
	changedAllocs map[string]int

	row         *jobRow // the last one used: most writes concern one job
	touched     []*jobRow
	touchedRows map[*jobRow]*touch
	touchedRow  *jobRow // the last one touched
	lastTouch   *touch
	deployment  map[string]*nl.Deployment // owned by this transaction, by ID
	filled      []*nodeAllocs             // of nodes whose use has changed
	renewed     []string                  // IDs of nodes that have changed themselves
	takes       fit.Takes
	found       *nl.Alloc // the last one that was looked up or stored
	foundNumber uint64
}

type changeKey struct {
	table          Table
	namespace, key string
}

// touch is what the status of a job must know of the write.
type touch struct {
	collected bool   // evaluations of the job were collected
	status    string // before the write; "": there was no job
	parent    string // of the job before the write
}

// Apply is the pure form of Store.Apply. It returns the next state, what
// changed, and the result of the op, if its kind has one. When it returns an
// error, the write is refused and next is s with only the index advanced.
func Apply(s *Snapshot, index uint64, o op.Op) (next *Snapshot, changes []Change, result any, err error) {
	copied := *s
	copied.index = index
	t := &tx{
		Snapshot:    &copied,
		owner:       new(cow.Owner),
		changed:     map[changeKey]int{},
		touchedRows: map[*jobRow]*touch{},
		deployment:  map[string]*nl.Deployment{},
	}
	if err = check(o); err == nil {
		t.changes = slices.Grow(t.changes, allocsIn(o))
		result, err = t.apply(o)
	}
	if err != nil {
		refused := *s
		refused.index = index
		return &refused, nil, nil, err
	}
	t.deriveStatuses()
	t.deriveCapacity()
	return t.Snapshot, t.changes, result, nil
}

// allocsIn is how many allocations the writes change that change thousands.
func allocsIn(o op.Op) (n int) {
	switch o := o.(type) {
	case *op.ApplyPlans:
		for _, p := range o.Plans {
			n += len(p.Place) + len(p.Stop) + len(p.Preempt)
		}
	case *op.UpdateAllocs:
		n = len(o.Updates)
	case *op.Batch:
		for _, one := range o.Ops {
			n += allocsIn(one)
		}
	}
	return n
}

func (t *tx) apply(o op.Op) (any, error) {
	switch o := o.(type) {
	case *op.RegisterJob:
		return t.registerJob(o)
	case *op.DeregisterJob:
		return t.deregisterJob(o)
	case *op.ScaleJob:
		return t.scaleJob(o)
	case *op.SetJobStability:
		return nil, t.setJobStability(o)
	case *op.TagJobVersion:
		return nil, t.tagJobVersion(o)
	case *op.RecordPeriodicLaunch:
		t.recordLaunch(o.Namespace, o.ID, o.Launch)
		return nil, nil
	case *op.UpsertEvals:
		t.upsertEvals(o.Evals)
		return nil, nil
	case *op.ApplyPlans:
		t.applyPlans(o)
		return nil, nil
	case *op.UpdateAllocs:
		t.updateAllocs(o)
		return nil, nil
	case *op.TransitionAllocs:
		t.transitionAllocs(o)
		return nil, nil
	case *op.UpdateDeployment:
		return nil, t.updateDeployment(o)
	case *op.PromoteDeployment:
		return nil, t.promoteDeployment(o)
	case *op.SetAllocHealth:
		return nil, t.setAllocHealth(o)
	case *op.Collect:
		t.collect(o)
		return nil, nil
	case *op.ReconcileSummaries:
		t.reconcileSummaries()
		return nil, nil
	case *op.Batch:
		return t.applyBatch(o)
	}
	return t.applyNode(o)
}

// applyNode applies the ops about nodes and the cluster.
func (t *tx) applyNode(o op.Op) (any, error) {
	switch o := o.(type) {
	case *op.RegisterNode:
		return nil, t.registerNode(o)
	case *op.SetNodeStatus:
		return nil, t.setNodeStatus(o)
	case *op.SetNodeDrain:
		return nil, t.setNodeDrain(o)
	case *op.SetNodeEligibility:
		return nil, t.setNodeEligibility(o)
	case *op.AddNodeEvents:
		t.addNodeEvents(o)
		return nil, nil
	case *op.DeregisterNodes:
		return nil, t.deregisterNodes(o)
	case *op.UpsertNamespaces:
		return nil, t.upsertNamespaces(o)
	case *op.DeleteNamespaces:
		return nil, t.deleteNamespaces(o)
	case *op.UpsertNodePools:
		return nil, t.upsertNodePools(o)
	case *op.DeleteNodePools:
		return nil, t.deleteNodePools(o)
	case *op.UpsertServices:
		t.upsertServices(o)
		return nil, nil
	case *op.DeleteServices:
		t.deleteServices(o)
		return nil, nil
	case *op.SetSchedulerConfig:
		return t.setSchedulerConfig(o), nil
	case *op.SetAutopilotConfig:
		return t.setAutopilotConfig(o), nil
	case *op.UpsertRootKey:
		t.upsertRootKey(o)
		return nil, nil
	case *op.DeleteRootKey:
		return nil, t.deleteRootKey(o)
	case *op.SetClusterID:
		t.setClusterID(o)
		return nil, nil
	case *op.ApplyVariable:
		return t.applyVariable(o)
	case *op.UpsertQuotas:
		t.upsertQuotas(o)
		return nil, nil
	case *op.DeleteQuotas:
		return nil, t.deleteQuotas(o)
	case *op.RekeyVariables:
		t.rekeyVariables(o)
		return nil, nil
	}
	return t.applyVolume(o)
}

// applyVolume applies the ops about volumes, and knows what no op is.
func (t *tx) applyVolume(o op.Op) (any, error) {
	switch o := o.(type) {
	case *op.UpsertHostVolumes:
		return nil, t.upsertHostVolumes(o)
	case *op.DeleteHostVolume:
		return nil, t.deleteHostVolume(o)
	case *op.DeleteHostVolumeClaim:
		return nil, t.deleteHostVolumeClaim(o)
	case *op.UpsertCSIVolumes:
		return nil, t.upsertCSIVolumes(o)
	case *op.DeregisterCSIVolume:
		return nil, t.deregisterCSIVolume(o)
	case *op.ReleaseCSIVolume:
		return nil, t.releaseCSIVolume(o)
	}
	return nil, fmt.Errorf("applying a write: the store does not know %T", o)
}

// applyBatch applies all or, when one is refused, none.
func (t *tx) applyBatch(b *op.Batch) (any, error) {
	results := make([]any, len(b.Ops))
	for i, o := range b.Ops {
		var err error
		if results[i], err = t.apply(o); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// change notes that an object was created, changed or deleted.
func change[T any](t *tx, table Table, namespace, key string, before, after *T) {
	t.indexes[table] = t.index
	id := changeKey{table, namespace, key}
	if at, found := t.changed[id]; found && table != TableJobVersions {
		t.changes[at].After = orNil(after)
		return
	}
	t.changed[id] = len(t.changes)
	t.changes = append(t.changes, Change{table, namespace, key, orNil(before), orNil(after)})
}

// changeAlloc notes that a was created, changed or deleted.
func (t *tx) changeAlloc(a, before, after *nl.Alloc) {
	t.indexes[TableAllocs] = t.index
	if t.changedAllocs == nil && (after == nil || before != nil && before.ModifyIndex == t.index) {
		t.changedAllocs = map[string]int{}
		for i := range t.changes {
			if t.changes[i].Table == TableAllocs {
				t.changedAllocs[t.changes[i].Key] = i
			}
		}
	}
	if t.changedAllocs != nil {
		if at, found := t.changedAllocs[a.ID]; found {
			t.changes[at].After = orNil(after)
			return
		}
		t.changedAllocs[a.ID] = len(t.changes)
	}
	t.changes = append(t.changes, Change{TableAllocs, a.Namespace, a.ID, orNil(before), orNil(after)})
}

// orNil keeps a nil pointer from becoming a non-nil interface.
func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

// jobRow is the row of a job, owned by the transaction; it is made when there
// is none yet.
func (t *tx) jobRow(namespace, id string) *jobRow {
	if r := t.row; r != nil && len(r.key) == len(namespace)+1+len(id) &&
		r.key[:len(namespace)] == namespace && r.key[len(namespace)+1:] == id {
		return r
	}
	key := JobKey(namespace, id)
	row, _ := t.jobs.Get(key)
	switch {
	case row == nil:
		row = &jobRow{owner: t.owner, key: key}
		t.jobs.Set(t.owner, row)
	case row.owner != t.owner:
		owned := *row
		owned.owner = t.owner
		row = &owned
		t.jobs.Set(t.owner, row)
	}
	t.row = row
	return row
}

// touch makes the status of the job be derived at the end of the write. It is
// called before the job itself is changed.
func (t *tx) touch(row *jobRow) *touch {
	if t.touchedRow == row {
		return t.lastTouch
	}
	t.touchedRow, t.lastTouch = row, t.touchOf(row)
	return t.lastTouch
}

func (t *tx) touchOf(row *jobRow) *touch {
	if seen := t.touchedRows[row]; seen != nil {
		return seen
	}
	seen := &touch{}
	if row.job != nil {
		seen.status, seen.parent = row.job.Status, row.job.ParentID
	}
	t.touchedRows[row] = seen
	t.touched = append(t.touched, row)
	return seen
}
