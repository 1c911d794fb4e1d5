package admit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// defaultIdentity is the name of the identity that every task has.
const defaultIdentity = "default"

// identityAudience is whom a task's default identity is meant for.
const identityAudience = "nomadproject.io"

// killTimeoutDefault is how long a task may take to stop unless the job says
// otherwise; zero does not count as saying so.
const killTimeoutDefault = 5 * time.Second

// groupTask is the task name of services and checks that belong to the group.
const groupTask = "group"

// canonicalJob gives the job what every stored job has.
func canonicalJob(job *nomadlike.Job, s Settings) {
	setDefault(&job.Namespace, defaultNamespace)
	setDefault(&job.Name, job.ID)
	if (job.Region == "" || job.Region == globalRegion) && s.Region != "" && job.Multiregion == nil {
		job.Region = s.Region
	}
	setDefault(&job.Region, globalRegion)
	if len(job.Datacenters) == 0 {
		job.Datacenters = []string{"*"}
	}
	if job.Priority == 0 {
		job.Priority = s.defaultPriority()
	}
	if job.ParameterizedJob != nil {
		setDefault(&job.ParameterizedJob.Payload, "optional")
	}
	for _, g := range job.TaskGroups {
		canonicalGroup(job, g)
	}
}

func canonicalGroup(job *nomadlike.Job, g *nomadlike.Group) {
	if g.Disconnect != nil {
		if g.Disconnect.Replace == nil {
			yes := true
			g.Disconnect.Replace = &yes
		}
		setDefault(&g.Disconnect.Reconcile, "best_score")
	}
	for name, v := range g.Volumes {
		v.Name = name
	}
	canonicalNetworks(g.Networks)
	if g.Scaling != nil {
		setDefault(&g.Scaling.Type, "horizontal")
		g.Scaling.Target = map[string]string{"Namespace": job.Namespace, "Job": job.ID, "Group": g.Name}
	}
	for _, s := range g.Services {
		canonicalService(job, g.Name, groupTask, s)
	}
	for _, t := range g.Tasks {
		canonicalTask(job, g, t)
	}
}

func canonicalTask(job *nomadlike.Job, g *nomadlike.Group, t *nomadlike.Task) {
	if t.KillTimeout == 0 {
		t.KillTimeout = killTimeoutDefault
	}
	if t.Resources != nil {
		canonicalNetworks(t.Resources.Networks)
	}
	for _, s := range t.Services {
		s.TaskName = t.Name
		canonicalService(job, g.Name, t.Name, s)
	}
	canonicalIdentities(t)
	for _, p := range t.ScalingPolicies {
		p.Target = map[string]string{"Namespace": job.Namespace, "Job": job.ID, "Group": g.Name, "Task": t.Name}
	}
	for _, tmpl := range t.Templates {
		tmpl.ChangeSignal = strings.ToUpper(tmpl.ChangeSignal)
	}
}

// canonicalIdentities gives the task its default identity.
func canonicalIdentities(t *nomadlike.Task) {
	isDefault := func(id *nomadlike.WorkloadIdentity) bool { return id.Name == "" || id.Name == defaultIdentity }
	if t.Identity == nil {
		if i := slices.IndexFunc(t.Identities, isDefault); i >= 0 {
			t.Identity = t.Identities[i]
			t.Identities = slices.Delete(slices.Clone(t.Identities), i, i+1)
		} else {
			t.Identity = &nomadlike.WorkloadIdentity{}
		}
	}
	t.Identity.Name = defaultIdentity
	t.Identity.Audience = []string{identityAudience}
	if len(t.Identities) == 0 {
		t.Identities = nil
	}
}

func canonicalNetworks(networks []*nomadlike.Network) {
	for _, n := range networks {
		for _, ports := range [...][]*nomadlike.Port{n.ReservedPorts, n.DynamicPorts} {
			for _, p := range ports {
				setDefault(&p.HostNetwork, "default")
			}
		}
	}
}

// canonicalService names a service and its checks; task is "group" for services
// of the group.
func canonicalService(job *nomadlike.Job, group, task string, s *nomadlike.Service) {
	base := job.Name + "-" + group + "-" + task
	s.Name = strings.NewReplacer(
		"${JOB}", job.Name, "${TASKGROUP}", group, "${TASK}", task, "${BASE}", base,
	).Replace(s.Name)
	setDefault(&s.Provider, "consul")
	setDefault(&s.Cluster, defaultCluster)
	setDefault(&s.AddressMode, "auto")
	setDefault(&s.OnUpdate, "require_healthy")
	if s.Provider == "nomad" {
		s.Namespace = job.Namespace
	} else {
		setDefault(&s.Namespace, defaultNamespace)
	}
	for _, c := range s.Checks {
		setDefault(&c.Name, checkNameDefault(s))
		setDefault(&c.OnUpdate, s.OnUpdate)
		if s.TaskName != "" && s.TaskName != groupTask {
			setDefault(&c.TaskName, s.TaskName)
		}
	}
	if s.Identity != nil {
		s.Identity.Name = serviceIdentityName(s)
		s.Identity.ServiceName = s.Name
		s.Identity.ChangeSignal = strings.ToUpper(s.Identity.ChangeSignal)
	}
}

// checkNameDefault is the name of checks that are given none.
func checkNameDefault(s *nomadlike.Service) string { return fmt.Sprintf("service: %q check", s.Name) }

// serviceIdentityName is unique within a group.
func serviceIdentityName(s *nomadlike.Service) string {
	name := s.Name + "-" + s.PortLabel
	if s.TaskName != "" {
		name = s.TaskName + "-" + name
	}
	return "consul-service_" + name
}

// setDefault sets a string that is empty.
func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
