package store

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// watcher is one waiting query.
type watcher struct {
	keys  []Key
	woken chan struct{} // capacity 1: a signal is kept until it is taken
}

func (w *watcher) signal() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// watch makes w wait for keys instead of what it waited for before.
func (st *Store) watch(w *watcher, keys []Key) {
	if w.keys != nil && slices.Equal(w.keys, keys) {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.forget(w)
	w.keys = keys
	for _, k := range keys {
		ws := st.watchers[k]
		if ws == nil {
			ws = map[*watcher]struct{}{}
			st.watchers[k] = ws
		}
		ws[w] = struct{}{}
	}
}

func (st *Store) unwatch(w *watcher) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.forget(w)
}

func (st *Store) forget(w *watcher) {
	for _, k := range w.keys {
		ws := st.watchers[k]
		delete(ws, w)
		if len(ws) == 0 {
			delete(st.watchers, k)
		}
	}
	w.keys = nil
}

// keysOf calls f with every key that a change touches: the table, and in it
//
//	jobs and what hangs on them   JobKey(namespace, id)
//	allocations                   their ID, node, evaluation, deployment and JobKey
//	evaluations, deployments      their ID and JobKey
//	variables, volumes            JobKey(namespace, path or ID)
//	services                      JobKey(namespace, service name), JobKey(namespace, ID) and allocation ID
//	scaling policies              their ID and JobKey
//	everything else               ID or name
func keysOf(c *Change, f func(Key)) {
	f(Key{Table: c.Table})
	in := func(id string) {
		if id != "" {
			f(Key{c.Table, id})
		}
	}
	object := c.After
	if object == nil {
		object = c.Before
	}
	switch o := object.(type) {
	case *nl.Alloc:
		in(c.Key)
		in(JobKey(o.Namespace, o.JobID))
		in(o.NodeID)
		in(o.EvalID)
		in(o.DeploymentID)
		if before, ok := c.Before.(*nl.Alloc); ok && c.After != nil {
			moved := func(from, to string) {
				if from != to {
					in(from)
				}
			}
			moved(before.NodeID, o.NodeID)
			moved(before.EvalID, o.EvalID)
			moved(before.DeploymentID, o.DeploymentID)
		}
	case *nl.Eval:
		in(c.Key)
		in(JobKey(o.Namespace, o.JobID))
	case *nl.Deployment:
		in(c.Key)
		in(JobKey(o.Namespace, o.JobID))
	case *nl.ServiceRegistration:
		in(JobKey(o.Namespace, o.ID))
		in(JobKey(o.Namespace, o.ServiceName))
		in(o.AllocID)
	case *nl.ScalingPolicy:
		in(c.Key)
		in(JobKey(o.Target["Namespace"], o.Target["Job"]))
	default:
		switch c.Table {
		case TableJobs, TableJobVersions, TableJobSummaries, TableJobSubmissions, TableScalingEvents, TablePeriodicLaunches,
			TableVariables, TableHostVolumes, TableCSIVolumes:
			in(JobKey(c.Namespace, c.Key))
		default:
			in(c.Key)
		}
	}
}
