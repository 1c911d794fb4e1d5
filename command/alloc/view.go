package alloc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/usage"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// never stands for an instant that has not come.
const never = "N/A"

// view is what is known of an allocation when it is shown.
type view struct {
	alloc  *nl.Alloc
	stats  *nl.AllocResourceUsage          // nil when nothing was measured
	checks map[string]*nl.CheckQueryResult // by check ID
	follow *nl.Eval                        // the evaluation that will replace it, or nil
	why    string                          // it has yet to start, or whether it runs is unknown; "" when neither is so

	now     time.Time
	verbose bool
}

// group is the task group of the allocation, nil when its job is not known.
func (v *view) group() *nl.Group {
	if v.alloc.Job == nil {
		return nil
	}
	return v.alloc.Job.Group(v.alloc.TaskGroup)
}

// basics are the rows that come first.
func (v *view) basics() string {
	a, rows := v.alloc, &render.Pairs{}
	version := a.JobVersion
	if a.Job != nil {
		version = a.Job.Version
	}
	rows.Add("ID", a.ID).
		Add("Eval ID", render.ID(a.EvalID, v.verbose)).
		Add("Name", a.Name).
		Add("Node ID", render.ID(a.NodeID, v.verbose)).
		Add("Node Name", a.NodeName).
		Add("Job ID", a.JobID).
		Add("Job Version", strconv.FormatUint(version, 10)).
		Add("Client Status", a.ClientStatus).
		Add("Client Description", a.ClientDescription).
		Add("Desired Status", a.DesiredStatus).
		Add("Desired Description", a.DesiredDescription()).
		Add("Created", render.When(a.CreateTime, v.now, v.verbose)).
		Add("Modified", render.When(a.ModifyTime, v.now, v.verbose))
	v.deployment(rows)
	rows.AddIf(a.NextAllocation() != "", "Replacement Alloc ID", render.ID(a.NextAllocation(), v.verbose)).
		AddIf(v.verbose && a.PreviousAllocation() != "", "Previous Alloc ID", a.PreviousAllocation()).
		AddIf(a.PreemptedByAllocation() != "", "Preempted By Alloc ID", render.ID(a.PreemptedByAllocation(), v.verbose))
	if v.follow != nil && !v.follow.WaitUntil.IsZero() {
		rows.Add("Reschedule Eligibility", render.Since(v.follow.WaitUntil.Time, v.now))
	}
	if text := v.attempts(); text != "" {
		rows.Add("Reschedule Attempts", text)
	}
	if t := v.deadline(); !t.IsZero() {
		rows.Add("Max Run Deadline", render.Time(t))
	}
	if m := a.Metrics; v.verbose && m != nil {
		rows.Add("Evaluated Nodes", strconv.Itoa(m.NodesEvaluated)).
			Add("Filtered Nodes", strconv.Itoa(m.NodesFiltered)).
			Add("Exhausted Nodes", strconv.Itoa(m.NodesExhausted)).
			Add("Allocation Time", m.AllocationTime.String()).
			Add("Failures", strconv.Itoa(m.CoalescedFailures))
	}
	return rows.String()
}

func (v *view) deployment(rows *render.Pairs) {
	if v.alloc.DeploymentID == "" {
		return
	}
	health, canary := "unset", false
	if d := v.alloc.DeploymentStatus; d != nil {
		canary = d.Canary
		if d.Healthy != nil {
			health = map[bool]string{true: "healthy", false: "unhealthy"}[*d.Healthy]
		}
	}
	rows.Add("Deployment ID", render.ID(v.alloc.DeploymentID, v.verbose)).
		Add("Deployment Health", health).
		AddIf(canary, "Canary", "true")
}

// attempts is how many of the replacements that the policy allows were used.
func (v *view) attempts() string {
	g := v.group()
	if g == nil || g.ReschedulePolicy == nil || v.alloc.RescheduleTracker() == nil {
		return ""
	}
	p := g.ReschedulePolicy
	if p.Unlimited || p.Attempts == 0 {
		return ""
	}
	used, since := 0, v.now.Add(-p.Interval).UnixNano()
	for _, e := range v.alloc.RescheduleTracker().Events {
		if e.RescheduleTime > since {
			used++
		}
	}
	return fmt.Sprintf("%d/%d", used, p.Attempts)
}

// deadline is when the allocation is stopped because it ran long enough; zero
// when it may run for ever or has not begun.
func (v *view) deadline() time.Time {
	g := v.group()
	if g == nil || g.MaxRunDuration == nil || *g.MaxRunDuration == 0 {
		return time.Time{}
	}
	var first time.Time
	for _, st := range v.alloc.TaskStates.All() {
		if !st.StartedAt.IsZero() && (first.IsZero() || st.StartedAt.Before(first)) {
			first = st.StartedAt.Time
		}
	}
	if first.IsZero() {
		return first
	}
	return first.Add(*g.MaxRunDuration).Local()
}

// addresses is the table of the allocation's ports with its title; both are
// empty without ports.
func (v *view) addresses() (title, body string) {
	res := v.alloc.AllocatedResources
	if res == nil || len(res.Shared.Ports) == 0 && len(res.Shared.Networks) == 0 {
		return "", ""
	}
	dynamic, mode := map[string]bool{}, ""
	t := render.NewTable("Label", "Dynamic", "Address")
	for _, n := range res.Shared.Networks {
		mode = n.Mode
		for _, p := range n.DynamicPorts {
			dynamic[p.Label] = true
		}
	}
	for _, p := range res.Shared.Ports {
		t.Row("*"+p.Label, yesNo(dynamic[p.Label]), portAddress(p.HostIP, p.Value, p.To))
	}
	if t.Len() == 0 {
		for _, n := range res.Shared.Networks {
			for _, p := range slices.Concat(n.DynamicPorts, n.ReservedPorts) {
				t.Row("*"+p.Label, yesNo(dynamic[p.Label]), portAddress(n.IP, p.Value, p.To))
			}
		}
	}
	if t.Len() == 0 {
		return "", ""
	}
	title = "Allocation Addresses"
	if mode != "" && mode != "host" {
		title += fmt.Sprintf(" (mode = %q)", mode)
	}
	return title + ":", t.String()
}

func portAddress(ip string, port, to int) string {
	text := fmt.Sprintf("%s:%d", ip, port)
	if strings.Contains(ip, ":") {
		text = fmt.Sprintf("[%s]:%d", ip, port)
	}
	if to > 0 {
		text += fmt.Sprintf(" -> %d", to)
	}
	return text
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// checkTable lists the results of the checks.
func (v *view) checkTable() *render.Table {
	t := render.NewTable("Service", "Task", "Name", "Mode", "Status")
	for _, c := range sortedChecks(v.checks) {
		task := c.Task
		if task == "" {
			task = "(group)"
		}
		t.Row(c.Service, task, c.Check, c.Mode, c.Status)
	}
	return t
}

func sortedChecks(m map[string]*nl.CheckQueryResult) []*nl.CheckQueryResult {
	out := make([]*nl.CheckQueryResult, 0, len(m))
	for _, id := range render.Keys(m) {
		out = append(out, m[id])
	}
	slices.SortStableFunc(out, func(a, b *nl.CheckQueryResult) int {
		return strings.Compare(a.Service+"\x00"+a.Check, b.Service+"\x00"+b.Check)
	})
	return out
}

// stages order tasks as they run.
func stages() []string {
	return []string{"prestart", "prestart sidecar", "main", "poststart", "poststart sidecar", "poststop"}
}

// stage is when a task runs in the life of its allocation.
func stage(l *nl.Lifecycle) string {
	switch {
	case l == nil || l.Hook == "":
		return "main"
	case l.Sidecar:
		return l.Hook + " sidecar"
	}
	return l.Hook
}

// tasks are the names of the tasks, in the order they run.
func (v *view) tasks() []string {
	known := map[string]bool{}
	for name := range v.alloc.TaskStates.All() {
		known[name] = true
	}
	if v.alloc.AllocatedResources != nil {
		for name := range v.alloc.AllocatedResources.Tasks {
			known[name] = true
		}
	}
	names, order := render.Keys(known), stages()
	slices.SortStableFunc(names, func(a, b string) int {
		return slices.Index(order, v.stage(a)) - slices.Index(order, v.stage(b))
	})
	return names
}

func (v *view) stage(task string) string {
	if g := v.group(); g != nil {
		if t := g.Task(task); t != nil {
			return stage(t.Lifecycle)
		}
	}
	if r := v.alloc.AllocatedResources; r != nil {
		return stage(r.TaskLifecycles[task])
	}
	return "main"
}

// taskTitle names a task, its place in the allocation's life and its state.
func (v *view) taskTitle(task string, state *nl.TaskState) string {
	title := fmt.Sprintf("Task %q", task)
	if s := v.stage(task); s != "main" {
		title += " (" + s + ")"
	}
	if state == nil {
		return title + " has not been received by its node"
	}
	title += fmt.Sprintf(" is %q", state.State)
	if state.Paused != "" {
		title += " (" + state.Paused + ")"
	}
	return title
}

// resources is the table of what a task was given and what it uses.
func (v *view) resources(task string) string {
	res := v.alloc.AllocatedResources
	if res == nil || res.Tasks[task] == nil {
		return ""
	}
	given, used := res.Tasks[task], v.usageOf(task)
	var addrs []string
	for _, n := range given.Networks {
		for _, p := range slices.Concat(n.DynamicPorts, n.ReservedPorts) {
			addrs = append(addrs, p.Label+": "+portAddress(n.IP, p.Value, 0))
		}
	}
	first := ""
	if len(addrs) > 0 {
		first = addrs[0]
	}
	t := render.NewTable("CPU", "Memory", "Disk", "Addresses").KeepEmpty()
	t.Row(usage.CPU(used, given.Cpu.CpuShares), usage.Memory(used, given.Memory.MemoryMB), render.MB(res.Shared.DiskMB), first)
	most := ""
	if given.Memory.MemoryMaxMB > 0 && given.Memory.MemoryMaxMB != given.Memory.MemoryMB {
		most = "Max: " + render.MB(given.Memory.MemoryMaxMB)
	}
	for i := 1; i < len(addrs) || most != ""; i++ {
		addr := ""
		if i < len(addrs) {
			addr = addrs[i]
		}
		t.Row("", most, "", addr)
		most = ""
	}
	return t.String()
}

// usageOf is what a task uses, nil when nothing was measured.
func (v *view) usageOf(task string) *nl.ResourceUsage {
	if v.stats == nil || v.stats.Tasks[task] == nil {
		return nil
	}
	return v.stats.Tasks[task].ResourceUsage
}

// life are the rows about the runs of a task.
func life(state *nl.TaskState) string {
	instant := func(t nl.Time) string {
		if t.IsZero() {
			return never
		}
		return render.Time(t.Local())
	}
	return (&render.Pairs{}).
		Add("Started At", instant(state.StartedAt)).
		Add("Finished At", instant(state.FinishedAt)).
		Add("Total Restarts", strconv.FormatUint(state.Restarts, 10)).
		Add("Last Restart", instant(state.LastRestart)).String()
}

// events is the table of a task's events, newest first.
func events(state *nl.TaskState) *render.Table {
	t := render.NewTable("Time", "Type", "Description")
	for _, e := range slices.Backward(state.Events) {
		t.Row(render.Nanos(e.Time), e.Type, describe(e))
	}
	return t
}

// describe is what an event says to people.
func describe(e *nl.TaskEvent) string {
	if e.DisplayMessage != "" {
		return e.DisplayMessage
	}
	return e.Message
}
