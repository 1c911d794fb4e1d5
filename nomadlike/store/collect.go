package store

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// collect removes what garbage collection found. It found it on an earlier
// state: what has come to life since is passed over.
func (t *tx) collect(o *op.Collect) {
	for _, id := range o.Evals {
		if e := t.Eval(id); e != nil && e.Terminal() {
			t.deleteEval(e)
		}
	}
	for _, id := range o.Allocs {
		if a := t.Alloc(id); a != nil && a.Terminal() {
			t.deleteAlloc(a)
		}
	}
	for _, id := range o.Deployments {
		if d := t.Deployment(id); d != nil && !d.Active() {
			t.deleteDeployment(d)
		}
	}
	for _, id := range o.Nodes {
		if n := t.Node(id); n != nil && n.Status == nl.NodeStatusDown {
			t.deleteNode(n)
		}
	}
	for _, id := range o.Jobs {
		if t.Job(id.Namespace, id.ID) == nil {
			continue
		}
		row := t.jobRow(id.Namespace, id.ID)
		if row.liveAllocs > 0 || row.liveEvals > 0 || row.activeDeployments > 0 {
			continue
		}
		t.touch(row)
		t.deleteJob(row)
	}
}
