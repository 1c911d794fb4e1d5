// Package state is the node's own record, in one bbolt file: which allocations
// it was given, how far their tasks have got, and how to find task and plugin
// processes again. The client writes it while it works and reads it once, at
// start. It holds no secrets of tasks and never talks to servers.
//
// Writes are queued and committed together by one goroutine: a task's start
// costs part of one commit, not several of its own.
package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
	"github.com/nomadlike/nomadlike/plugins/base"
)

const (
	fileName = "state.db"
	// lockTimeout is how long an agent that is just ending may hold the file.
	lockTimeout = 5 * time.Second
)

// Buckets of the file.
const (
	bucketAllocs  = "allocs"  // allocation ID -> AllocRecord
	bucketJobs    = "jobs"    // JobKey -> nl.Job
	bucketTasks   = "tasks"   // allocation ID / task -> TaskRecord
	bucketPlugins = "plugins" // driver name -> base.ReattachRecord
	bucketNode    = "node"    // nodeMeta -> NodeRecord
	bucketVolumes = "volumes" // volume ID -> nl.HostVolume
	keyMeta       = "meta"
)

func buckets() []string {
	return []string{bucketAllocs, bucketJobs, bucketTasks, bucketPlugins, bucketNode, bucketVolumes}
}

// AllocRecord is what is kept of an allocation.
type AllocRecord struct {
	Alloc *nl.Alloc // without its job
	// Health is the verdict of the health tracker, nil before there is one.
	Health *bool `cbor:",omitempty"`
	// Began is when the first task could start: the run duration counts from
	// there.
	Began time.Time
}

// TaskRecord is what is kept of a task.
type TaskRecord struct {
	State *nl.TaskState
	// RunID names the run at the driver. It is written before the start, so
	// that a run whose handle was lost can still be ended.
	RunID string `cbor:",omitempty"`
	// Handle is the driver's, verbatim.
	Handle []byte `cbor:",omitempty"`
	// Network is the driver's word on the task's address.
	Network *DriverNetwork `cbor:",omitempty"`
	// Done are the preparation steps that are not repeated.
	Done       map[string]bool `cbor:",omitempty"`
	Tries      int             `cbor:",omitempty"`
	TriesStart time.Time
}

// DriverNetwork is kept for the environment and services of a restored task.
type DriverNetwork struct {
	IP            string
	PortMap       map[string]int `cbor:",omitempty"`
	AutoAdvertise bool           `cbor:",omitempty"`
}

// NodeRecord is what is kept of the node itself.
type NodeRecord struct {
	Meta map[string]*string // dynamic metadata; nil hides a static key
}

// JobKey names a version of a job.
func JobKey(namespace, id string, version uint64) string {
	return fmt.Sprintf("%s\x00%s\x00%d", namespace, id, version)
}

// DB is the record. Put and Delete return at once; Sync waits.
type DB struct {
	db *bolt.DB

	mu      sync.Mutex
	pending map[string]map[string][]byte // bucket, key; nil deletes
	waiters []chan error
	wake    chan struct{}
}

// Open opens the file in dir and makes it when it is missing.
func Open(dir string) (*DB, error) {
	path := filepath.Join(dir, fileName)
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType, NoFreelistSync: true})
	if err != nil {
		return nil, fmt.Errorf("opening the client's record %s: %w; another agent may be using the directory", path, err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range buckets() {
			if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preparing the client's record %s: %w", path, err), db.Close())
	}
	return &DB{db: db, pending: map[string]map[string][]byte{}, wake: make(chan struct{}, 1)}, nil
}

// Run commits what is queued until ctx ends, then commits the rest and closes
// the file.
func (d *DB) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			err := d.flush()
			return errors.Join(err, d.db.Close())
		case <-d.wake:
			if err := d.flush(); err != nil {
				return errors.Join(err, d.db.Close())
			}
		}
	}
}

// flush commits everything queued so far in one transaction.
func (d *DB) flush() error {
	d.mu.Lock()
	pending, waiters := d.pending, d.waiters
	d.pending, d.waiters = map[string]map[string][]byte{}, nil
	d.mu.Unlock()
	var err error
	if len(pending) > 0 {
		err = d.db.Update(func(tx *bolt.Tx) error {
			for bucket, entries := range pending {
				if err := write(tx.Bucket([]byte(bucket)), entries); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		err = fmt.Errorf("writing the client's record: %w", err)
	}
	for _, w := range waiters {
		w <- err
	}
	return err
}

func write(b *bolt.Bucket, entries map[string][]byte) error {
	for k, v := range entries {
		var err error
		if v == nil {
			err = b.Delete([]byte(k))
		} else {
			err = b.Put([]byte(k), v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *DB) queue(bucket, key string, value []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending[bucket] == nil {
		d.pending[bucket] = map[string][]byte{}
	}
	d.pending[bucket][key] = value
	d.kick()
}

func (d *DB) kick() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Sync waits until everything queued before is on disk.
func (d *DB) Sync(ctx context.Context) error {
	done := make(chan error, 1)
	d.mu.Lock()
	d.waiters = append(d.waiters, done)
	d.kick()
	d.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *DB) put(bucket, key string, v any) error {
	raw, err := wire.Encode(v)
	if err != nil {
		return fmt.Errorf("encoding %s %q for the client's record: %w", bucket, key, err)
	}
	d.queue(bucket, key, raw)
	return nil
}

// PutAlloc records an allocation; its job is recorded by PutJob.
func (d *DB) PutAlloc(r *AllocRecord) error { return d.put(bucketAllocs, r.Alloc.ID, r) }

// DeleteAlloc forgets an allocation and its tasks.
func (d *DB) DeleteAlloc(id string, tasks []string) {
	d.queue(bucketAllocs, id, nil)
	for _, t := range tasks {
		d.queue(bucketTasks, id+"/"+t, nil)
	}
}

// PutJob records a version of a job.
func (d *DB) PutJob(j *nl.Job) error {
	return d.put(bucketJobs, JobKey(j.Namespace, j.ID, j.Version), j)
}

// DeleteJob forgets a version of a job, by JobKey.
func (d *DB) DeleteJob(key string) { d.queue(bucketJobs, key, nil) }

// PutTask records how far a task has got.
func (d *DB) PutTask(allocID, task string, r *TaskRecord) error {
	return d.put(bucketTasks, allocID+"/"+task, r)
}

// PutPlugin records how to reattach a plugin.
func (d *DB) PutPlugin(name string, r base.ReattachRecord) error {
	return d.put(bucketPlugins, name, r)
}

// DeletePlugin forgets a plugin.
func (d *DB) DeletePlugin(name string) { d.queue(bucketPlugins, name, nil) }

// PutNode records what was set on the node while it ran.
func (d *DB) PutNode(r *NodeRecord) error { return d.put(bucketNode, keyMeta, r) }

// PutVolume records a dynamic host volume.
func (d *DB) PutVolume(v *nl.HostVolume) error { return d.put(bucketVolumes, v.ID, v) }

// DeleteVolume forgets a dynamic host volume.
func (d *DB) DeleteVolume(id string) error {
	d.queue(bucketVolumes, id, nil)
	return nil
}

// Saved is everything that was recorded.
type Saved struct {
	Allocs  []*AllocRecord // by allocation ID, with their jobs
	Tasks   map[string]map[string]*TaskRecord
	Jobs    map[string]*nl.Job
	Plugins map[string]base.ReattachRecord
	Node    NodeRecord
	Volumes []*nl.HostVolume // dynamic ones, by ID
}

// Load reads everything. Allocations whose job is not on record are left out.
func (d *DB) Load() (*Saved, error) {
	s := &Saved{
		Tasks: map[string]map[string]*TaskRecord{}, Jobs: map[string]*nl.Job{},
		Plugins: map[string]base.ReattachRecord{},
	}
	err := d.db.View(func(tx *bolt.Tx) error {
		return errors.Join(
			each(tx, bucketJobs, func(k string, j *nl.Job) { s.Jobs[k] = j }),
			each(tx, bucketAllocs, func(_ string, r *AllocRecord) { s.attach(r) }),
			each(tx, bucketTasks, s.addTask),
			each(tx, bucketPlugins, func(k string, r *base.ReattachRecord) { s.Plugins[k] = *r }),
			each(tx, bucketNode, func(_ string, r *NodeRecord) { s.Node = *r }),
			each(tx, bucketVolumes, func(_ string, v *nl.HostVolume) { s.Volumes = append(s.Volumes, v) }),
		)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the client's record: %w", err)
	}
	return s, nil
}

func (s *Saved) attach(r *AllocRecord) {
	a := r.Alloc
	if a == nil {
		return
	}
	if a.Job = s.Jobs[JobKey(a.Namespace, a.JobID, a.JobVersion)]; a.Job != nil {
		s.Allocs = append(s.Allocs, r)
	}
}

func (s *Saved) addTask(key string, r *TaskRecord) {
	allocID, name, ok := bytes.Cut([]byte(key), []byte("/"))
	if !ok {
		return
	}
	if s.Tasks[string(allocID)] == nil {
		s.Tasks[string(allocID)] = map[string]*TaskRecord{}
	}
	s.Tasks[string(allocID)][string(name)] = r
}

func each[T any](tx *bolt.Tx, bucket string, f func(key string, v *T)) error {
	return tx.Bucket([]byte(bucket)).ForEach(func(k, raw []byte) error {
		v := new(T)
		if err := wire.Decode(raw, v); err != nil {
			return fmt.Errorf("%s %q: %w", bucket, k, err)
		}
		f(string(k), v)
		return nil
	})
}
