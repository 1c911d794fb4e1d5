package nomadlike

import "path"

// TerminalDesired tells whether the servers want the allocation gone.
func (a *Alloc) TerminalDesired() bool {
	return a.DesiredStatus == AllocDesiredStop || a.DesiredStatus == AllocDesiredEvict
}

// TerminalClient tells whether the allocation has ended on its node.
func (a *Alloc) TerminalClient() bool {
	switch a.ClientStatus {
	case AllocClientComplete, AllocClientFailed, AllocClientLost:
		return true
	}
	return false
}

// Terminal tells whether the allocation is over, by wish or in fact.
func (a *Alloc) Terminal() bool { return a.TerminalDesired() || a.TerminalClient() }

// Healthy tells whether the allocation is known to be healthy.
func (a *Alloc) Healthy() bool {
	return a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil && *a.DeploymentStatus.Healthy
}

// Terminal tells whether the evaluation is over.
func (e *Eval) Terminal() bool {
	switch e.Status {
	case EvalStatusComplete, EvalStatusFailed, EvalStatusCancelled:
		return true
	}
	return false
}

// Active tells whether the deployment is not over.
func (d *Deployment) Active() bool {
	switch d.Status {
	case DeploymentStatusFailed, DeploymentStatusSuccessful, DeploymentStatusCancelled:
		return false
	}
	return true
}

// Group is the group of that name, nil when the job has none.
func (j *Job) Group(name string) *Group {
	for _, g := range j.TaskGroups {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// Task is the task of that name, nil when the group has none.
func (g *Group) Task(name string) *Task {
	for _, t := range g.Tasks {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// IsPeriodic tells whether the job launches children by the clock.
func (j *Job) IsPeriodic() bool { return j.Periodic != nil }

// IsParameterized tells whether the job is a template for dispatched children.
func (j *Job) IsParameterized() bool { return j.ParameterizedJob != nil && !j.Dispatched }

// RunsOnEvery tells whether the job wants to run on the node because it wants to
// run on every one in its pool and datacenters that comes up.
func (j *Job) RunsOnEvery(n *Node) bool {
	if j.Stop || j.IsPeriodic() || j.IsParameterized() {
		return false
	}
	if j.Type != JobTypeSystem && (j.Type != JobTypeSysBatch || j.Status == JobStatusDead) {
		return false
	}
	pool := n.NodePool
	if pool == "" {
		pool = NodePoolDefault
	}
	if j.NodePool != NodePoolAll && j.NodePool != "" && j.NodePool != pool {
		return false
	}
	for _, glob := range j.Datacenters {
		if ok, err := path.Match(glob, n.Datacenter); err == nil && ok {
			return true
		}
	}
	return len(j.Datacenters) == 0
}

// Ready tells whether the node may be given work.
func (n *Node) Ready() bool {
	return n.Status == NodeStatusReady && n.DrainStrategy == nil && n.SchedulingEligibility == NodeEligible
}
