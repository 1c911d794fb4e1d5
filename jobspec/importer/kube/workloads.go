package kube

import (
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

const (
	// replicasMax bounds counts that a manifest can ask for.
	replicasMax = 100000
	// healthyMax keeps the time that an allocation has to be healthy for below
	// the deadline for becoming so, which is 5 minutes.
	healthyMax = 4 * time.Minute
	// progressMin keeps the deadline of a deployment above the time that an
	// allocation may take to become healthy.
	progressMin = 6 * time.Minute
	// backoffDelay is between the tries of a batch job.
	backoffDelay = 10 * time.Second
	// retriesMax bounds the tries.
	retriesMax = 1000
)

func replicas(n *int32) int {
	if n == nil {
		return 1
	}
	return min(max(int(*n), 0), replicasMax)
}

// podPath is where most workloads have their pod.
var podPath = []string{"spec", "template", "spec"}

func (r *Reader) deployment(raw *raw, d appsv1.Deployment) {
	r.add(workload{raw: raw, meta: d.ObjectMeta, pod: d.Spec.Template, at: podPath, fill: func(_ *outline.Job, g *outline.Group) {
		g.Count = replicas(d.Spec.Replicas)
		g.Update = update(d, g.Count)
	}}, outline.Service)
}

func update(d appsv1.Deployment, count int) *outline.Update {
	u := &outline.Update{MaxParallel: 1, MinHealthy: min(time.Duration(max(d.Spec.MinReadySeconds, 0))*time.Second, healthyMax)}
	rolling := d.Spec.Strategy.RollingUpdate
	switch {
	case d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		u.MaxParallel = max(count, 1)
		u.Check("the strategy Recreate stopped all before the first new one started; here they are replaced at the same time")
	case rolling == nil:
		if u.MinHealthy == 0 && d.Spec.ProgressDeadlineSeconds == nil {
			return nil
		}
	default:
		if n := scaled(rolling.MaxUnavailable, count); n > 0 {
			u.MaxParallel = n
		}
		if n := scaled(rolling.MaxSurge, count); n > 0 && scaled(rolling.MaxUnavailable, count) == 0 {
			u.Canary, u.AutoPromote = n, true
			u.MaxParallel = n
			u.Check("maxSurge without maxUnavailable became canaries, which start beside the old allocations")
		}
	}
	if n := d.Spec.ProgressDeadlineSeconds; n != nil && *n > 0 {
		// The deadline must leave time to become healthy, which is 5 minutes.
		u.ProgressEnd = max(outline.Seconds(int(*n)), progressMin)
		if int(*n) < int(progressMin/time.Second) {
			u.Check("progressDeadlineSeconds %d: it must be longer than healthy_deadline", *n)
		}
	}
	return u
}

func scaled(v *intstr.IntOrString, count int) int {
	if v == nil {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(v, count, true)
	if err != nil {
		return 0
	}
	return min(max(n, 0), replicasMax)
}

func (r *Reader) statefulSet(raw *raw, s appsv1.StatefulSet) {
	r.add(workload{raw: raw, meta: s.ObjectMeta, pod: s.Spec.Template, at: podPath, claims: s.Spec.VolumeClaimTemplates, fill: func(j *outline.Job, g *outline.Group) {
		g.Count = replicas(s.Spec.Replicas)
		j.Lost("stable host names such as %s-0: the index of an instance is NOMAD_ALLOC_INDEX, and instances find each other in the catalogue", s.Name)
		if s.Spec.PodManagementPolicy != appsv1.ParallelPodManagement && g.Count > 1 {
			g.Lost("starting in order: all instances start at the same time")
		} else if s.Spec.PodManagementPolicy != "" {
			g.Check("podManagementPolicy %s: all instances start at the same time", s.Spec.PodManagementPolicy)
		}
		unavailable := (*intstr.IntOrString)(nil)
		if rolling := s.Spec.UpdateStrategy.RollingUpdate; rolling != nil {
			unavailable = rolling.MaxUnavailable
		}
		g.Update = rolling(string(s.Spec.UpdateStrategy.Type), unavailable, s.Spec.MinReadySeconds, g.Count)
	}}, outline.Service)
}

func (r *Reader) daemonSet(raw *raw, d appsv1.DaemonSet) {
	r.add(workload{raw: raw, meta: d.ObjectMeta, pod: d.Spec.Template, at: podPath, fill: func(_ *outline.Job, g *outline.Group) {
		unavailable := (*intstr.IntOrString)(nil)
		if rolling := d.Spec.UpdateStrategy.RollingUpdate; rolling != nil {
			unavailable = rolling.MaxUnavailable
			if rolling.MaxSurge != nil {
				g.Lost("maxSurge %s: a node runs one instance at a time", rolling.MaxSurge.String())
			}
		}
		g.Update = rolling(string(d.Spec.UpdateStrategy.Type), unavailable, d.Spec.MinReadySeconds, 1)
	}}, outline.System)
}

// rolling is the update of what knows no surge. One that says nothing is left to
// the defaults.
func rolling(strategy string, unavailable *intstr.IntOrString, ready int32, count int) *outline.Update {
	u := &outline.Update{MaxParallel: max(1, scaled(unavailable, count)), MinHealthy: min(seconds(ready), healthyMax)}
	switch {
	case strategy == "OnDelete":
		u.Lost("the strategy OnDelete: an update replaces all instances, max_parallel at a time")
	case unavailable != nil && unavailable.Type == intstr.String && count == 1:
		u.Check("maxUnavailable %s of the nodes: max_parallel is a number", unavailable.StrVal)
	case strategy == "" && unavailable == nil && u.MinHealthy == 0:
		return nil
	}
	return u
}

// pod is for pods that no controller keeps up.
func (r *Reader) pod(raw *raw, p corev1.Pod) {
	kind := outline.Service
	if p.Spec.RestartPolicy == corev1.RestartPolicyNever || p.Spec.RestartPolicy == corev1.RestartPolicyOnFailure {
		kind = outline.Batch
	}
	r.add(workload{raw: raw, meta: p.ObjectMeta, pod: corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec}, at: podPath[:1], fill: func(_ *outline.Job, g *outline.Group) {
		if p.Spec.RestartPolicy == corev1.RestartPolicyNever {
			g.Restart = &outline.Restart{Mode: "fail"}
		}
	}}, kind)
}

// batch is for jobs and, with a schedule, for those that the clock launches.
func (r *Reader) batch(raw *raw, meta metav1.ObjectMeta, spec batchv1.JobSpec, cron *batchv1.CronJobSpec) {
	at := podPath
	if cron != nil {
		at = append([]string{"spec", "jobTemplate"}, podPath...)
	}
	r.add(workload{raw: raw, meta: meta, pod: spec.Template, at: at, fill: func(j *outline.Job, g *outline.Group) {
		g.Count = max(replicas(spec.Completions), 1)
		if spec.Completions == nil {
			g.Count = max(replicas(spec.Parallelism), 1)
		}
		if spec.Parallelism != nil && int(*spec.Parallelism) < g.Count {
			g.Lost("parallelism %d: all %d run at the same time as far as there is room", *spec.Parallelism, g.Count)
		}
		tries := 6 // Kubernetes' default
		if spec.BackoffLimit != nil {
			tries = min(max(int(*spec.BackoffLimit), 0), retriesMax)
		}
		g.Restart = &outline.Restart{Attempts: tries, Delay: backoffDelay, Interval: max(24*time.Hour, time.Duration(tries+1)*backoffDelay), Mode: "fail"}
		if spec.Template.Spec.RestartPolicy == corev1.RestartPolicyNever && tries > 0 {
			g.Restart.Check("restartPolicy Never made a new pod for each try; here the task is started again")
		}
		if spec.ActiveDeadlineSeconds != nil {
			g.Lost("activeDeadlineSeconds %d: stop the job by hand, or with timeout in the command", *spec.ActiveDeadlineSeconds)
		}
		if spec.CompletionMode != nil && *spec.CompletionMode == batchv1.IndexedCompletion {
			g.Check("an indexed job: the index is NOMAD_ALLOC_INDEX in place of JOB_COMPLETION_INDEX")
		}
		if cron != nil {
			j.Periodic = periodic(cron)
		}
	}}, outline.Batch)
}

func periodic(c *batchv1.CronJobSpec) *outline.Periodic {
	p := &outline.Periodic{Crons: []string{c.Schedule}, ProhibitOverlap: c.ConcurrencyPolicy == batchv1.ForbidConcurrent}
	if c.TimeZone != nil {
		p.TimeZone = *c.TimeZone
	}
	p.Disabled = c.Suspend != nil && *c.Suspend
	if c.ConcurrencyPolicy == batchv1.ReplaceConcurrent {
		p.Lost("concurrencyPolicy Replace: a launch does not stop the one before")
	}
	if c.StartingDeadlineSeconds != nil {
		p.Lost("startingDeadlineSeconds: only the last missed launch is made up for")
	}
	return p
}

// placement carries the rules on nodes over.
func placement(g *outline.Group, spec corev1.PodSpec) {
	for _, label := range outline.Keys(spec.NodeSelector) {
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: nodeAttribute(label), Value: spec.NodeSelector[label]})
	}
	if a := spec.Affinity; a != nil {
		nodeAffinity(g, a.NodeAffinity)
		if a.PodAffinity != nil {
			g.Lost("podAffinity: tasks that belong together go into one group")
		}
		if anti := a.PodAntiAffinity; anti != nil {
			for _, term := range anti.RequiredDuringSchedulingIgnoredDuringExecution {
				if term.TopologyKey == "kubernetes.io/hostname" {
					g.Constraints = append(g.Constraints, outline.Constraint{Operator: "distinct_hosts", Value: "true"})
					continue
				}
				g.Constraints = append(g.Constraints, outline.Constraint{Attribute: nodeAttribute(term.TopologyKey), Operator: "distinct_property", Value: "1"})
			}
			for _, term := range anti.PreferredDuringSchedulingIgnoredDuringExecution {
				g.Constraints = append(g.Constraints, outline.Constraint{Attribute: nodeAttribute(term.PodAffinityTerm.TopologyKey), Spread: true, Weight: min(max(int(term.Weight), 1), 100)})
			}
		}
	}
	for _, s := range spec.TopologySpreadConstraints {
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: nodeAttribute(s.TopologyKey), Spread: true})
	}
	if spec.NodeName != "" {
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${node.unique.name}", Value: spec.NodeName})
	}
	if spec.OS != nil {
		g.Constraints = append(g.Constraints, outline.Constraint{Attribute: "${attr.kernel.name}", Value: string(spec.OS.Name)})
	}
	for _, t := range spec.Tolerations {
		g.Lost("the toleration %s: nodes have no taints; node pools keep groups of nodes apart", strings.Join(strings.Fields(t.Key+" "+string(t.Operator)+" "+t.Value+" "+string(t.Effect)), " "))
	}
}

func nodeAffinity(g *outline.Group, a *corev1.NodeAffinity) {
	if a == nil {
		return
	}
	if req := a.RequiredDuringSchedulingIgnoredDuringExecution; req != nil {
		if len(req.NodeSelectorTerms) > 1 {
			g.Lost("the second and further terms of nodeAffinity: constraints must all hold")
		}
		if len(req.NodeSelectorTerms) > 0 {
			for _, e := range req.NodeSelectorTerms[0].MatchExpressions {
				constraint(g, e, 0)
			}
		}
	}
	for _, pref := range a.PreferredDuringSchedulingIgnoredDuringExecution {
		for _, e := range pref.Preference.MatchExpressions {
			constraint(g, e, min(max(int(pref.Weight), 1), 100))
		}
	}
}

func constraint(g *outline.Group, e corev1.NodeSelectorRequirement, weight int) {
	c := outline.Constraint{Attribute: nodeAttribute(e.Key), Weight: weight}
	single := len(e.Values) == 1
	switch {
	case e.Operator == corev1.NodeSelectorOpIn && single:
		c.Value = e.Values[0]
	case e.Operator == corev1.NodeSelectorOpIn && len(e.Values) > 1:
		c.Operator, c.Value = "regexp", alternatives(e.Values)
	case e.Operator == corev1.NodeSelectorOpNotIn && single:
		c.Operator, c.Value = "!=", e.Values[0]
	case e.Operator == corev1.NodeSelectorOpExists && weight != 0:
		c.Operator, c.Value = "regexp", ".+" // affinities know no is_set
	case e.Operator == corev1.NodeSelectorOpDoesNotExist && weight != 0:
		g.Lost("the preference for nodes without %s", e.Key)
		return
	case e.Operator == corev1.NodeSelectorOpExists:
		c.Operator = "is_set"
	case e.Operator == corev1.NodeSelectorOpDoesNotExist:
		c.Operator = "is_not_set"
	default:
		g.Lost("the node affinity %s %s %v", e.Key, e.Operator, e.Values)
		return
	}
	g.Constraints = append(g.Constraints, c)
}
