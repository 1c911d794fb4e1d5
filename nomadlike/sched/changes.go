package sched

import nl "github.com/nomadlike/nomadlike/nomadlike"

// change is an allocation of the job that came to a node or, by -1, left it.
type change struct {
	node, group string
	by          int
}

// moved notes a change. The placer at work learns of it by catchUp, the others
// when they are asked again: a job may have thousands of groups.
func (r *run) moved(a *nl.Alloc, by int) { r.changed(change{a.NodeID, a.TaskGroup, by}) }

func (r *run) changed(c change) {
	r.addCount(c.node, c.group, c.by)
	r.changes = append(r.changes, c)
}

// catchUp looks again at the nodes that have changed since the placer was asked
// last.
func (p *placer) catchUp() {
	news := p.run.changes[p.known:]
	if len(news) == 0 {
		return
	}
	p.known = len(p.run.changes)
	left := false
	for i := range news {
		p.countAt(news[i].node, news[i].group, news[i].by)
		left = left || news[i].by < 0
	}
	switch {
	case !p.ready:
		return
	case len(news) == 1:
		p.touch(news[0].node)
	default:
		seen := make(map[string]bool, len(news))
		for i := range news {
			if id := news[i].node; !seen[id] {
				seen[id] = true
				p.touch(id)
			}
		}
	}
	if left {
		p.release()
	}
}

// rest drops what the placer knows of the nodes once its group is placed. Asked
// again, it looks at all of them anew.
func (p *placer) rest() {
	if !p.ready || p.failed != nil || p.overQuota != nil {
		return
	}
	p.indexed = nil
	p.ready, p.candidates, p.lanes, p.recent = false, nil, nil, nil
	p.lane = map[laneKey]*lane{}
	p.buckets, p.alikes = map[string]*bucket{}, map[int]*alike{}
}
