package sched

import nl "github.com/nomadlike/nomadlike/nomadlike"

// everywhere finds the nodes on which the groups of a job are wanted that runs on
// every node. A job that keeps its own allocations apart is not wanted on all that
// match: on which ones is settled before anything is placed. Until undo, what was
// found counts as if it ran there.
type everywhere struct {
	*run
	there  map[change]bool // where a group runs what is to be replaced
	counts []change
}

// everywhere begins, for jobs that keep their allocations apart, with what is
// current and stays: all else may be elsewhere or nowhere afterwards.
func (r *run) everywhere() (*everywhere, error) {
	e := &everywhere{run: r, there: map[change]bool{}}
	if r.job == nil || r.job.Stop || r.template() {
		return e, nil
	}
	apart := false
	for _, g := range r.job.TaskGroups {
		p, err := r.placer(r.job, g)
		if err != nil {
			return nil, err
		}
		apart = apart || p.keepsApart()
	}
	if !apart {
		return e, nil
	}
	for _, a := range r.allocs {
		n := r.info(a.NodeID)
		stays := n != nil && n.Status != nl.NodeStatusDown && a.DesiredTransition().Migrate != nl.Yes &&
			a.JobVersion == r.job.Version && a.Job != nil && a.Job.CreateIndex == r.job.CreateIndex
		if !a.Terminal() && !stays {
			e.there[change{a.NodeID, a.TaskGroup, +1}] = true
			e.count(change{a.NodeID, a.TaskGroup, -1})
		}
	}
	return e, nil
}

func (e *everywhere) count(c change) {
	e.changed(c)
	e.counts = append(e.counts, c)
}

// undo forgets what was counted.
func (e *everywhere) undo() {
	for _, c := range e.counts {
		e.changed(change{c.node, c.group, -c.by})
	}
	e.counts = nil
}

// nodes are those on which the group is wanted. Where it runs it stays, if it
// may; what is to be beside it is not asked again there.
func (e *everywhere) nodes(g *nl.Group) []*nl.Node {
	p := e.placers[placerKey{g.Name, e.job.Version}]
	p.prepare()
	p.catchUp()
	if !p.keepsApart() {
		return e.matching(p, p.mayBeOn)
	}
	wanted := map[string]bool{}
	want := func(which func(*candidate, bool) bool) {
		for n := range e.snapshot.Nodes() {
			here := change{n.ID, g.Name, +1}
			c := p.at(n.ID)
			if c == nil || c.static != "" || wanted[n.ID] || !which(c, e.there[here]) {
				continue
			}
			wanted[n.ID] = true
			// Where there is no room, the next one like it may have it.
			p.look(c)
			if e.run.count(g.Name, n.ID) == 0 && (e.there[here] || c.exhausted == "") {
				e.count(here)
				p.catchUp()
			}
		}
	}
	want(func(c *candidate, _ bool) bool { return e.run.count(g.Name, c.node.Info.ID) > 0 })
	want(func(c *candidate, there bool) bool { return there && p.apart(c) == "" })
	want(func(c *candidate, there bool) bool { return !there && p.mayBeOn(c) })
	return e.matching(p, func(c *candidate) bool { return wanted[c.node.Info.ID] })
}

// matching are the nodes that match, in their order.
func (e *everywhere) matching(p *placer, matches func(*candidate) bool) []*nl.Node {
	var out []*nl.Node
	for n := range e.snapshot.Nodes() {
		if c := p.at(n.ID); c != nil && matches(c) {
			out = append(out, n)
		}
	}
	return out
}

// keepsApart tells that where one allocation of the group is matters to where
// others of the job may be.
func (p *placer) keepsApart() bool { return p.checks.HostsJob || len(p.properties) > 0 }

// mayBeOn tells whether the group is wanted on a node as things stand.
func (p *placer) mayBeOn(c *candidate) bool {
	id := c.node.Info.ID
	return c.static == "" && (p.run.count(p.ask.Group.Name, id) > 0 || p.alone(id) == "" && p.apart(c) == "")
}
