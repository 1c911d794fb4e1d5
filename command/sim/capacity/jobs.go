package capacity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// countMax bounds the sum of the counts of a job's groups, as servers do unless
// they are configured otherwise.
const countMax = 50_000

// RefusedJobError is why servers would not take a job.
type RefusedJobError struct {
	ID  string
	At  int // where it is among the jobs of the question; beyond them for one that only gets another count
	Err error
}

func (e *RefusedJobError) Error() string { return fmt.Sprintf("job %s: %s", e.ID, e.Err) }
func (e *RefusedJobError) Unwrap() error { return e.Err }

// register admits and registers the jobs of the question as servers do.
func (e *engine) register() error {
	jobs, err := e.counted()
	if err != nil {
		return err
	}
	for i, job := range jobs {
		if err := e.admit(job); err != nil {
			return &RefusedJobError{ID: job.ID, At: i, Err: err}
		}
		if job.IsPeriodic() || job.IsParameterized() {
			job = e.launched(job)
		}
		o := &op.RegisterJob{Job: job, Eval: e.c.Eval(job, nl.TriggerJobRegister)}
		if _, err := e.c.Do(o); err != nil {
			return fmt.Errorf("job %s: %w", job.ID, err)
		}
		e.planned = append(e.planned, job)
	}
	return nil
}

// launched is one run of a job that only runs through its children.
func (e *engine) launched(job *nl.Job) *nl.Job {
	child := job.Copy()
	child.Periodic, child.ParameterizedJob = nil, nil
	child.ID += "/one-launch"
	child.Name = child.ID
	e.answer.Warnings = append(e.answer.Warnings, fmt.Sprintf("Job %s runs only when it is launched or dispatched: one launch is planned.", job.ID))
	return child
}

func (e *engine) admit(job *nl.Job) error {
	s := e.c.Snapshot()
	settings := admit.Settings{
		MaxCount:               countMax,
		MemoryOversubscription: s.SchedulerConfig().MemoryOversubscriptionEnabled,
		Namespace:              s.Namespace(job.Namespace),
		NodePoolExists:         func(name string) bool { return s.NodePool(name) != nil },
	}
	if p := s.NodePool(job.NodePool); p != nil && p.SchedulerConfiguration != nil && p.SchedulerConfiguration.MemoryOversubscriptionEnabled != nil {
		settings.MemoryOversubscription = *p.SchedulerConfiguration.MemoryOversubscriptionEnabled
	}
	warnings := admit.Mutate(job, settings)
	more, err := admit.Validate(job, settings)
	if err != nil {
		return err
	}
	old := s.Job(job.Namespace, job.ID)
	if err := admit.CheckUpdate(old, job); err != nil {
		return err
	}
	admit.AssignPolicyIDs(old, job, e.c.NewID)
	job.SubmitTime = e.c.Now().UnixNano()
	for _, w := range append(warnings, more...) {
		e.answer.Warnings = append(e.answer.Warnings, fmt.Sprintf("Job %s: %s", job.ID, w))
	}
	return nil
}

// counted is the jobs of the question with the counts it wants, and those of
// the snapshot that only get another count.
func (e *engine) counted() ([]*nl.Job, error) {
	var jobs []*nl.Job
	for _, job := range e.q.Jobs {
		jobs = append(jobs, job.Copy())
	}
	for _, text := range e.q.Counts {
		name, value, _ := strings.Cut(text, "=")
		count, err := strconv.Atoi(value)
		if err != nil || count < 0 {
			return nil, fmt.Errorf("-count %s: write GROUP=N or JOB/GROUP=N", text)
		}
		job, group, err := e.group(jobs, name)
		if err != nil {
			return nil, fmt.Errorf("-count %s: %w", text, err)
		}
		if !slices.Contains(jobs, job) {
			job = job.Copy()
			jobs = append(jobs, job)
		}
		job.Group(group).Count = count
	}
	return jobs, nil
}

// group finds a group by GROUP among the jobs given, or by JOB/GROUP among them
// and in the snapshot. The job's ID may hold slashes and be preceded by its
// namespace and an @.
func (e *engine) group(jobs []*nl.Job, name string) (*nl.Job, string, error) {
	namespace, rest, ok := strings.Cut(name, "@")
	if !ok {
		namespace, rest = nl.DefaultNamespace, name
	}
	at := strings.LastIndex(rest, "/")
	if at < 0 {
		var found *nl.Job
		for _, job := range jobs {
			if job.Group(rest) == nil {
				continue
			}
			if found != nil {
				return nil, "", fmt.Errorf("jobs %s and %s both have a group %q: write JOB/GROUP", found.ID, job.ID, rest)
			}
			found = job
		}
		if found == nil {
			return nil, "", fmt.Errorf("none of the jobs given has a group %q; for a job of the snapshot write JOB/GROUP", rest)
		}
		return found, rest, nil
	}
	id, group := rest[:at], rest[at+1:]
	job := e.c.Snapshot().Job(namespace, id)
	for _, given := range jobs {
		if given.ID == id && (given.Namespace == namespace || !ok) {
			job = given
		}
	}
	switch {
	case job == nil:
		return nil, "", fmt.Errorf("there is no job %q in namespace %s", id, namespace)
	case job.Group(group) == nil:
		return nil, "", fmt.Errorf("job %s has no group %q", id, group)
	}
	return job, group, nil
}
