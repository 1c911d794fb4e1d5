package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// arguments are a command's key=value words; a word alone is its own value.
type arguments map[string]string

func argumentsOf(words []string) arguments {
	a := arguments{}
	for _, w := range words {
		key, value, found := strings.Cut(w, "=")
		if !found {
			value = w
		}
		a[key] = strings.ReplaceAll(value, "_", " ")
	}
	return a
}

func (a arguments) number(key string) int {
	n, _ := strconv.Atoi(a[key])
	return n
}

func (a arguments) or(key, otherwise string) string {
	if v, found := a[key]; found {
		return v
	}
	return otherwise
}

// evalsOf is the evaluation eval=ID of job=ID, as a list.
func (s *script) evalsOf(a arguments) []*nl.Eval {
	if e := a.eval(a["job"]); e != nil {
		return []*nl.Eval{e}
	}
	return nil
}

func (a arguments) has(key string) bool { _, found := a[key]; return found }

func (a arguments) list(key string) []string {
	if a[key] == "" {
		return nil
	}
	return strings.Split(a[key], ",")
}

func (a arguments) namespace() string { return a.or("ns", nl.DefaultNamespace) }

// eval is the evaluation eval=ID of a job, nil without.
func (a arguments) eval(job string) *nl.Eval {
	if !a.has("eval") {
		return nil
	}
	return &nl.Eval{ID: a["eval"], Namespace: a.namespace(), JobID: job, Type: a.or("type", nl.JobTypeService),
		Status: nl.EvalStatusPending, TriggeredBy: a["by"]}
}

// scriptTime is the time at which every command happens: its index, in seconds.
func (s *script) time() int64 { return int64(s.state.Index()+1) * int64(time.Second) }

// parse turns a command into the op it stands for.
func (s *script) parse(words []string) op.Op {
	subject, a := "", arguments{}
	if len(words) > 1 {
		subject, a = words[1], argumentsOf(words[2:])
	}
	switch words[0] {
	case "job", "stop", "scale", "stable", "tag", "untag", "launch":
		return s.parseJob(words[0], subject, a)
	case "node", "node-status", "drain", "undrain", "eligibility", "node-event", "node-delete":
		return s.parseNode(words[0], subject, a)
	case "place", "halt", "preempt", "deployment", "deployment-set":
		return &op.ApplyPlans{Plans: []*op.PlanDelta{s.parsePlan(words[0], subject, a)}}
	case "promote", "health", "deployment-status":
		return s.parseDeployment(words[0], subject, a)
	case "namespace", "namespace-delete", "pool", "pool-delete", "service", "service-delete", "scheduler", "key", "key-delete", "cluster":
		return s.parseOther(words[0], subject, a)
	case "host-volume", "host-volume-delete", "claim-delete", "csi-volume", "csi-volume-delete", "csi-release":
		return s.parseVolume(words[0], subject, a)
	case "quota", "quota-delete":
		return s.parseQuota(words[0], subject, a)
	case "variable", "variable-delete", "acquire", "release", "expire":
		return s.parseVariable(words[0], subject, a)
	case "eval":
		e := a.eval(a["job"])
		if e == nil {
			e = &nl.Eval{Namespace: a.namespace(), JobID: a["job"], Type: a.or("type", nl.JobTypeService)}
		}
		e.ID, e.Status, e.NodeID, e.ModifyTime = subject, a.or("status", nl.EvalStatusPending), a["node"], s.time()
		if a.has("queued") {
			e.QueuedAllocations = map[string]int{"g": a.number("queued")}
		}
		if a.has("failed") {
			e.FailedTGAllocs = map[string]*nl.AllocMetric{"g": {NodesEvaluated: 1}}
		}
		return &op.UpsertEvals{Evals: []*nl.Eval{e}}
	case "update":
		return s.parseUpdate(subject, words[2:])
	case "transition":
		return &op.TransitionAllocs{Time: s.time(), Transitions: map[string]*nl.DesiredTransition{subject: {Migrate: nl.Yes}}}
	case "collect":
		c := &op.Collect{}
		a = argumentsOf(words[1:])
		c.Evals, c.Allocs, c.Deployments, c.Nodes = a.list("evals"), a.list("allocs"), a.list("deployments"), a.list("nodes")
		for _, id := range a.list("jobs") {
			c.Jobs = append(c.Jobs, op.JobID{Namespace: nl.DefaultNamespace, ID: id})
		}
		return c
	case "reconcile":
		return &op.ReconcileSummaries{}
	}
	s.t.Fatalf("the script has an unknown command %q", words[0])
	return nil
}

func (s *script) parseJob(verb, id string, a arguments) op.Op {
	ns := a.namespace()
	switch verb {
	case "stop":
		return &op.DeregisterJob{Namespace: ns, ID: id, Purge: a.has("purge"), NoShutdownDelay: a.has("no-delay"),
			SubmitTime: s.time(), Eval: a.eval(id)}
	case "scale":
		o := &op.ScaleJob{Namespace: ns, ID: id, Group: a.or("group", "g"), SubmitTime: s.time(), Eval: a.eval(id),
			EnforceIndex: a.has("enforce"), JobModifyIndex: uint64(a.number("enforce")),
			Event: &nl.ScalingEvent{Message: a["message"], Time: s.time()}}
		if a.has("count") {
			n := a.number("count")
			o.Count, o.Event.Count = &n, &n
		}
		return o
	case "stable":
		return &op.SetJobStability{Namespace: ns, ID: id, Version: uint64(a.number("version")), Stable: !a.has("not")}
	case "tag":
		return &op.TagJobVersion{Namespace: ns, ID: id, Version: uint64(a.number("version")), Name: a["name"],
			Tag: &nl.JobVersionTag{TaggedTime: s.time()}}
	case "untag":
		return &op.TagJobVersion{Namespace: ns, ID: id, Name: a["name"]}
	case "launch":
		return &op.RecordPeriodicLaunch{Namespace: ns, ID: id, Launch: int64(a.number("at"))}
	}
	o := &op.RegisterJob{Job: s.job(id, a), Eval: a.eval(id), EnforceIndex: a.has("enforce"),
		JobModifyIndex: uint64(a.number("enforce")), IdempotencyToken: a["token"], KeepVersions: a.number("keep"),
		PeriodicLaunch: int64(a.number("launch"))}
	if a.has("source") {
		o.Submission = &nl.JobSubmission{Format: "hcl2", Source: a["source"]}
	}
	return o
}

func (s *script) job(id string, a arguments) *nl.Job {
	count := 1
	if a.has("count") {
		count = a.number("count")
	}
	j := &nl.Job{
		Namespace: a.namespace(), ID: id, Name: id, Type: a.or("type", nl.JobTypeService), Priority: 50,
		NodePool: a.or("pool", nl.NodePoolDefault), ParentID: a["parent"], SubmitTime: s.time(),
		DispatchIdempotencyToken: a["token"], Dispatched: a.has("dispatched"), Meta: map[string]string{"m": a["meta"]},
		TaskGroups: []*nl.Group{{Name: a.or("group", "g"), Count: count, Tasks: []*nl.Task{{
			Name: "t", Driver: "mock", Config: map[string]any{"args": []any{"x", 1}, "deep": map[string]any{"k": true}},
		}}}},
	}
	j.TaskGroups[0].Volumes = volumeRequests(a.list("sticky"), a.list("csi"))
	if a.has("periodic") {
		j.Periodic = &nl.Periodic{Enabled: true, Spec: "@daily"}
	}
	if a.has("parameterized") {
		j.ParameterizedJob = &nl.Parameterized{Payload: "optional"}
	}
	if a.has("scaling") {
		j.TaskGroups[0].Scaling = &nl.ScalingPolicy{Type: "horizontal", Min: 1, Max: a.number("scaling"), Enabled: true,
			Target: map[string]string{"Namespace": j.Namespace, "Job": id, "Group": "g"}}
	}
	return j
}

func (s *script) parsePlan(verb, id string, a arguments) *op.PlanDelta {
	p := &op.PlanDelta{Time: s.time(), EvalID: a["of"]}
	switch verb {
	case "place":
		alloc := &nl.Alloc{
			ID: id, Name: fmt.Sprintf("%s.g[%d]", a["job"], a.number("n")), Namespace: a.namespace(), JobID: a["job"],
			JobVersion: uint64(a.number("version")), TaskGroup: a.or("group", "g"), NodeID: a.or("node", "n1"),
			EvalID: a.or("from", "e1"), DesiredStatus: nl.AllocDesiredRun, ClientStatus: a.or("client", nl.AllocClientPending),
			AllocHistory: &nl.AllocHistory{PreviousAllocation: a["previous"]}, DeploymentID: a["deployment"], AllocatedResources: given(a),
		}
		if a.has("canary") {
			alloc.DeploymentStatus = &nl.AllocDeploymentStatus{Canary: true}
		}
		p.Place = []*nl.Alloc{alloc}
		if !a.has("gone") {
			s.meet(alloc.NodeID)
		}
	case "halt":
		p.Stop = []nl.AllocStop{{AllocID: id, Description: a["why"], ClientStatus: a["client"], FollowupEvalID: a["followup"], Desired: a["desired"]}}
	case "preempt":
		p.Preempt = []nl.AllocPreemption{{AllocID: id, ByAlloc: a["by"]}}
	case "deployment":
		version := uint64(a.number("version"))
		d := &nl.Deployment{ID: id, Namespace: a.namespace(), JobID: a["job"], JobVersion: version,
			Status: nl.DeploymentStatusRunning, StatusDescription: "Deployment is running",
			TaskGroups: map[string]*nl.DeploymentState{"g": {DesiredTotal: a.number("total"), DesiredCanaries: a.number("canaries"),
				ProgressDeadline: time.Duration(a.number("deadline")) * time.Second}}}
		if j := s.state.Job(d.Namespace, d.JobID); j != nil {
			d.JobCreateIndex = j.CreateIndex
		}
		p.Deployment = d
	case "deployment-set":
		p.DeploymentUpdates = []nl.DeploymentStatusUpdate{{DeploymentID: id, Status: a["status"], StatusDescription: a["why"]}}
	}
	return p
}

// meet registers a node that the script has not named, outside of the log.
func (s *script) meet(node string) {
	if s.state.Node(node) == nil {
		o := &op.RegisterNode{Node: &nl.Node{ID: node, Status: nl.NodeStatusReady}}
		s.state, _, _, _ = Apply(s.state, s.state.Index(), o)
	}
}

func (s *script) parseUpdate(node string, words []string) op.Op {
	u := &op.UpdateAllocs{NodeID: node, Time: s.time()}
	for _, w := range words {
		id, status, _ := strings.Cut(w, "=")
		status, health, _ := strings.Cut(status, ",")
		one := &nl.AllocUpdate{ID: id, ClientStatus: status, TaskStates: nl.PackTaskStates(map[string]*nl.TaskState{"t": {State: status}})}
		if health != "" {
			healthy := health == "healthy"
			one.DeploymentStatus = &nl.AllocDeploymentStatus{Healthy: &healthy, Timestamp: timeOf(s.time())}
		}
		u.Updates = append(u.Updates, one)
	}
	return u
}

func (s *script) parseNode(verb, id string, a arguments) op.Op {
	event := &nl.NodeEvent{Message: a.or("event", verb), Subsystem: "Cluster"}
	switch verb {
	case "node-status":
		return &op.SetNodeStatus{NodeID: id, Status: a["status"], Time: s.time(), Event: event,
			Seen: uint64(a.number("seen")), Evals: s.evalsOf(a)}
	case "drain":
		at := timeOf(s.time())
		return &op.SetNodeDrain{NodeID: id, Strategy: &nl.DrainStrategy{Deadline: time.Hour, StartedAt: at},
			LastDrain: &nl.DrainMetadata{Status: "draining", StartedAt: at, UpdatedAt: at}, Event: event, Time: s.time()}
	case "undrain":
		return &op.SetNodeDrain{NodeID: id, MarkEligible: a.has("eligible"), Over: uint64(a.number("over")), Event: event, Time: s.time()}
	case "eligibility":
		return &op.SetNodeEligibility{NodeID: id, Eligibility: a["is"], Event: event, Time: s.time()}
	case "node-event":
		return &op.AddNodeEvents{Events: map[string][]*nl.NodeEvent{id: {event}}}
	case "node-delete":
		return &op.DeregisterNodes{NodeIDs: []string{id}, Seen: uint64(a.number("seen")), Time: s.time(), Evals: s.evalsOf(a)}
	}
	o := &op.RegisterNode{Node: &nl.Node{ID: id, SecretID: "secret-" + id, Name: "name-" + id, Status: a["status"],
		NodePool: a["pool"], HostVolumes: hostVolumes(a.list("volumes"))}, Time: s.time()}
	if a.has("pool") {
		o.NodePool = &nl.NodePool{Name: a["pool"]}
	}
	return o
}

func (s *script) parseDeployment(verb, id string, a arguments) op.Op {
	switch verb {
	case "promote":
		return &op.PromoteDeployment{DeploymentID: id, All: !a.has("groups"), Groups: a.list("groups"), Time: s.time()}
	case "health":
		return &op.SetAllocHealth{DeploymentID: id, Healthy: a.list("healthy"), Unhealthy: a.list("unhealthy"), Time: s.time()}
	}
	o := &op.UpdateDeployment{Update: nl.DeploymentStatusUpdate{DeploymentID: id, Status: a["status"],
		StatusDescription: a["why"], UpdatedAt: s.time()}, Eval: a.eval(a["job"])}
	if a.has("revert") {
		o.Revert = s.state.JobVersion(nl.DefaultNamespace, a["job"], uint64(a.number("revert")))
	}
	return o
}

func (s *script) parseVariable(verb, path string, a arguments) op.Op {
	v := &nl.Variable{VariableMetadata: nl.VariableMetadata{Namespace: a.namespace(), Path: path}, Data: []byte(a["data"])}
	if a.has("id") {
		v.Lock = &nl.VariableLock{ID: a["id"], TTL: a.or("ttl", "15s"), LockDelay: a.or("delay", "15s")}
	}
	action := map[string]op.VariableAction{"variable": op.VariableSet, "variable-delete": op.VariableDelete,
		"acquire": op.VariableAcquire, "release": op.VariableRelease, "expire": op.VariableExpire}[verb]
	return &op.ApplyVariable{Action: action, Variable: v, CAS: a.has("cas"), Expect: uint64(a.number("cas")), Time: s.time(),
		Region: a["region"]}
}

func (s *script) parseOther(verb, id string, a arguments) op.Op {
	switch verb {
	case "namespace":
		return &op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: id, Description: a["description"], Quota: a["quota"]}},
			QuotaMustExist: !a.has("old")}
	case "namespace-delete":
		return &op.DeleteNamespaces{Names: []string{id}}
	case "pool":
		return &op.UpsertNodePools{Pools: []*nl.NodePool{{Name: id, Description: a["description"]}}}
	case "pool-delete":
		return &op.DeleteNodePools{Names: []string{id}}
	case "service":
		return &op.UpsertServices{Services: []*nl.ServiceRegistration{{ID: id, Namespace: a.namespace(), ServiceName: a["name"],
			AllocID: a["alloc"], Port: a.number("port")}}}
	case "service-delete":
		return &op.DeleteServices{Namespace: a.namespace(), IDs: []string{id}}
	case "scheduler":
		return &op.SetSchedulerConfig{Config: &nl.SchedulerConfiguration{SchedulerAlgorithm: id}, CAS: a.has("cas"),
			Expect: uint64(a.number("cas"))}
	case "key":
		return &op.UpsertRootKey{Key: &nl.RootKey{Meta: &nl.RootKeyMeta{KeyID: id, State: "inactive"}}, Activate: a.has("activate")}
	case "key-delete":
		return &op.DeleteRootKey{KeyID: id}
	}
	return &op.SetClusterID{ID: id, CreateTime: time.Unix(0, s.time())}
}
