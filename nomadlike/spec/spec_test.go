package spec

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nomadlike/nomadlike/nomadlike"
)

func TestFromJSON(t *testing.T) {
	doc, err := FromJSON([]byte(`{
		"id": "a", "NAME": "ignored", "Name": "b", "Nonsense": [1], "Priority": null, "Dispatched": null,
		"taskgroups": [null, {"count": 2, "Tasks": [{"config": {"n": 1, "f": 1.5, "big": 1e3, "deep": [{"x": null}]}}]}],
		"Datacenters": ["x", null], "Meta": {"k": null}, "Payload": "aGk=",
		"UI": {"Links": [{"url": "u"}]}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Document{
		"ID": "a", "Name": "b", "Priority": nil,
		"TaskGroups": []any{object{"Count": int64(2), "Tasks": []any{object{"Config": object{
			"n": 1.0, "f": 1.5, "big": 1000.0, "deep": []any{object{"x": nil}},
		}}}}},
		"Datacenters": []any{"x", ""}, "Meta": object{"k": ""}, "Payload": "aGk=",
		"UI": object{"Links": []any{object{"URL": "u"}}},
	}
	if d := cmp.Diff(want, doc); d != "" {
		t.Errorf("document (-want +got):\n%s", d)
	}
}

func TestFromJSONErrors(t *testing.T) {
	for raw, want := range map[string]string{
		`{`:                                 "not valid JSON",
		`[]`:                                "cannot unmarshal array",
		`null`:                              "cannot unmarshal null",
		`"x"`:                               "cannot unmarshal string",
		`{"Priority": "high"}`:              "cannot unmarshal string into Go struct field Job.Priority of type int",
		`{"Priority": 1.5}`:                 "cannot unmarshal number 1.5 into Go struct field Job.Priority of type int",
		`{"ID": 7}`:                         "cannot unmarshal number into Go struct field Job.ID of type string",
		`{"Stop": 1}`:                       "Job.Stop of type bool",
		`{"Version": -1}`:                   "Job.Version of type uint64",
		`{"Meta": []}`:                      "Job.Meta of type map[string]string",
		`{"Meta": {"a": 1}}`:                "Job.Meta of type string",
		`{"TaskGroups": {}}`:                "Job.TaskGroups of type []api.TaskGroup",
		`{"TaskGroups": [1]}`:               "Job.TaskGroups of type api.TaskGroup",
		`{"Payload": "!"}`:                  "not base64",
		`{"Payload": 1}`:                    "Job.Payload of type []uint8",
		`{"Affinities": [{"Weight": 300}]}`: "Job.Affinities.Weight of type int8",
		`{"TaskGroups": [{"Tasks": [{"KillTimeout": "5s"}]}]}`:                                                                        "Job.TaskGroups.Tasks.KillTimeout of type time.Duration",
		`{"TaskGroups": [{"Tasks": [{"Config": {"a": 1e999}}]}]}`:                                                                     "out of range",
		`{"TaskGroups": [{"Tasks": [{"Config": {"a": ` + strings.Repeat("[", depthMax+2) + strings.Repeat("]", depthMax+2) + `}}]}]}`: "nested more than",
	} {
		_, err := FromJSON([]byte(raw))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: want %q, got %v", raw, want, err)
		}
	}
}

// TestInheritance checks how blocks of the job reach its groups and tasks.
func TestInheritance(t *testing.T) {
	doc, err := FromJSON([]byte(`{
		"ID": "j",
		"Update": {"Canary": 1, "MaxParallel": 3},
		"Reschedule": {"Delay": 7000000000},
		"Migrate": {"MaxParallel": 5},
		"TaskGroups": [{
			"Name": "g",
			"Update": {"MaxParallel": 4},
			"RestartPolicy": {"Attempts": 9},
			"Services": [{"CheckRestart": {"Limit": 3}, "Checks": [{"CheckRestart": {"Grace": 2}}, {}]}],
			"Tasks": [{"Name": "t", "RestartPolicy": {"Delay": 1}, "LogConfig": {"Enabled": true}}]
		}]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	job, err := Register(doc)
	if err != nil {
		t.Fatal(err)
	}
	g := job.TaskGroups[0]
	if u := g.Update; u.Canary != 1 || u.MaxParallel != 4 || u.HealthyDeadline != 5*time.Minute {
		t.Errorf("update is %+v", u)
	}
	if (job.Update != nomadlike.UpdateStrategy{MaxParallel: 3, Stagger: 30 * time.Second}) {
		t.Errorf("the job keeps %+v of its update", job.Update)
	}
	if r := g.ReschedulePolicy; r.Delay != 7*time.Second || !r.Unlimited {
		t.Errorf("reschedule is %+v", r)
	}
	if g.Migrate.MaxParallel != 5 {
		t.Errorf("migrate is %+v", g.Migrate)
	}
	if r := g.Tasks[0].RestartPolicy; r.Attempts != 9 || r.Delay != 1 || r.Interval != 30*time.Minute {
		t.Errorf("restart is %+v", r)
	}
	checks := g.Services[0].Checks
	if c := checks[0].CheckRestart; c.Limit != 3 || c.Grace != 2 {
		t.Errorf("check restart is %+v", c)
	}
	if c := checks[1].CheckRestart; c.Limit != 3 || c.Grace != time.Second {
		t.Errorf("check restart is %+v", c)
	}
	if g.Services[0].Name != "j-g" || job.Priority != 0 {
		t.Errorf("service %q, priority %d", g.Services[0].Name, job.Priority)
	}
}

// TestDecodeErrors feeds documents that no reader of ours makes.
func TestDecodeErrors(t *testing.T) {
	for name, doc := range map[string]Document{
		"Job.ID":          {"ID": int64(1)},
		"Job.Priority":    {"Priority": "x"},
		"Job.Stop":        {"Stop": "x"},
		"Job.Version":     {"Version": int64(math.MinInt64)},
		"Job.Periodic":    {"Periodic": "x"},
		"Job.TaskGroups":  {"TaskGroups": "x"},
		"Job.Meta":        {"Meta": "x"},
		"Job.Datacenters": {"Datacenters": []any{int64(1)}},
		"Job.Payload":     {"Payload": "!"},
	} {
		if _, err := Decode(doc); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSchemaErrors(t *testing.T) {
	for text, want := range map[string]string{
		"  A string":             "below a type",
		"type A\n  B":            "field without a type",
		"type A\n  B C":          "C is used but not defined",
		"type A\n  B string a b": "below a type",
	} {
		if _, err := parseSchema(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", text, want, err)
		}
	}
}

// TestNoPanic canonicalises what says almost nothing.
func TestNoPanic(t *testing.T) {
	for _, raw := range []string{
		`{}`, `{"TaskGroups": [{}]}`, `{"TaskGroups": [{"Tasks": [{}], "Services": [{"Connect": {"Gateway": {}, "SidecarTask": {}, "SidecarService": {}}}]}]}`,
		`{"Type": "x", "Periodic": {}, "Multiregion": {}, "UI": {}, "ParameterizedJob": {}, "Update": {}, "Migrate": {}, "Reschedule": {}}`,
	} {
		doc, err := FromJSON([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Register(doc); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func BenchmarkRegister(b *testing.B) {
	raw := []byte(`{"ID": "j", "TaskGroups": [{"Name": "g", "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sleep"}}]}]}`)
	for b.Loop() {
		doc, err := FromJSON(raw)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Register(doc); err != nil {
			b.Fatal(err)
		}
	}
}
