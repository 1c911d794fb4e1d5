package admit

import (
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/cron"
)

// descriptionMax bounds descriptions that people write, in bytes.
const descriptionMax = 1000

// Validate tells everything that is wrong with a mutated job, as Problems, and
// what its author should be warned about.
func Validate(job *nomadlike.Job, s Settings) ([]string, error) {
	var p Problems
	for _, g := range job.TaskGroups {
		checkConnect(&p, g)
	}
	checkVault(&p, job, s)
	checkConsul(&p, job, s)
	checkCapabilities(&p, job, s)
	checkNodePool(&p, job, s)
	checkJob(&p, job, s)
	checkEdition(&p, job)
	return warningsOf(job, s), p.err()
}

func checkJob(p *Problems, job *nomadlike.Job, s Settings) {
	checkNames(p, job)
	jobTypes := []string{nomadlike.JobTypeService, nomadlike.JobTypeBatch, nomadlike.JobTypeSystem, nomadlike.JobTypeSysBatch}
	switch {
	case job.Type == "":
		p.addf("Missing job type")
	default:
		p.oneOf(job.Type, jobTypes, "Invalid job type:")
	}
	if job.Priority < 1 || job.Priority > s.maxPriority() {
		p.addf("Job priority must be between [1, %d], got %d", s.maxPriority(), job.Priority)
	}
	if len(job.Payload) > 0 && !job.Dispatched {
		p.addf("job can't be submitted with a payload, only dispatched with one")
	}
	if job.UI != nil && len(job.UI.Description) > descriptionMax {
		p.addf("UI description must be at most %d characters, got %d", descriptionMax, len(job.UI.Description))
	}
	if job.VersionTag != nil && len(job.VersionTag.Description) > descriptionMax {
		p.addf("Version tag description must be at most %d characters, got %d", descriptionMax, len(job.VersionTag.Description))
	}
	if slices.Contains(job.Datacenters, "") {
		p.addf("Job datacenter must be non-empty string")
	}
	if job.AllOrNothing {
		checkAllOrNothing(p, job)
	}
	checkPlacement(p, "Job", job.Type, job.Constraints, job.Affinities, job.Spreads)
	if len(job.TaskGroups) == 0 {
		p.addf("Missing job task groups")
	}
	total := 0
	seen := map[string]bool{}
	for i, g := range job.TaskGroups {
		switch {
		case g.Name == "":
			p.addf("Job task group %d missing name", i+1)
		case seen[g.Name]:
			p.addf("Job task group %d redefines %q", i+1, g.Name)
		case strings.ContainsRune(g.Name, 0):
			p.addf("Job task group %d has a null character in its name", i+1)
		}
		seen[g.Name] = true
		total += max(g.Count, 0)
		var inner Problems
		checkGroup(&inner, job, g)
		p.within("Task group "+g.Name, inner)
	}
	if s.MaxCount > 0 && total > s.MaxCount {
		p.addf("total count was greater than configured job_max_count: %d > %d", total, s.MaxCount)
	}
	checkPeriodic(p, job)
	checkParameterized(p, job)
	if s.Namespace == nil {
		p.addf("job is in nonexistent namespace %q; create it first", job.Namespace)
	}
}

// checkNames looks at what identifies the job.
func checkNames(p *Problems, job *nomadlike.Job) {
	if job.Region == "" {
		p.addf("Missing job region")
	}
	switch {
	case job.ID == "":
		p.addf("Missing job ID")
	case strings.Contains(job.ID, " "):
		p.addf("Job ID contains a space: %q", job.ID)
	case strings.ContainsRune(job.ID, 0):
		p.addf("Job ID contains a null character")
	}
	switch {
	case job.Name == "":
		p.addf("Missing job name")
	case strings.ContainsRune(job.Name, 0):
		p.addf("Job name contains a null character")
	}
	if job.Namespace == "" {
		p.addf("Job must be in a namespace")
	}
}

// checkPlacement looks at what steers a job or group to nodes.
func checkPlacement(p *Problems, owner, jobType string, constraints []*nomadlike.Constraint, affinities []*nomadlike.Affinity, spreads []*nomadlike.Spread) {
	for i, c := range constraints {
		for _, text := range constraintProblems(c, true) {
			p.addf("%s constraint %d: %s", owner, i+1, text)
		}
	}
	if jobType == nomadlike.JobTypeSystem {
		if len(affinities) > 0 {
			p.addf("%s of type system may not have an affinity block", owner)
		}
		if len(spreads) > 0 {
			p.addf("%s of type system may not have a spread block", owner)
		}
		return
	}
	for i, a := range affinities {
		for _, text := range affinityProblems(a) {
			p.addf("%s affinity %d: %s", owner, i+1, text)
		}
	}
	for i, s := range spreads {
		for _, text := range spreadProblems(s) {
			p.addf("%s spread %d: %s", owner, i+1, text)
		}
	}
}

func isBatch(job *nomadlike.Job) bool {
	return job.Type == nomadlike.JobTypeBatch || job.Type == nomadlike.JobTypeSysBatch
}

func checkPeriodic(p *Problems, job *nomadlike.Job) {
	periodic := job.Periodic
	if periodic == nil {
		return
	}
	if !isBatch(job) {
		p.addf("Periodic can only be used with %q or %q jobs", nomadlike.JobTypeBatch, nomadlike.JobTypeSysBatch)
	}
	if !periodic.Enabled {
		return
	}
	if periodic.SpecType != "cron" && periodic.SpecType != "_internal_test" {
		p.addf("Unknown periodic specification type %q; use cron", periodic.SpecType)
		return
	}
	specs := periodic.Specs
	switch {
	case periodic.Spec == "" && len(specs) == 0:
		p.addf("Periodic needs a schedule: set crons")
	case periodic.Spec != "" && len(specs) > 0:
		p.addf("Only cron or crons may be used")
	case periodic.Spec != "":
		specs = []string{periodic.Spec}
	}
	for _, spec := range specs {
		if _, err := cron.Parse(spec); err != nil {
			p.addf("Invalid cron spec %q: %v", spec, err)
		}
	}
	if _, err := cron.Zone(periodic.TimeZone); err != nil {
		p.addf("Invalid time zone %q: %v", periodic.TimeZone, err)
	}
}

func checkParameterized(p *Problems, job *nomadlike.Job) {
	c := job.ParameterizedJob
	if c == nil {
		return
	}
	if !isBatch(job) {
		p.addf("Parameterized job can only be used with %q or %q jobs", nomadlike.JobTypeBatch, nomadlike.JobTypeSysBatch)
	}
	if !slices.Contains([]string{"optional", "required", "forbidden"}, c.Payload) {
		p.oneOf(c.Payload, []string{"optional", "required", "forbidden"}, "Unknown payload requirement")
	}
	var both []string
	for _, k := range c.MetaRequired {
		if slices.Contains(c.MetaOptional, k) {
			both = append(both, k)
		}
	}
	if len(both) > 0 {
		p.addf("Required and optional meta keys should be disjoint. Following keys exist in both: %v", both)
	}
}

// checkEdition refuses by name what this server does not do yet.
func checkEdition(p *Problems, job *nomadlike.Job) {
	if job.Multiregion != nil {
		p.addf("Multi-region jobs are not supported by this server: remove the multiregion block")
	}
	for _, g := range job.TaskGroups {
		for _, t := range g.Tasks {
			if t.Schedule != nil {
				p.addf("Task %q: task schedules are not supported by this server: remove the schedule block", t.Name)
			}
		}
	}
}
