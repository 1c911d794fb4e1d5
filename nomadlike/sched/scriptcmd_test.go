package sched_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// block runs the commands of one block. Lines that are indented belong to the
// command above.
func (w *world) block(lines []string) {
	for i := 0; i < len(lines); {
		line := lines[i]
		i++
		var below []string
		for i < len(lines) && strings.HasPrefix(lines[i], " ") {
			below = append(below, strings.TrimSpace(lines[i]))
			i++
		}
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			if w.echo {
				w.printf("> %s", line)
			}
			w.command(fields(line), below)
		}
	}
}

// args are a command's words and its key=value pairs, in order.
type args struct {
	words []string
	pairs [][2]string
}

func fields(line string) args {
	var a args
	for _, f := range splitQuoted(line) {
		if key, value, ok := strings.Cut(f, "="); ok && !strings.ContainsAny(key, "[$") {
			a.pairs = append(a.pairs, [2]string{key, value})
		} else {
			a.words = append(a.words, f)
		}
	}
	return a
}

// splitQuoted splits at spaces outside of double quotes, which it drops.
func splitQuoted(line string) []string {
	var out []string
	var word strings.Builder
	quoted, any := false, false
	for _, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
			any = true
		case c == ' ' && !quoted:
			if any {
				out = append(out, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteRune(c)
			any = true
		}
	}
	if any {
		out = append(out, word.String())
	}
	return out
}

func (a args) get(key string) string {
	for _, p := range a.pairs {
		if p[0] == key {
			return p[1]
		}
	}
	return ""
}

// command runs one command:
//
//	nodes N k=v...        nodes n1 to nN; a value a,b,c goes round
//	node NAME k=v...      one node; keys see setNode
//	down|up|disconnect|ineligible|eligible|drain|undrain|purge NODE...   @ALLOC is the node it is on
//	job ID k=v...         registers a job; indented "group NAME k=v" lines add groups, "task NAME k=v" tasks,
//	                      "json job|group|task {...}" set fields as the API spells them
//	stop|purgejob JOB
//	config k=v...         scheduler configuration
//	pool NAME k=v...      scheduler configuration of a pool
//	run JOB [trigger=T] [node=N] [namespace=N] [type=T]   schedules, checks the relations, commits
//	again                 runs every blocked evaluation
//	due                   runs every delayed evaluation whose time has come; "due early": those that wait, too, for clocks that are behind
//	supersede JOB         cancels delayed evaluations, as when another one of the job came in the moment they were due
//	plan JOB              schedules without committing
//	set ALLOC k=v...      what a node tells; keys see setAlloc
//	transition ALLOC migrate|start-first|stop-first|reschedule|force|gone
//	time +D               moves the clock
//	promote|pause|resume|fail JOB   the newest deployment
//	explain JOB [all=true] [blind=true]  schedules without committing and prints the reasons
//	hostvolume ID name=N node=N mode=M,...      a dynamic host volume; modes see accessModes
//	csivolume ID plugin=P mode=M,... zone=Z     registers a CSI volume
//	volumes               who claims what
//	show JOB              live allocations and the deployment
//	quota NAME k=v...     a quota; keys see putQuota
//	under [NAME]          the quota of the namespace
func (w *world) command(a args, below []string) {
	rest := a.words[1:]
	switch a.words[0] {
	case "nodes":
		n, _ := strconv.Atoi(rest[0])
		for i := range n {
			w.putNode(fmt.Sprintf("n%d", i+1), a.pairs, i)
		}
	case "node":
		w.putNode(rest[0], a.pairs, 0)
	case "down", "up", "disconnect", "ineligible", "eligible", "drain", "undrain", "purge":
		for _, id := range rest {
			w.moveNode(a.words[0], id)
		}
	case "job":
		w.registerJob(rest[0], a, below)
	case "stop", "purgejob":
		w.apply(&op.DeregisterJob{Namespace: "default", ID: rest[0], Purge: a.words[0] == "purgejob", SubmitTime: w.now.UnixNano()})
	case "config":
		w.configure(a)
	case "pool":
		w.configurePool(rest[0], a)
	case "run":
		w.run(rest[0], a)
	case "again":
		w.again(func(e *nl.Eval) bool { return e.Status == nl.EvalStatusBlocked })
	case "due":
		w.again(func(e *nl.Eval) bool {
			early := len(rest) > 0
			return e.Status == nl.EvalStatusPending && !e.WaitUntil.IsZero() && (early || !e.WaitUntil.After(w.now))
		})
	case "supersede":
		for e := range w.state.EvalsByJob("default", rest[0]) {
			if e.Status == nl.EvalStatusPending && !e.WaitUntil.IsZero() {
				e = e.Copy()
				e.Status = nl.EvalStatusCancelled
				w.apply(&op.UpsertEvals{Evals: []*nl.Eval{e}})
			}
		}
	case "plan":
		w.plan(rest[0], a)
	case "explain":
		w.explain(rest[0], a)
	case "set":
		w.setAllocs(rest[0], a)
	case "transition":
		w.transition(rest[0], rest[1])
	case "time":
		d, err := time.ParseDuration(strings.TrimPrefix(rest[0], "+"))
		if err != nil {
			w.t.Fatal(err)
		}
		w.now = w.now.Add(d)
	case "promote", "pause", "resume", "fail":
		w.deployment(a.words[0], rest[0])
	case "quota":
		w.putQuota(rest[0], a)
	case "under":
		n := &nl.Namespace{Name: nl.DefaultNamespace}
		if len(rest) > 0 {
			n.Quota = rest[0]
		}
		w.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{n}, QuotaMustExist: true})
	case "hostvolume":
		w.hostVolume(rest[0], a)
	case "csivolume":
		w.csiVolume(rest[0], a)
	case "volumes":
		w.showVolumes()
	case "show":
		w.show(rest[0])
	default:
		w.t.Fatalf("unknown command %q", a.words[0])
	}
}

func (w *world) moveNode(how, id string) {
	now := w.now.UnixNano()
	if name, of := strings.CutPrefix(id, "@"); of {
		id = w.matching(name)[0].NodeID
	}
	switch how {
	case "down":
		w.apply(&op.SetNodeStatus{NodeID: id, Status: nl.NodeStatusDown, Time: now})
	case "up":
		w.apply(&op.SetNodeStatus{NodeID: id, Status: nl.NodeStatusReady, Time: now})
	case "disconnect":
		w.apply(&op.SetNodeStatus{NodeID: id, Status: nl.NodeStatusDisconnected, Time: now})
	case "ineligible":
		w.apply(&op.SetNodeEligibility{NodeID: id, Eligibility: nl.NodeIneligible, Time: now})
	case "eligible":
		w.apply(&op.SetNodeEligibility{NodeID: id, Eligibility: nl.NodeEligible, Time: now})
	case "undrain":
		w.apply(&op.SetNodeDrain{NodeID: id, MarkEligible: true, Time: now})
	case "drain":
		w.apply(&op.SetNodeDrain{NodeID: id, Strategy: &nl.DrainStrategy{Deadline: time.Hour}, Time: now})
	case "purge":
		w.apply(&op.DeregisterNodes{NodeIDs: []string{id}})
	}
}

func (w *world) configure(a args) {
	c := *w.state.SchedulerConfig()
	for _, p := range a.pairs {
		on := p[1] == "true"
		switch p[0] {
		case "algorithm":
			c.SchedulerAlgorithm = p[1]
		case "oversubscription":
			c.MemoryOversubscriptionEnabled = on
		case "preempt":
			c.PreemptionConfig = nl.PreemptionConfig{
				SystemSchedulerEnabled:   strings.Contains(p[1], "system"),
				ServiceSchedulerEnabled:  strings.Contains(p[1], "service"),
				BatchSchedulerEnabled:    strings.Contains(p[1], ",batch") || strings.HasPrefix(p[1], "batch"),
				SysBatchSchedulerEnabled: strings.Contains(p[1], "sysbatch"),
			}
		default:
			w.t.Fatalf("unknown setting %q", p[0])
		}
	}
	w.apply(&op.SetSchedulerConfig{Config: &c})
}

func (w *world) configurePool(name string, a args) {
	c := &nl.NodePoolSchedulerConfiguration{SchedulerAlgorithm: a.get("algorithm")}
	if over := a.get("oversubscription"); over != "" {
		on := over == "true"
		c.MemoryOversubscriptionEnabled = &on
	}
	w.apply(&op.UpsertNodePools{Pools: []*nl.NodePool{{Name: name, SchedulerConfiguration: c}}})
}

// matching are the allocations with that name, "*" for any index, newest life
// first unless a count is given.
func (w *world) matching(name string) []*nl.Alloc {
	var out []*nl.Alloc
	for a := range w.state.Allocs("default") {
		called := w.called(a)
		switch {
		case called == name:
			out = append(out, a)
		case strings.HasSuffix(name, "[*]") && strings.HasPrefix(a.Name, strings.TrimSuffix(name, "*]")) && !a.Terminal():
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		w.t.Fatalf("no allocation %q", name)
	}
	return out
}

// setAllocs tells what nodes would: status=running|failed|complete|unknown,
// health=true|false, ago=D (when it ended), started=D (how long it has run).
func (w *world) setAllocs(name string, a args) {
	for _, alloc := range w.matching(name) {
		u := &nl.AllocUpdate{ID: alloc.ID, ClientStatus: alloc.ClientStatus, TaskStates: alloc.TaskStates}
		ended, started := w.now, w.now
		if d, err := time.ParseDuration(a.get("ago")); err == nil {
			ended = w.now.Add(-d)
		}
		if d, err := time.ParseDuration(a.get("started")); err == nil {
			started = w.now.Add(-d)
		}
		if status := a.get("status"); status != "" {
			u.ClientStatus = status
			states := map[string]*nl.TaskState{}
			for _, t := range alloc.Job.Group(alloc.TaskGroup).Tasks {
				st := &nl.TaskState{State: nl.TaskStateRunning, StartedAt: nl.Time{Time: started}}
				if status == "failed" || status == "complete" {
					st.State, st.Failed = nl.TaskStateDead, status == "failed"
					st.FinishedAt = nl.Time{Time: ended}
				}
				states[t.Name] = st
			}
			u.TaskStates = nl.PackTaskStates(states)
		}
		if health := a.get("health"); health != "" {
			healthy := health == "true"
			u.DeploymentStatus = &nl.AllocDeploymentStatus{Healthy: &healthy, Timestamp: nl.Time{Time: w.now}}
		}
		w.apply(&op.UpdateAllocs{NodeID: alloc.NodeID, Updates: []*nl.AllocUpdate{u}, Time: w.now.UnixNano()})
	}
}

func (w *world) transition(name, how string) {
	tr := &nl.DesiredTransition{}
	switch how {
	case "migrate":
		tr.Migrate = nl.Yes
	case "start-first":
		tr.Migrate, tr.StartFirst = nl.Yes, nl.Yes
	case "stop-first":
		tr.Migrate, tr.StartFirst = nl.Yes, nl.No
	case "reschedule":
		tr.Reschedule = nl.Yes
	case "force":
		tr.ForceReschedule = nl.Yes
	case "gone":
		tr.Migrate, tr.MigrateDisablePlacement = nl.Yes, nl.Yes
	}
	for _, a := range w.matching(name) {
		w.apply(&op.TransitionAllocs{Transitions: map[string]*nl.DesiredTransition{a.ID: tr}, Time: w.now.UnixNano()})
	}
}

func (w *world) deployment(how, job string) {
	d := w.state.LatestDeployment("default", job)
	if d == nil {
		w.t.Fatalf("job %s has no deployment", job)
	}
	u := nl.DeploymentStatusUpdate{DeploymentID: d.ID, UpdatedAt: w.now.UnixNano()}
	switch how {
	case "promote":
		w.apply(&op.PromoteDeployment{DeploymentID: d.ID, All: true, Time: w.now.UnixNano()})
		return
	case "pause":
		u.Status, u.StatusDescription = nl.DeploymentStatusPaused, "Deployment is paused"
	case "resume":
		u.Status, u.StatusDescription = nl.DeploymentStatusRunning, "Deployment is running"
	case "fail":
		u.Status, u.StatusDescription = nl.DeploymentStatusFailed, "Deployment marked as failed"
	}
	w.apply(&op.UpdateDeployment{Update: u})
}

func (w *world) show(job string) {
	var lines []string
	for a := range w.state.AllocsByJob("default", job) {
		if a.TerminalDesired() {
			continue
		}
		line := fmt.Sprintf("%s %s %s v%d", w.called(a), a.NodeID, a.ClientStatus, a.JobVersion)
		if a.RescheduleTracker() != nil {
			line += fmt.Sprintf(" rescheduled=%d", len(a.RescheduleTracker().Events))
			if l := a.RescheduleTracker().LastReschedule; l != "" {
				line += " " + l
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	for _, l := range lines {
		w.printf("%s", l)
	}
	if d := w.state.LatestDeployment("default", job); d != nil {
		w.printDeployment(d)
	}
}
