package admit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

const baseJob = `{
	"ID": "web",
	"TaskGroups": [{
		"Name": "g",
		"Networks": [{
			"Mode": "bridge",
			"DynamicPorts": [{"Label": "http"}],
			"ReservedPorts": [{"Label": "admin", "Value": 8500}]
		}],
		"Tasks": [{"Name": "t", "Driver": "raw_exec"}]
	}]
}`

// change sets the value at a path of a JSON document; an index right behind a
// list extends it.
func change(doc any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	i, err := strconv.Atoi(path[0])
	if err != nil {
		m, _ := doc.(map[string]any)
		if m == nil {
			m = map[string]any{}
		}
		m[path[0]], err = change(m[path[0]], path[1:], value)
		return m, err
	}
	l, _ := doc.([]any)
	if i > len(l) {
		return nil, fmt.Errorf("index %d leaves a gap", i)
	}
	if i == len(l) {
		l = append(l, nil)
	}
	l[i], err = change(l[i], path[1:], value)
	return l, err
}

// ruleCase is one block of the file.
type ruleCase struct {
	line     int
	changes  []string
	ok       bool
	errors   []string
	paths    []string
	warnings []string
}

func readRules(t *testing.T) []ruleCase {
	t.Helper()
	file, err := os.Open("testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var cases []ruleCase
	var c ruleCase
	flush := func() {
		if c.ok || len(c.errors)+len(c.warnings) > 0 {
			cases = append(cases, c)
		}
		c = ruleCase{}
	}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case line == "":
			flush()
		case strings.HasPrefix(line, "#"):
		case line == "ok":
			c.line, c.ok = n, true
		case strings.HasPrefix(line, "> "):
			c.line, c.errors = n, append(c.errors, line[2:])
		case strings.HasPrefix(line, "@ "):
			c.paths = append(c.paths, line[2:])
		case strings.HasPrefix(line, "! "):
			c.line, c.warnings = n, append(c.warnings, line[2:])
		default:
			c.changes = append(c.changes, line)
		}
	}
	flush()
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestRules(t *testing.T) {
	for _, c := range readRules(t) {
		t.Run(fmt.Sprintf("line %d", c.line), func(t *testing.T) {
			job, warnings, err := verdict(t, c.changes)
			if (err == nil) != (len(c.errors) == 0) {
				t.Fatalf("%s: got error %v", strings.Join(c.changes, "; "), err)
			}
			for _, text := range c.errors {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%s: want %q in %v", strings.Join(c.changes, "; "), text, err)
				}
			}
			var paths []string
			for _, p := range Located(err) {
				if err := checkPath(job, p.Path); err != nil {
					t.Errorf("%s: %s is about %s: %v", strings.Join(c.changes, "; "), p.Text, p.Path, err)
				}
				paths = append(paths, p.Path)
			}
			if !slices.Equal(paths, c.paths) {
				t.Errorf("%s: want problems at %q, got %q", strings.Join(c.changes, "; "), c.paths, paths)
			}
			var located []string
			for _, w := range Warnings(changedJob(t, c.changes), corpusServer()) {
				if err := checkPath(job, w.Path); err != nil {
					t.Errorf("%s: %s is about %s: %v", strings.Join(c.changes, "; "), w.Text, w.Path, err)
				}
				located = append(located, w.Text)
			}
			if !slices.Equal(located, warnings) {
				t.Errorf("%s: want the warnings %q, got %q", strings.Join(c.changes, "; "), warnings, located)
			}
			all := strings.Join(warnings, "\n")
			for _, text := range c.warnings {
				if !strings.Contains(all, text) {
					t.Errorf("%s: want the warning %q, got %q", strings.Join(c.changes, "; "), text, all)
				}
			}
			if c.ok && len(warnings) > 0 {
				t.Errorf("%s: got warnings %q", strings.Join(c.changes, "; "), warnings)
			}
		})
	}
}

// verdict admits the changed base job.
func verdict(t *testing.T, changes []string) (*nomadlike.Job, []string, error) {
	t.Helper()
	job := changedJob(t, changes)
	warnings := Mutate(job, corpusServer())
	more, err := Validate(job, corpusServer())
	return job, append(warnings, more...), err
}

// changedJob is the base job with changes.
func changedJob(t *testing.T, changes []string) *nomadlike.Job {
	t.Helper()
	var base any
	if err := json.Unmarshal([]byte(baseJob), &base); err != nil {
		t.Fatal(err)
	}
	for _, text := range changes {
		path, raw, ok := strings.Cut(text, " = ")
		var value any
		if err := json.Unmarshal([]byte(raw), &value); !ok || err != nil {
			t.Fatalf("%s: want PATH = JSON: %v", text, err)
		}
		var err error
		if base, err = change(base, strings.Split(path, "."), value); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	raw, err := json.Marshal(base)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := spec.FromJSON(raw)
	if err != nil {
		t.Fatal(err)
	}
	job, err := spec.Register(doc)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func TestFindings(t *testing.T) {
	p := newFindings()
	if p.err() != nil {
		t.Error("no findings are an error")
	}
	p.addf("A/B", "a %d", 1)
	if want := "1 error occurred:\n\t* a 1\n\n"; p.err().Error() != want {
		t.Errorf("want %q, got %q", want, p.err())
	}
	inner := p.element("Tasks", 2, "task", "t").apart()
	inner.addf("", "x")
	inner.entry("Volumes", "a/b", "volume").addf("Source", "y")
	p.fold("Task t", inner)
	want := "2 errors occurred:\n\t* a 1\n\t* Task t validation failed: 2 errors occurred:\n\t* x\n\t* y\n\n\n\n"
	if p.err().Error() != want {
		t.Errorf("want %q, got %q", want, p.err())
	}
	if got := Errors(p.err()); len(got) != 2 {
		t.Errorf("got %q", got)
	}
	problems := []nomadlike.JobProblem{
		{Path: "/A/B", Text: "a 1"},
		{Path: "/Tasks/2", Part: `task "t"`, Text: "x"},
		{Path: "/Tasks/2/Volumes/a~1b/Source", Part: `task "t", volume "a/b"`, Text: "y"},
	}
	if got := Located(p.err()); !slices.Equal(got, problems) {
		t.Errorf("got %q", got)
	}
	if got := WarningText([]string{"a", "b"}); got != "2 warning(s):\n\n* a\n* b" {
		t.Errorf("got %q", got)
	}
	if WarningText(nil) != "" {
		t.Error("no warnings have a text")
	}
}

// checkPath follows a JSON pointer through a job: every member of it must be
// one that jobs have, and everything but the last must be there.
func checkPath(job *nomadlike.Job, path string) error {
	at := reflect.ValueOf(job)
	steps := strings.Split(path, "/")[1:]
	for i, step := range steps {
		for at.Kind() == reflect.Pointer && !at.IsNil() {
			at = at.Elem()
		}
		switch at.Kind() {
		case reflect.Struct:
			at = at.FieldByName(step)
			if !at.IsValid() {
				return fmt.Errorf("there is no member %s", step)
			}
		case reflect.Slice:
			n, err := strconv.Atoi(step)
			if err != nil || n >= at.Len() {
				return fmt.Errorf("there is no element %s", step)
			}
			at = at.Index(n)
		case reflect.Map:
			key := strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
			at = at.MapIndex(reflect.ValueOf(key))
			if !at.IsValid() {
				return fmt.Errorf("there is no entry %s", step)
			}
		default:
			return fmt.Errorf("there is nothing at /%s", strings.Join(steps[:i], "/"))
		}
	}
	return nil
}

// TestSettings checks what depends on the server.
func TestSettings(t *testing.T) {
	fresh := func() *nomadlike.Job {
		doc, err := spec.FromJSON([]byte(baseJob))
		if err != nil {
			t.Fatal(err)
		}
		job, err := spec.Register(doc)
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	s := corpusServer()
	s.Region, s.DefaultPriority, s.MaxPriority, s.MaxCount = "eu", 70, 60, 1
	s.Namespace = &nomadlike.Namespace{
		Name:                  "default",
		Capabilities:          &nomadlike.NamespaceCapabilities{DisabledTaskDrivers: []string{"raw_exec"}, EnabledNetworkModes: []string{"host"}},
		NodePoolConfiguration: &nomadlike.NamespaceNodePoolConfiguration{Default: "all", Denied: []string{"default"}},
	}
	job := fresh()
	job.TaskGroups[0].Count = 2
	Mutate(job, s)
	if job.Region != "eu" || job.Priority != 70 || job.NodePool != "all" {
		t.Errorf("got region %s, priority %d, pool %s", job.Region, job.Priority, job.NodePool)
	}
	_, err := Validate(job, s)
	for _, text := range []string{
		"between [1, 60], got 70", "2 > 1", `task driver "raw_exec" is not allowed`, `network mode "bridge" is not allowed`,
	} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q in %v", text, err)
		}
	}
	job = fresh()
	job.NodePool = "default"
	Mutate(job, s)
	if _, err := Validate(job, s); err == nil || !strings.Contains(err.Error(), `node pool "default"`) {
		t.Errorf("a denied node pool is accepted: %v", err)
	}
	s.Namespace = nil
	if _, err := Validate(job, s); err == nil || !strings.Contains(err.Error(), "nonexistent namespace") {
		t.Errorf("a missing namespace is accepted: %v", err)
	}
}

// TestIdentities gives what the server configures to what uses a cluster.
func TestIdentities(t *testing.T) {
	s := corpusServer()
	s.Vault = map[string]VaultCluster{"default": {Enabled: true, DefaultIdentity: &nomadlike.WorkloadIdentity{Audience: []string{"vault.io"}}}}
	s.Consul = map[string]ConsulCluster{"default": {
		ServiceIdentity: &nomadlike.WorkloadIdentity{Audience: []string{"consul.io"}},
		TaskIdentity:    &nomadlike.WorkloadIdentity{Audience: []string{"consul.io"}},
	}}
	job := &nomadlike.Job{ID: "j", Type: "service", TaskGroups: []*nomadlike.Group{{
		Name:     "g",
		Services: []*nomadlike.Service{{Name: "s", PortLabel: "p", Provider: "consul"}},
		Tasks:    []*nomadlike.Task{{Name: "t", Vault: &nomadlike.VaultBlock{}, Consul: &nomadlike.ConsulBlock{}}},
	}}}
	Mutate(job, s)
	g := job.TaskGroups[0]
	if id := g.Services[0].Identity; id == nil || id.Name != "consul-service_s-p" || id.ServiceName != "s" {
		t.Errorf("service identity is %+v", id)
	}
	var names []string
	for _, id := range g.Tasks[0].Identities {
		names = append(names, id.Name)
	}
	if got := strings.Join(names, " "); got != "vault_default consul_default" {
		t.Errorf("task identities are %s", got)
	}
	if last := g.Constraints[len(g.Constraints)-1]; *last != *identityConstraint() {
		t.Errorf("last constraint is %+v", last)
	}
}
