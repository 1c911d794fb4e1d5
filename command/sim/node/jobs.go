package node

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"sync"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// Jobs is what nodes know of jobs, and have worked out about their groups, once
// for all that share it. The zero value is ready, and any number of goroutines
// may use it.
type Jobs struct {
	mu     sync.Mutex
	known  map[JobKey][]uint32
	list   []*version // by number; nil is one to be given out again
	unused []uint32
}

// JobKey names a version of a job. One that was purged and came back starts
// over: several jobs may go by the same.
type JobKey struct {
	Namespace, ID string
	Version       uint64
}

// version is a version of a job.
type version struct {
	key         JobKey
	modified    uint64
	encoded     []byte
	job         *nl.Job
	groups      []*group // as those of the job; nil until one is asked for
	deployments []string // of allocations at rest
	users       int      // nodes that know it
}

// deploymentsMax bounds the deployments of a version whose allocations may rest.
const deploymentsMax = math.MaxUint8

// learn is the number of the job that a node was sent. The node gives it back
// with forget, as often.
func (js *Jobs) learn(told *query.NodeJob) (uint32, error) {
	js.mu.Lock()
	defer js.mu.Unlock()
	k := JobKey{told.Namespace, told.ID, told.Version}
	for _, number := range js.known[k] {
		// After the state was put back, an index may be that of something else.
		if v := js.list[number]; v.modified == told.JobModifyIndex && bytes.Equal(v.encoded, told.Encoded) {
			v.users++
			return number, nil
		}
	}
	job, err := told.Job()
	if err != nil {
		return 0, err
	}
	v := &version{
		key: k, modified: told.JobModifyIndex, encoded: bytes.Clone(told.Encoded),
		job: job, groups: make([]*group, len(job.TaskGroups)), users: 1,
	}
	number := uint32(len(js.list))
	if last := len(js.unused) - 1; last >= 0 {
		number, js.unused = js.unused[last], js.unused[:last]
		js.list[number] = v
	} else {
		js.list = append(js.list, v)
	}
	if js.known == nil {
		js.known = map[JobKey][]uint32{}
	}
	js.known[k] = append(js.known[k], number)
	return number, nil
}

// forget takes back numbers that nodes do not use any more.
func (js *Jobs) forget(numbers []uint32) {
	js.mu.Lock()
	defer js.mu.Unlock()
	for _, number := range numbers {
		v := js.list[number]
		if v.users--; v.users > 0 {
			continue
		}
		js.list[number], js.unused = nil, append(js.unused, number)
		if same := js.known[v.key]; len(same) > 1 {
			js.known[v.key] = slices.DeleteFunc(same, func(other uint32) bool { return other == number })
		} else {
			delete(js.known, v.key)
		}
	}
}

// group is the group of that name of the newest of the jobs that the node has,
// in order of their numbers; nil when there is none.
func (js *Jobs) group(k JobKey, has []uint32, name string) *group {
	js.mu.Lock()
	defer js.mu.Unlock()
	same := js.known[k]
	for i := len(same) - 1; i >= 0; i-- {
		if _, found := slices.BinarySearch(has, same[i]); found {
			return js.of(same[i], name)
		}
	}
	return nil
}

// of is that group of a job. The caller holds the lock.
func (js *Jobs) of(number uint32, name string) *group {
	v := js.list[number]
	i := slices.IndexFunc(v.job.TaskGroups, func(g *nl.Group) bool { return g.Name == name })
	if i < 0 || i > math.MaxUint16 {
		return nil
	}
	if v.groups[i] == nil {
		v.groups[i] = newGroup(v.job, v.job.TaskGroups[i])
		v.groups[i].number, v.groups[i].place = number, uint16(i)
	}
	return v.groups[i]
}

// deployment is a number for the deployment of an allocation that goes to rest;
// false when it has to stay awake.
func (js *Jobs) deployment(g *group, id string) (uint8, bool) {
	if id == "" {
		return 0, true
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	v := js.list[g.number]
	i := slices.Index(v.deployments, id)
	if i < 0 && len(v.deployments) < deploymentsMax {
		i = len(v.deployments)
		v.deployments = append(v.deployments, strings.Clone(id))
	}
	return uint8(i + 1), i >= 0
}

// woken is the group, and the deployment, of an allocation that was at rest.
func (js *Jobs) woken(number uint32, place uint16, deployment uint8) (*group, string) {
	js.mu.Lock()
	defer js.mu.Unlock()
	v := js.list[number]
	if deployment == 0 {
		return v.groups[place], ""
	}
	return v.groups[place], v.deployments[deployment-1]
}
