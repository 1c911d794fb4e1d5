package store

import (
	"fmt"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// check refuses ops that lack what applying them relies on. Proposers never
// make such ops; an entry of the log that was damaged, or written by a faulty
// server, must not stop this one.
func check(o op.Op) error {
	missing := ""
	switch o := o.(type) {
	case nil:
		missing = "op"
	case *op.RegisterJob:
		missing = jobMissing(o.Job)
	case *op.RegisterNode:
		missing = when(o.Node == nil, "node")
	case *op.UpsertEvals:
		missing = nothingIn(o.Evals, "evaluation")
	case *op.ApplyPlans:
		missing = planMissing(o)
	case *op.UpdateAllocs:
		missing = nothingIn(o.Updates, "update")
	case *op.AddNodeEvents:
		for _, events := range o.Events {
			missing += nothingIn(events, "event")
		}
	case *op.UpdateDeployment:
		missing = when(o.Revert != nil, jobMissing(o.Revert))
	case *op.SetAllocHealth:
		missing = when(o.Revert != nil, jobMissing(o.Revert))
	case *op.UpsertNamespaces:
		missing = nothingIn(o.Namespaces, "namespace")
	case *op.UpsertNodePools:
		missing = nothingIn(o.Pools, "node pool")
	case *op.UpsertServices:
		missing = nothingIn(o.Services, "service")
	case *op.SetSchedulerConfig:
		missing = when(o.Config == nil, "configuration")
	case *op.SetAutopilotConfig:
		missing = when(o.Config == nil, "configuration")
	case *op.UpsertRootKey:
		missing = when(o.Key == nil || o.Key.Meta == nil, "key")
	case *op.ApplyVariable:
		missing = when(o.Variable == nil, "variable")
	case *op.UpsertQuotas:
		missing = quotaMissing(o)
	case *op.RekeyVariables:
		missing = nothingIn(o.Variables, "variable")
	case *op.UpsertHostVolumes:
		missing = nothingIn(o.Volumes, "volume")
	case *op.UpsertCSIVolumes:
		missing = nothingIn(o.Volumes, "volume")
	case *op.Batch:
		for _, one := range o.Ops {
			if err := check(one); err != nil {
				return err
			}
		}
	}
	if missing != "" {
		return fmt.Errorf("applying a write of type %T: it has no %s", o, missing)
	}
	return nil
}

func when(condition bool, missing string) string {
	if condition {
		return missing
	}
	return ""
}

func nothingIn[T any](list []*T, what string) string {
	return when(slices.Contains(list, nil), what)
}

// jobMissing says what a job lacks that everything about jobs follows through.
func jobMissing(j *nl.Job) string {
	if j == nil {
		return "job"
	}
	for _, g := range j.TaskGroups {
		if g == nil {
			return "group"
		}
		for _, t := range g.Tasks {
			if t == nil {
				return "task"
			}
			if slices.Contains(t.ScalingPolicies, nil) {
				return "scaling policy"
			}
		}
	}
	return ""
}

func planMissing(o *op.ApplyPlans) string {
	for _, p := range o.Plans {
		if p == nil {
			return "plan"
		}
		if slices.Contains(p.Place, nil) {
			return "allocation"
		}
		if p.Deployment == nil {
			continue
		}
		for _, state := range p.Deployment.TaskGroups {
			if state == nil {
				return "state of a group"
			}
		}
	}
	return ""
}
