package admit

import (
	"math"
	"slices"
	"time"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// Bounds of group policies.
const (
	restartIntervalMin    = 5 * time.Second
	rescheduleDelayMin    = 5 * time.Second
	rescheduleIntervalMin = 15 * time.Second
	// rebalanceIntervalMin bounds how often a group asks to be looked at whole: a
	// look scores every one of its allocations against every node.
	rebalanceIntervalMin = time.Minute
	diskMinMB            = 10
)

func checkGroup(p findings, job *nomadlike.Job, g *nomadlike.Group) {
	if g.Count < 0 {
		p.addf("Count", "Task group count can't be negative")
	}
	if job.Type == nomadlike.JobTypeSystem && g.Count > 1 {
		p.addf("Count", "Job task group %q has count %d. Count cannot exceed 1 with system scheduler", g.Name, g.Count)
	}
	if g.ShutdownDelay != nil && *g.ShutdownDelay < 0 {
		p.addf("ShutdownDelay", "ShutdownDelay must be a positive value")
	}
	if g.MaxRunDuration != nil {
		if *g.MaxRunDuration <= 0 {
			p.addf("MaxRunDuration", "max_run_duration must be positive")
		}
		if notFor(job, nomadlike.JobTypeBatch, nomadlike.JobTypeSysBatch) {
			p.addf("MaxRunDuration", "max_run_duration is only for batch and sysbatch jobs")
		}
	}
	if g.AllOrNothing {
		checkAllOrNothing(p, job)
	}
	checkPlacement(p, "Group", job.Type, g.Constraints, g.Affinities, g.Spreads)
	checkRestart(p.below("RestartPolicy"), g.RestartPolicy)
	checkReschedule(p.below("ReschedulePolicy"), job, g.ReschedulePolicy)
	checkDisconnect(p.below("Disconnect"), job, g.Disconnect)
	checkUpdate(p.below("Update"), job, g.Update)
	checkMigrate(p.below("Migrate"), job, g.Migrate)
	checkRebalance(p, job, g)
	if g.EphemeralDisk == nil {
		p.addf("EphemeralDisk", "Missing ephemeral disk")
	} else if g.EphemeralDisk.SizeMB < diskMinMB {
		p.addf("EphemeralDisk/SizeMB", "minimum DiskMB value is %d; got %d", diskMinMB, g.EphemeralDisk.SizeMB)
	}
	checkGroupScaling(p, g)
	checkVolumes(p, job, g)
	checkNetworks(p, g)
	checkServices(p, g)
	checkTasks(p, job, g)
}

// checkAllOrNothing refuses gangs where nodes take allocations one by one.
func checkAllOrNothing(p findings, job *nomadlike.Job) {
	if job.Type == nomadlike.JobTypeSystem || job.Type == nomadlike.JobTypeSysBatch {
		p.addf("AllOrNothing", "all_or_nothing is only for service and batch jobs: a %s job runs on each node by itself", job.Type)
	}
}

func checkTasks(p findings, job *nomadlike.Job, g *nomadlike.Group) {
	if len(g.Tasks) == 0 {
		p.addf("Tasks", "Missing tasks for task group")
		return
	}
	seen := map[string]bool{}
	leaders, mains := 0, 0
	var second findings // of the leaders
	for i, t := range g.Tasks {
		at := p.task(i, t)
		switch {
		case t.Name == "":
			at.addf("Name", "Task %d missing name", i+1)
		case seen[t.Name]:
			at.addf("Name", "Task %d redefines %q", i+1, t.Name)
		}
		seen[t.Name] = true
		if t.Leader {
			if leaders++; leaders == 2 {
				second = at
			}
		}
		if t.Lifecycle == nil || !slices.Contains(hooks(), t.Lifecycle.Hook) {
			mains++
		}
		inner := at.apart()
		checkTask(inner, job, g, t)
		p.fold("Task "+t.Name, inner)
	}
	if leaders > 1 {
		second.addf("Leader", "Only one task may be marked as leader")
	}
	if mains == 0 {
		p.addf("Tasks", "group needs a task that is neither prestart, poststart nor poststop")
	}
}

func checkRestart(p findings, r *nomadlike.RestartPolicy) {
	if r == nil {
		p.addf("", "Missing restart policy")
		return
	}
	p.oneOf("Mode", r.Mode, []string{"fail", "delay"}, "Unsupported restart mode")
	switch {
	case r.Attempts < 0:
		p.addf("Attempts", "Restart policy attempts can't be negative")
	case r.Attempts == 0 && r.Mode != "fail":
		p.addf("Attempts", "Restart policy %q with %d attempts is ambiguous", r.Mode, r.Attempts)
	}
	if r.Interval < restartIntervalMin {
		p.addf("Interval", "Interval can not be less than %v (got %v)", restartIntervalMin, r.Interval)
	}
	if exceeds(r.Attempts, r.Delay, r.Interval) {
		p.addf("Interval", "Can't restart the task %d times in an interval of %v with a delay of %v", r.Attempts, r.Interval, r.Delay)
	}
}

// exceeds tells whether that many delays are longer than the interval.
func exceeds(attempts int, delay, interval time.Duration) bool {
	return float64(attempts)*float64(delay) > float64(interval)
}

func checkReschedule(p findings, job *nomadlike.Job, r *nomadlike.ReschedulePolicy) {
	if job.Type == nomadlike.JobTypeSystem || job.Type == nomadlike.JobTypeSysBatch {
		if r != nil {
			p.addf("", "%s jobs should not have a reschedule policy", job.Type)
		}
		return
	}
	if r == nil || r.Attempts == 0 && !r.Unlimited {
		return
	}
	if r.Attempts < 0 {
		p.addf("Attempts", "Reschedule policy attempts can't be negative")
	}
	if r.Attempts > 0 && r.Unlimited {
		p.addf("Unlimited", "Reschedule policy with attempts of %d can't be unlimited: set unlimited = false", r.Attempts)
	}
	if r.Attempts > 0 && r.Interval <= 0 {
		p.addf("Interval", "Reschedule policy with attempts needs an interval")
	}
	if r.Delay < rescheduleDelayMin {
		p.addf("Delay", "Delay cannot be less than %v (got %v)", rescheduleDelayMin, r.Delay)
	}
	switch r.DelayFunction {
	case "constant":
	case "exponential", "fibonacci":
		if r.MaxDelay < rescheduleDelayMin {
			p.addf("MaxDelay", "Max Delay cannot be less than %v (got %v)", rescheduleDelayMin, r.MaxDelay)
		}
		if r.MaxDelay < r.Delay {
			p.addf("MaxDelay", "Max Delay cannot be less than Delay %v (got %v)", r.Delay, r.MaxDelay)
		}
	default:
		p.oneOf("DelayFunction", r.DelayFunction, []string{"constant", "exponential", "fibonacci"}, "Invalid delay function")
		return
	}
	if !r.Unlimited {
		if r.Interval < rescheduleIntervalMin {
			p.addf("Interval", "Interval cannot be less than %v (got %v)", rescheduleIntervalMin, r.Interval)
		}
		if total := rescheduleTotal(r); total > float64(r.Interval) {
			p.addf("Interval", "Reschedule policy is impossible: %d attempts take %v, more than the interval of %v", r.Attempts, time.Duration(min(total, math.MaxInt64/2)), r.Interval)
		}
	}
}

// attemptsCounted bounds the simulation of delays: after that many attempts the
// rest is taken to wait as long as the last.
const attemptsCounted = 1000

// rescheduleTotal is how long all the attempts of a policy take, in
// nanoseconds.
func rescheduleTotal(r *nomadlike.ReschedulePolicy) float64 {
	delay, previous, total := float64(r.Delay), 0.0, 0.0
	for i := range min(r.Attempts, attemptsCounted) {
		total += delay
		switch r.DelayFunction {
		case "exponential":
			delay *= 2
		case "fibonacci":
			if i == 0 {
				previous = delay
			} else {
				previous, delay = delay, previous+delay
			}
		}
		if r.DelayFunction != "constant" {
			delay = min(delay, float64(r.MaxDelay))
		}
	}
	return total + delay*float64(max(0, r.Attempts-attemptsCounted))
}

func checkDisconnect(p findings, job *nomadlike.Job, d *nomadlike.Disconnect) {
	if d == nil {
		return
	}
	if d.LostAfter < 0 {
		p.addf("LostAfter", "disconnect.lost_after cannot be negative")
	}
	if d.StopOnClientAfter != nil {
		switch {
		case *d.StopOnClientAfter < 0:
			p.addf("StopOnClientAfter", "disconnect.stop_on_client_after cannot be negative")
		case d.LostAfter > 0:
			p.addf("StopOnClientAfter", "Disconnect block cannot be configured with both lost_after and stop_on_client_after")
		}
		if notFor(job, nomadlike.JobTypeService, nomadlike.JobTypeBatch) {
			p.addf("StopOnClientAfter", "disconnect.stop_on_client_after can only be used with service and batch jobs")
		}
	}
	p.oneOf("Reconcile", d.Reconcile, []string{"best_score", "longest_running", "keep_original", "keep_replacement"}, "Invalid disconnect reconcile option")
}

func checkUpdate(p findings, job *nomadlike.Job, u *nomadlike.UpdateStrategy) {
	if u == nil {
		return
	}
	if notFor(job, nomadlike.JobTypeService, nomadlike.JobTypeSystem) {
		p.addf("", "%s jobs may not have an update block", job.Type)
		return
	}
	p.oneOf("HealthCheck", u.HealthCheck, []string{"checks", "task_states", "manual"}, "Invalid health check given")
	if u.MaxParallel < 0 {
		p.addf("MaxParallel", "Max parallel can not be less than zero: %d < 0", u.MaxParallel)
	}
	if u.Canary < 0 {
		p.addf("Canary", "Canary count can not be less than zero: %d < 0", u.Canary)
	}
	if u.Canary == 0 && u.AutoPromote {
		p.addf("AutoPromote", "Auto Promote requires a Canary count greater than zero")
	}
	if u.MinHealthyTime < 0 {
		p.addf("MinHealthyTime", "Minimum healthy time may not be less than zero: %v", u.MinHealthyTime)
	}
	if u.HealthyDeadline <= 0 {
		p.addf("HealthyDeadline", "Healthy deadline must be greater than zero: %v", u.HealthyDeadline)
	}
	if u.ProgressDeadline < 0 {
		p.addf("ProgressDeadline", "Progress deadline must be zero or greater: %v", u.ProgressDeadline)
	}
	if u.MinHealthyTime >= u.HealthyDeadline {
		p.addf("MinHealthyTime", "Minimum healthy time must be less than healthy deadline: %v >= %v", u.MinHealthyTime, u.HealthyDeadline)
	}
	if u.ProgressDeadline != 0 && u.HealthyDeadline >= u.ProgressDeadline {
		p.addf("HealthyDeadline", "Healthy deadline must be less than progress deadline: %v >= %v", u.HealthyDeadline, u.ProgressDeadline)
	}
	if u.Stagger <= 0 {
		p.addf("Stagger", "Stagger must be greater than zero: %v", u.Stagger)
	}
}

func checkMigrate(p findings, job *nomadlike.Job, m *nomadlike.MigrateStrategy) {
	if m == nil {
		return
	}
	if notFor(job, nomadlike.JobTypeService) {
		p.addf("", "%s jobs may not have a migrate block", job.Type)
		return
	}
	if m.MaxParallel < 0 {
		p.addf("MaxParallel", "MaxParallel must be >= 0 but found %d", m.MaxParallel)
	}
	p.oneOf("HealthCheck", m.HealthCheck, []string{"checks", "task_states"}, "Invalid migrate health check")
	if m.MinHealthyTime < 0 || m.HealthyDeadline < 0 {
		p.addf("MinHealthyTime", "MinHealthyTime and HealthyDeadline of migrate must not be negative")
	}
	if m.MinHealthyTime > m.HealthyDeadline {
		p.addf("MinHealthyTime", "MinHealthyTime must be less than HealthyDeadline")
	}
	p.oneOf("Order", m.Order, []string{"", nomadlike.OrderStopFirst, nomadlike.OrderStartFirst}, "Invalid migrate order")
}

func checkRebalance(p findings, job *nomadlike.Job, g *nomadlike.Group) {
	r := g.Rebalance
	if r == nil {
		return
	}
	if job.Type == nomadlike.JobTypeSystem || job.Type == nomadlike.JobTypeSysBatch {
		p.addf("Rebalance", "%s jobs may not have a rebalance block: they run on every node", job.Type)
		return
	}
	if r.MaxParallel < 1 {
		p.addf("Rebalance/MaxParallel", "Rebalance max_parallel must be at least 1 but found %d", r.MaxParallel)
	}
	if r.Interval < rebalanceIntervalMin {
		p.addf("Rebalance/Interval", "Rebalance interval must be at least %v but found %v", rebalanceIntervalMin, r.Interval)
	}
	if !(r.MinGain > 0 && r.MinGain <= 1) {
		p.addf("Rebalance/MinGain", "Rebalance min_gain must be above 0 and at most 1 but found %v", r.MinGain)
	}
	if d := g.EphemeralDisk; r.Enabled && d != nil && (d.Sticky || d.Migrate) {
		p.addf("Rebalance", "A group with a sticky or migrating ephemeral disk may not be rebalanced: its allocations stay with their data")
	}
}

func checkGroupScaling(p findings, g *nomadlike.Group) {
	s := g.Scaling
	if s == nil {
		return
	}
	if s.Type != "horizontal" {
		p.addf("Scaling/Type", "Scaling policy type %q is not possible for a group; use horizontal", s.Type)
	}
	if s.Max < s.Min {
		p.addf("Scaling/Max", "Scaling policy invalid: maximum count must not be less than minimum count")
	}
	if s.Min < 0 {
		p.addf("Scaling/Min", "Scaling policy invalid: minimum count must be specified and non-negative")
	}
	if g.Count < s.Min {
		p.addf("Count", "Scaling policy invalid: task group count must not be less than minimum count in scaling policy")
	}
	if s.Max >= s.Min && g.Count > s.Max {
		p.addf("Count", "Scaling policy invalid: task group count must not be greater than maximum count in scaling policy")
	}
}
