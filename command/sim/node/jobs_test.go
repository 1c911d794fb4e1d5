package node

import (
	"strings"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// Nodes share jobs until the last of them has forgotten one, and a job that came
// back is another.
func TestJobs(t *testing.T) {
	js := new(Jobs)
	send := func(modified uint64, group string) *query.NodeJob {
		told, err := query.NewNodeJob(&nl.Job{ID: "j", JobModifyIndex: modified, TaskGroups: []*nl.Group{{Name: group}}})
		if err != nil {
			t.Fatal(err)
		}
		return told
	}
	learn := func(told *query.NodeJob, want uint32) {
		t.Helper()
		if number, err := js.learn(told); err != nil || number != want {
			t.Fatalf("learned as %d, %v; want %d", number, err, want)
		}
	}
	names := func(has ...uint32) (out string) {
		for _, name := range []string{"old", "new", "other"} {
			if g := js.group(JobKey{ID: "j"}, has, name); g != nil && g.Name == name {
				out += name
			}
		}
		return out
	}
	learn(send(5, "old"), 0)
	learn(send(5, "old"), 0)
	learn(send(8, "new"), 1)
	learn(send(8, "other"), 2) // the state was put back
	for _, c := range []struct {
		has  []uint32
		want string
	}{{nil, ""}, {[]uint32{0}, "old"}, {[]uint32{0, 1}, "new"}, {[]uint32{0, 2}, "other"}, {[]uint32{1}, "new"}} {
		if got := names(c.has...); got != c.want {
			t.Errorf("who has %v takes %q, want %q", c.has, got, c.want)
		}
	}
	js.forget([]uint32{0, 1})
	if names(0) != "old" || names(1) != "" || names(2) != "other" {
		t.Errorf("after one was forgotten: %q, %q, %q", names(0), names(1), names(2))
	}
	learn(send(9, "new"), 1)
	js.forget([]uint32{0, 1, 2})
	if len(js.known) > 0 {
		t.Errorf("all are forgotten, but %v", js.known)
	}
	if _, err := js.learn(&query.NodeJob{ID: "j", Encoded: []byte("x")}); err == nil {
		t.Error("learned what is no job")
	}
}

// Deployments of a job whose allocations rest have numbers, until they are too
// many.
func TestDeployments(t *testing.T) {
	js := new(Jobs)
	told, err := query.NewNodeJob(&nl.Job{ID: "j", TaskGroups: []*nl.Group{{Name: "g"}}})
	if err != nil {
		t.Fatal(err)
	}
	number, err := js.learn(told)
	if err != nil {
		t.Fatal(err)
	}
	g := js.group(JobKey{ID: "j"}, []uint32{number}, "g")
	for range 2 {
		for i := range deploymentsMax + 2 {
			id := strings.Repeat("x", i) // "" is none
			d, ok := js.deployment(g, id)
			if ok != (i <= deploymentsMax) {
				t.Fatalf("deployment %d has a number: %v", i, ok)
			}
			if got, back := js.woken(g.number, g.place, d); ok && (got != g || back != id) {
				t.Fatalf("deployment %d is %q", i, back)
			}
		}
	}
}
