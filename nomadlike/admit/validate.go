package admit

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/cron"
)

// descriptionMax bounds descriptions that people write, in bytes.
const descriptionMax = 1000

// Validate tells everything that is wrong with a mutated job, in an error that
// Errors and Located take apart, and what its author should be warned about.
func Validate(job *nomadlike.Job, s Settings) ([]string, error) {
	p := newFindings()
	for i, g := range job.TaskGroups {
		checkConnect(p.group(i, g), g)
	}
	checkVault(p, job, s)
	checkConsul(p, job, s)
	checkCapabilities(p, job, s)
	checkNodePool(p, job, s)
	checkJob(p, job, s)
	checkEdition(p, job)
	w := newFindings()
	warn(w, job, s)
	return texts(*w.list), p.err()
}

func checkJob(p findings, job *nomadlike.Job, s Settings) {
	checkNames(p, job)
	switch {
	case job.Type == "":
		p.addf("Type", "Missing job type")
	default:
		p.oneOf("Type", job.Type, jobTypes(), "Invalid job type:")
	}
	if job.Priority < 1 || job.Priority > s.maxPriority() {
		p.addf("Priority", "Job priority must be between [1, %d], got %d", s.maxPriority(), job.Priority)
	}
	if len(job.Payload) > 0 && !job.Dispatched {
		p.addf("Payload", "job can't be submitted with a payload, only dispatched with one")
	}
	if job.UI != nil && len(job.UI.Description) > descriptionMax {
		p.addf("UI/Description", "UI description must be at most %d characters, got %d", descriptionMax, len(job.UI.Description))
	}
	if job.VersionTag != nil && len(job.VersionTag.Description) > descriptionMax {
		p.addf("VersionTag/Description", "Version tag description must be at most %d characters, got %d", descriptionMax, len(job.VersionTag.Description))
	}
	if i := slices.Index(job.Datacenters, ""); i >= 0 {
		p.addf("Datacenters/"+strconv.Itoa(i), "Job datacenter must be non-empty string")
	}
	if job.AllOrNothing {
		checkAllOrNothing(p, job)
	}
	checkPlacement(p, "Job", job.Type, job.Constraints, job.Affinities, job.Spreads)
	if len(job.TaskGroups) == 0 {
		p.addf("TaskGroups", "Missing job task groups")
	}
	total := 0
	seen := map[string]bool{}
	for i, g := range job.TaskGroups {
		at := p.group(i, g)
		switch {
		case g.Name == "":
			at.addf("Name", "Job task group %d missing name", i+1)
		case seen[g.Name]:
			at.addf("Name", "Job task group %d redefines %q", i+1, g.Name)
		case strings.ContainsRune(g.Name, 0):
			at.addf("Name", "Job task group %d has a null character in its name", i+1)
		}
		seen[g.Name] = true
		total += max(g.Count, 0)
		inner := at.apart()
		checkGroup(inner, job, g)
		p.fold("Task group "+g.Name, inner)
	}
	if s.MaxCount > 0 && total > s.MaxCount {
		p.addf("TaskGroups", "total count was greater than configured job_max_count: %d > %d", total, s.MaxCount)
	}
	checkPeriodic(p, job)
	checkParameterized(p, job)
	if s.Namespace == nil {
		p.addf("Namespace", "job is in nonexistent namespace %q; create it first", job.Namespace)
	}
}

// checkNames looks at what identifies the job.
func checkNames(p findings, job *nomadlike.Job) {
	if job.Region == "" {
		p.addf("Region", "Missing job region")
	}
	switch {
	case job.ID == "":
		p.addf("ID", "Missing job ID")
	case strings.Contains(job.ID, " "):
		p.addf("ID", "Job ID contains a space: %q", job.ID)
	case strings.ContainsRune(job.ID, 0):
		p.addf("ID", "Job ID contains a null character")
	}
	switch {
	case job.Name == "":
		p.addf("Name", "Missing job name")
	case strings.ContainsRune(job.Name, 0):
		p.addf("Name", "Job name contains a null character")
	}
	if job.Namespace == "" {
		p.addf("Namespace", "Job must be in a namespace")
	}
}

// checkPlacement looks at what steers a job or group to nodes.
func checkPlacement(p findings, owner, jobType string, constraints []*nomadlike.Constraint, affinities []*nomadlike.Affinity, spreads []*nomadlike.Spread) {
	for i, c := range constraints {
		at := p.element("Constraints", i, "", "")
		for _, w := range constraintProblems(c, true) {
			at.addf(w.field, "%s constraint %d: %s", owner, i+1, w.text)
		}
	}
	if jobType == nomadlike.JobTypeSystem {
		if len(affinities) > 0 {
			p.addf("Affinities", "%s of type system may not have an affinity block", owner)
		}
		if len(spreads) > 0 {
			p.addf("Spreads", "%s of type system may not have a spread block", owner)
		}
		return
	}
	for i, a := range affinities {
		at := p.element("Affinities", i, "", "")
		for _, w := range affinityProblems(a) {
			at.addf(w.field, "%s affinity %d: %s", owner, i+1, w.text)
		}
	}
	for i, s := range spreads {
		at := p.element("Spreads", i, "", "")
		for _, w := range spreadProblems(s) {
			at.addf(w.field, "%s spread %d: %s", owner, i+1, w.text)
		}
	}
}

// jobTypes are the types that jobs may have.
func jobTypes() []string {
	return []string{nomadlike.JobTypeService, nomadlike.JobTypeBatch, nomadlike.JobTypeSystem, nomadlike.JobTypeSysBatch}
}

// notFor tells whether the type of the job is none of those that have something.
// Where the type is unknown, that alone is what is wrong.
func notFor(job *nomadlike.Job, types ...string) bool {
	return slices.Contains(jobTypes(), job.Type) && !slices.Contains(types, job.Type)
}

func isBatch(job *nomadlike.Job) bool {
	return job.Type == nomadlike.JobTypeBatch || job.Type == nomadlike.JobTypeSysBatch
}

func checkPeriodic(p findings, job *nomadlike.Job) {
	periodic := job.Periodic
	if periodic == nil {
		return
	}
	if notFor(job, nomadlike.JobTypeBatch, nomadlike.JobTypeSysBatch) {
		p.addf("Periodic", "Periodic can only be used with %q or %q jobs", nomadlike.JobTypeBatch, nomadlike.JobTypeSysBatch)
	}
	if !periodic.Enabled {
		return
	}
	if periodic.SpecType != "cron" && periodic.SpecType != "_internal_test" {
		p.addf("Periodic/SpecType", "Unknown periodic specification type %q; use cron", periodic.SpecType)
		return
	}
	specs, field := periodic.Specs, "Periodic/Specs/%d"
	switch {
	case periodic.Spec == "" && len(specs) == 0:
		p.addf("Periodic", "Periodic needs a schedule: set crons")
	case periodic.Spec != "" && len(specs) > 0:
		p.addf("Periodic/Specs", "Only cron or crons may be used")
	case periodic.Spec != "":
		specs, field = []string{periodic.Spec}, "Periodic/Spec"
	}
	for i, spec := range specs {
		if _, err := cron.Parse(spec); err != nil {
			p.addf(strings.ReplaceAll(field, "%d", strconv.Itoa(i)), "Invalid cron spec %q: %v", spec, err)
		}
	}
	if _, err := cron.Zone(periodic.TimeZone); err != nil {
		p.addf("Periodic/TimeZone", "Invalid time zone %q: %v", periodic.TimeZone, err)
	}
}

func checkParameterized(p findings, job *nomadlike.Job) {
	c := job.ParameterizedJob
	if c == nil {
		return
	}
	if notFor(job, nomadlike.JobTypeBatch, nomadlike.JobTypeSysBatch) {
		p.addf("ParameterizedJob", "Parameterized job can only be used with %q or %q jobs", nomadlike.JobTypeBatch, nomadlike.JobTypeSysBatch)
	}
	p.oneOf("ParameterizedJob/Payload", c.Payload, []string{"optional", "required", "forbidden"}, "Unknown payload requirement")
	var both []string
	for _, k := range c.MetaRequired {
		if slices.Contains(c.MetaOptional, k) {
			both = append(both, k)
		}
	}
	if len(both) > 0 {
		p.addf("ParameterizedJob/MetaOptional", "Required and optional meta keys should be disjoint. Following keys exist in both: %v", both)
	}
}

// checkEdition refuses by name what this server does not do yet.
func checkEdition(p findings, job *nomadlike.Job) {
	if job.Multiregion != nil {
		p.addf("Multiregion", "Multi-region jobs are not supported by this server: remove the multiregion block")
	}
	for i, g := range job.TaskGroups {
		for j, t := range g.Tasks {
			if t.Schedule != nil {
				p.group(i, g).task(j, t).addf("Schedule", "Task %q: task schedules are not supported by this server: remove the schedule block", t.Name)
			}
		}
	}
}
