package admit

import (
	"strings"
	"testing"

	"github.com/nomadlike/nomadlike/nomadlike"
)

func TestCheckUpdate(t *testing.T) {
	batch := func() *nomadlike.Job { return &nomadlike.Job{Type: "batch"} }
	periodic, parameterized, dispatched := batch(), batch(), batch()
	periodic.Periodic = &nomadlike.Periodic{}
	parameterized.ParameterizedJob = &nomadlike.Parameterized{}
	dispatched.Dispatched = true
	for _, c := range []struct {
		name     string
		old, new *nomadlike.Job
		want     string
	}{
		{"new", nil, batch(), ""},
		{"same", batch(), batch(), ""},
		{"type", batch(), &nomadlike.Job{Type: "service"}, `cannot update job from type "batch" to "service"`},
		{"to periodic", batch(), periodic, "cannot update non-periodic job to being periodic"},
		{"from periodic", periodic, batch(), "cannot update periodic job to being non-periodic"},
		{"to parameterized", batch(), parameterized, "cannot update non-parameterized job to being parameterized"},
		{"from parameterized", parameterized, batch(), "cannot update parameterized job to being non-parameterized"},
		{"dispatched", batch(), dispatched, "field 'Dispatched' is read-only"},
		{"new dispatched", nil, dispatched, "job can't be submitted with 'Dispatched' set"},
	} {
		got := ""
		if err := CheckUpdate(c.old, c.new); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: want %q, got %q", c.name, c.want, got)
		}
	}
}

func TestCheckIndex(t *testing.T) {
	stored := &nomadlike.Job{JobModifyIndex: 7}
	for _, c := range []struct {
		existing *nomadlike.Job
		given    uint64
		want     string
	}{
		{nil, 0, ""},
		{nil, 5, "Enforcing job modify index 5: job does not exist"},
		{stored, 7, ""},
		{stored, 0, "Enforcing job modify index 0: job already exists"},
		{stored, 6, "Enforcing job modify index 6: job exists with conflicting job modify index: 7"},
	} {
		got := ""
		if err := CheckIndex(c.existing, c.given); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%d: want %q, got %q", c.given, c.want, got)
		}
	}
}

func TestSpecChanged(t *testing.T) {
	old := &nomadlike.Job{ID: "j", Meta: map[string]string{"a": "1"}, Version: 3, Stable: true, ModifyIndex: 9, SubmitTime: 1, Status: "running"}
	same := &nomadlike.Job{ID: "j", Meta: map[string]string{"a": "1"}, VersionTag: &nomadlike.JobVersionTag{Name: "v"}}
	if SpecChanged(old, same) {
		t.Error("what servers keep about a job changes its specification")
	}
	for name, change := range map[string]func(*nomadlike.Job){
		"meta":  func(j *nomadlike.Job) { j.Meta = map[string]string{"a": "2"} },
		"token": func(j *nomadlike.Job) { j.NomadTokenID = "t" },
		"stop":  func(j *nomadlike.Job) { j.Stop = true },
	} {
		other := old.Copy()
		change(other)
		if !SpecChanged(old, other) {
			t.Errorf("another %s is no change", name)
		}
	}
	if !SpecChanged(nil, old) || SpecChanged(nil, nil) {
		t.Error("a new job is a change, no job is none")
	}
}

// TestSameAfterEncoding compares jobs that took different ways to the log.
func TestSameAfterEncoding(t *testing.T) {
	job := func(config map[string]any, tags []string) *nomadlike.Job {
		return &nomadlike.Job{TaskGroups: []*nomadlike.Group{{
			Tasks:    []*nomadlike.Task{{Config: config}},
			Services: []*nomadlike.Service{{Tags: tags}},
		}}}
	}
	old := job(map[string]any{"n": int64(5), "l": []any{int64(1), nil}, "m": map[string]any{"f": 2.5}}, nil)
	if SpecChanged(old, job(map[string]any{"n": uint64(5), "l": []any{5.0 - 4, nil}, "m": map[string]any{"f": 2.5}}, []string{})) {
		t.Error("another encoding changes the specification")
	}
	for name, other := range map[string]*nomadlike.Job{
		"number": job(map[string]any{"n": int64(6), "l": []any{int64(1), nil}, "m": map[string]any{"f": 2.5}}, nil),
		"type":   job(map[string]any{"n": "5", "l": []any{int64(1), nil}, "m": map[string]any{"f": 2.5}}, nil),
		"key":    job(map[string]any{"n": int64(5), "l": []any{int64(1), nil}, "k": map[string]any{"f": 2.5}}, nil),
		"null":   job(map[string]any{"n": int64(5), "l": []any{int64(1), false}, "m": map[string]any{"f": 2.5}}, nil),
		"tags":   job(map[string]any{"n": int64(5), "l": []any{int64(1), nil}, "m": map[string]any{"f": 2.5}}, []string{"a"}),
	} {
		if !SpecChanged(old, other) {
			t.Errorf("another %s is no change", name)
		}
	}
}

func TestCarryOver(t *testing.T) {
	withPolicy := func(count, cpu int) *nomadlike.Job {
		return &nomadlike.Job{TaskGroups: []*nomadlike.Group{{
			Name: "g", Count: count, Scaling: &nomadlike.ScalingPolicy{Type: "horizontal"},
			Tasks: []*nomadlike.Task{{Name: "t", Resources: &nomadlike.Resources{CPU: cpu}, ScalingPolicies: []*nomadlike.ScalingPolicy{{Type: "vertical_cpu"}}}},
		}}}
	}
	var made []string
	newID := func() string {
		made = append(made, "id"+strings.Repeat("'", len(made)))
		return made[len(made)-1]
	}
	old, job := withPolicy(5, 50), withPolicy(1, 10)
	AssignPolicyIDs(nil, old, newID)
	AssignPolicyIDs(old, job, newID)
	if len(made) != 2 || job.TaskGroups[0].Scaling.ID != "id" || job.TaskGroups[0].Tasks[0].ScalingPolicies[0].ID != "id'" {
		t.Errorf("made %v for %+v", made, job.TaskGroups[0].Scaling)
	}
	Preserve(old, job, true, true)
	if g := job.TaskGroups[0]; g.Count != 5 || g.Tasks[0].Resources.CPU != 50 {
		t.Errorf("kept %d and %d", g.Count, g.Tasks[0].Resources.CPU)
	}
}
