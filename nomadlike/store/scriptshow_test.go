package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// show prints objects: "show job ID", "show alloc ID", ...
func (s *script) show(words []string) {
	kind, ids := words[0], words[1:]
	for _, id := range ids {
		switch kind {
		case "job":
			s.showJob(argumentID(id))
		case "versions":
			s.showVersions(argumentID(id))
		case "alloc":
			s.showAlloc(id)
		case "eval":
			s.showEval(id)
		case "deployment":
			s.showDeployment(id)
		case "node":
			s.showNode(id)
		case "variable":
			s.showVariable(argumentID(id))
		case "usage":
			s.showUsage(id)
		case "policies":
			for p := range s.state.ScalingPoliciesByJob(argumentID(id)) {
				fmt.Fprintf(&s.out, "  policy max=%d create=%d modify=%d same-in-job=%v\n", p.Max, p.CreateIndex, p.ModifyIndex,
					s.state.Job(p.Target["Namespace"], p.Target["Job"]).TaskGroups[0].Scaling.ID == p.ID)
			}
		case "list":
			s.showList(id)
		default:
			s.t.Fatalf("the script shows an unknown kind %q", kind)
		}
	}
}

func (s *script) showVariable(namespace, path string) {
	v := s.state.Variable(namespace, path)
	if v == nil {
		s.line("%s: none", path)
		return
	}
	lock := "free"
	if v.Lock != nil {
		lock = fmt.Sprint("lock=", *v.Lock)
	}
	s.line("%s: %q create=%d at %v modify=%d at %v %s lockable=%v", path, v.Data, v.CreateIndex, time.Duration(v.CreateTime),
		v.ModifyIndex, time.Duration(v.ModifyTime), lock, time.Duration(v.LockableFrom))
}

// argumentID splits namespace/id.
func argumentID(id string) (namespace, job string) {
	if ns, rest, found := strings.Cut(id, ":"); found {
		return ns, rest
	}
	return nl.DefaultNamespace, id
}

func (s *script) line(format string, args ...any) { fmt.Fprintf(&s.out, "  "+format+"\n", args...) }

func (s *script) showJob(namespace, id string) {
	j := s.state.Job(namespace, id)
	if j == nil {
		s.line("%s: none", id)
		return
	}
	s.line("%s: %s version=%d create=%d modify=%d job-modify=%d stop=%v stable=%v count=%d", id, j.Status, j.Version,
		j.CreateIndex, j.ModifyIndex, j.JobModifyIndex, j.Stop, j.Stable, j.TaskGroups[0].Count)
	if sum := s.state.JobSummary(namespace, id); sum != nil {
		for _, g := range slices.Sorted(maps.Keys(sum.Summary)) {
			s.line("summary %s create=%d modify=%d %+v", g, sum.CreateIndex, sum.ModifyIndex, *sum.Summary[g])
		}
		if *sum.Children != (nl.JobChildrenSummary{}) {
			s.line("children %+v", *sum.Children)
		}
	}
	if at := s.state.PeriodicLaunch(namespace, id); at != 0 {
		s.line("launched at %d", at)
	}
	for g, events := range s.state.ScalingEvents(namespace, id) {
		s.line("%d scaling events of %s, newest %q previous=%d create=%d", len(events), g, events[0].Message,
			events[0].PreviousCount, events[0].CreateIndex)
	}
}

func (s *script) showVersions(namespace, id string) {
	for _, v := range s.state.JobVersions(namespace, id) {
		tag, source := "", ""
		if v.VersionTag != nil {
			tag = " tag=" + v.VersionTag.Name
		}
		if sub := s.state.JobSubmission(namespace, id, v.Version); sub != nil {
			source = " source=" + sub.Source
		}
		s.line("version %d modify=%d job-modify=%d stable=%v status=%s%s%s", v.Version, v.ModifyIndex, v.JobModifyIndex,
			v.Stable, v.Status, tag, source)
	}
}

func (s *script) showAlloc(id string) {
	a := s.state.Alloc(id)
	if a == nil {
		s.line("%s: none", id)
		return
	}
	fmt.Fprintf(&s.out, "  %s: %s/%s create=%d modify=%d alloc-modify=%d time=%ds/%ds", id, a.DesiredStatus, a.ClientStatus,
		a.CreateIndex, a.ModifyIndex, a.AllocModifyIndex, a.CreateTime/1e9, a.ModifyTime/1e9)
	for _, part := range [][2]string{{"why", a.DesiredDescription()}, {"client", a.ClientDescription},
		{"previous", a.PreviousAllocation()}, {"next", a.NextAllocation()}, {"by", a.PreemptedByAllocation()},
		{"followup", a.FollowupEvalID()}, {"deployment", a.DeploymentID}} {
		if part[1] != "" {
			fmt.Fprintf(&s.out, " %s=%q", part[0], part[1])
		}
	}
	if a.Job == nil {
		fmt.Fprint(&s.out, " no job")
	} else {
		fmt.Fprintf(&s.out, " job-version=%d", a.Job.Version)
	}
	if d := a.DeploymentStatus; d != nil {
		fmt.Fprintf(&s.out, " canary=%v", d.Canary)
		if d.Healthy != nil {
			fmt.Fprintf(&s.out, " healthy=%v@%d", *d.Healthy, d.ModifyIndex)
		}
	}
	if a.DesiredTransition().Migrate != nl.Absent {
		fmt.Fprint(&s.out, " migrate")
	}
	if a.DesiredTransition().NoShutdownDelay != nl.Absent {
		fmt.Fprint(&s.out, " no-shutdown-delay")
	}
	for _, state := range a.AllocStates() {
		fmt.Fprintf(&s.out, " was=%s", state.Value)
	}
	if a.TaskStates.Len() > 0 {
		fmt.Fprintf(&s.out, " tasks=%d", a.TaskStates.Len())
	}
	fmt.Fprintln(&s.out)
}

func (s *script) showEval(id string) {
	e := s.state.Eval(id)
	if e == nil {
		s.line("%s: none", id)
		return
	}
	s.line("%s: %s create=%d modify=%d job-modify=%d %s", id, e.Status, e.CreateIndex, e.ModifyIndex, e.JobModifyIndex, e.StatusDescription)
}

func (s *script) showDeployment(id string) {
	d := s.state.Deployment(id)
	if d == nil {
		s.line("%s: none", id)
		return
	}
	s.line("%s: %s (%s) create=%d modify=%d", id, d.Status, d.StatusDescription, d.CreateIndex, d.ModifyIndex)
	for _, g := range slices.Sorted(maps.Keys(d.TaskGroups)) {
		state := d.TaskGroups[g]
		by := "never"
		if !state.RequireProgressBy.IsZero() {
			by = fmt.Sprintf("%ds", state.RequireProgressBy.Unix())
		}
		s.line("%s: placed=%d healthy=%d unhealthy=%d of %d, canaries=%v of %d promoted=%v, progress by %s", g, state.PlacedAllocs,
			state.HealthyAllocs, state.UnhealthyAllocs, state.DesiredTotal, state.PlacedCanaries, state.DesiredCanaries,
			state.Promoted, by)
	}
}

func (s *script) showNode(id string) {
	n := s.state.Node(id)
	if n == nil {
		s.line("%s: none", id)
		return
	}
	drain := ""
	if n.DrainStrategy != nil {
		drain = fmt.Sprintf(" draining since %ds", n.DrainStrategy.StartedAt.Unix())
	}
	s.line("%s: %s %s pool=%s create=%d modify=%d since=%ds missed=%d heard=%d%s by-secret=%v", id, n.Status,
		n.SchedulingEligibility, n.NodePool, n.CreateIndex, n.ModifyIndex, n.StatusUpdatedAt, n.LastMissedHeartbeatIndex,
		n.LastAllocUpdateIndex, drain, s.state.NodeBySecret(n.SecretID) == n)
	for _, e := range n.Events {
		s.line("event %d %s", e.CreateIndex, e.Message)
	}
}

// showList prints the IDs that a list of the snapshot yields, in its order.
func (s *script) showList(what string) {
	var found []string
	st := s.state
	list, argument, _ := strings.Cut(what, "=")
	switch list {
	case "jobs":
		for j := range st.Jobs(nl.AllNamespaces, argument) {
			found = append(found, j.Namespace+":"+j.ID)
		}
	case "children":
		for j := range st.JobsByParent(nl.DefaultNamespace, argument) {
			found = append(found, j.ID)
		}
	case "allocs":
		for a := range st.Allocs(nl.AllNamespaces) {
			found = append(found, a.ID)
		}
	case "allocs-of-job":
		for a := range st.AllocsByJob(nl.DefaultNamespace, argument) {
			found = append(found, a.ID)
		}
	case "allocs-of-node":
		for a := range st.AllocsByNode(argument) {
			found = append(found, a.ID)
		}
	case "allocs-of-eval":
		for a := range st.AllocsByEval(argument) {
			found = append(found, a.ID)
		}
	case "allocs-of-deployment":
		for a := range st.AllocsByDeployment(argument) {
			found = append(found, a.ID)
		}
	case "variables":
		for v := range st.Variables(nl.AllNamespaces, argument) {
			found = append(found, v.Namespace+":"+v.Path)
		}
	case "host-volumes":
		for v := range st.HostVolumes(nl.AllNamespaces) {
			found = append(found, v.Namespace+":"+v.ID+"="+v.State)
		}
	case "host-volumes-of-node":
		for v := range st.HostVolumesByNode(argument) {
			found = append(found, v.ID)
		}
	case "claims":
		for c := range st.HostVolumeClaims(nl.AllNamespaces) {
			found = append(found, c.JobID+"."+c.TaskGroupName+"/"+c.VolumeID+"="+c.AllocID)
		}
	case "csi-volumes":
		for v := range st.CSIVolumes(nl.AllNamespaces, argument) {
			found = append(found, fmt.Sprintf("%s:%s=%dr%dw%s", v.Namespace, v.ID, len(v.ReadAllocs), len(v.WriteAllocs), v.AccessMode))
		}
	case "locked":
		for v := range st.LockedVariables() {
			found = append(found, v.Namespace+":"+v.Path)
		}
	case "evals":
		for e := range st.Evals(nl.AllNamespaces) {
			found = append(found, e.ID)
		}
	case "deployments":
		for d := range st.Deployments(nl.AllNamespaces) {
			found = append(found, d.ID)
		}
		if d := st.LatestDeployment(nl.DefaultNamespace, argument); d != nil {
			found = append(found, "latest "+d.ID)
		}
	case "services":
		for r := range st.Services(nl.AllNamespaces) {
			found = append(found, r.ID)
		}
	case "pools":
		for p := range st.NodePools() {
			found = append(found, fmt.Sprintf("%s@%d", p.Name, p.ModifyIndex))
		}
	case "namespaces":
		for n := range st.Namespaces() {
			found = append(found, fmt.Sprintf("%s@%d", n.Name, n.ModifyIndex))
		}
	case "quotas":
		for q := range st.Quotas() {
			found = append(found, fmt.Sprintf("%s@%d-%d", q.Name, q.CreateIndex, q.ModifyIndex))
		}
	case "keys":
		for k := range st.RootKeys() {
			found = append(found, k.Meta.KeyID+"="+k.Meta.State)
		}
	case "config":
		found = append(found, fmt.Sprintf("%s create=%d modify=%d cluster=%s", st.SchedulerConfig().SchedulerAlgorithm,
			st.SchedulerConfig().CreateIndex, st.SchedulerConfig().ModifyIndex, st.ClusterID()))
	default:
		s.t.Fatalf("the script lists an unknown %q", list)
	}
	s.line("%s: %s", what, strings.Join(found, " "))
}
