package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/nomad/api"

	"github.com/nomadlike/nomadlike/jobspec"
	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(moduleRoot, "examples", "*.hcl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	return files
}

// TestExamplesAreAdmitted holds the examples to what a server accepts, without
// a warning, and to the usual layout.
func TestExamplesAreAdmitted(t *testing.T) {
	for _, file := range examples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			doc, diags := jobspec.Parse(jobspec.Input{
				Path: file, Body: body, LaxVariables: true, VarFlags: []string{"program=/bin/true"},
			})
			if diags != nil {
				t.Fatal(diags)
			}
			spec.Canonicalize(doc)
			job, err := spec.Decode(doc)
			if err != nil {
				t.Fatal(err)
			}
			settings := admit.Settings{Region: "global", Namespace: &nomadlike.Namespace{Name: "default"}}
			warnings := admit.Mutate(job, settings)
			more, err := admit.Validate(job, settings)
			if err != nil {
				t.Error(err)
			}
			if warnings = append(warnings, more...); len(warnings) > 0 {
				t.Errorf("warnings: %q", warnings)
			}
			formatted, err := jobspec.Format(body)
			if err != nil || string(formatted) != string(body) {
				t.Errorf("not in the usual layout: %v", err)
			}
		})
	}
}

// TestExamplesRun runs those examples that need nothing but a shell.
func TestExamplesRun(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	run := func(args ...string) {
		t.Helper()
		if r := a.command(args...); r.code != 0 {
			t.Fatalf("nomadlike %s: %s", strings.Join(args, " "), r)
		}
	}
	example := func(name string) string {
		path, err := filepath.Abs(filepath.Join(moduleRoot, "examples", name))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}

	run("job", "run", example("batch.hcl"))
	for _, s := range a.awaitAllocs("batch", 4, api.AllocClientStatusComplete) {
		a.awaitLog(s.ID, "sum", fmt.Sprintf("part %s: 500500\n", s.Name[len("batch.part["):len(s.Name)-1]))
	}

	run("job", "run", "-detach", example("system.hcl"))
	a.awaitAllocs("system", 1, api.AllocClientStatusRunning)

	run("job", "run", example("parameterized.hcl"))
	dispatched, _, err := a.api.Jobs().Dispatch("count", map[string]string{"name": "note"}, []byte("some text"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := a.awaitAllocs(dispatched.DispatchedJobID, 1, api.AllocClientStatusComplete)[0]
	a.awaitLog(s.ID, "wc", "note: 9\n")

	run("job", "run", example("periodic.hcl"))
	if _, _, err := a.api.Jobs().PeriodicForce("periodic", nil); err != nil {
		t.Fatal(err)
	}
	await(t, "the periodic job has a run that is done", func() error {
		jobs, _, err := a.api.Jobs().PrefixList("periodic/")
		if err != nil {
			return err
		}
		if len(jobs) != 1 || jobs[0].Status != "dead" || jobs[0].JobSummary.Summary["report"].Complete != 1 {
			return errors.New("none")
		}
		return nil
	})
}

// TestDemo runs what make demo does, once.
func TestDemo(t *testing.T) {
	needRoot(t)
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Fatal("the demonstration is a bash script")
	}
	dir, err := os.MkdirTemp(world.root, "demo-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sweep(dir) })
	script, err := filepath.Abs(filepath.Join(moduleRoot, ".ci", "demo"))
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "DEMO_ONCE=1", "TMPDIR="+dir, fmt.Sprintf("DEMO_PORT=%d", 10000+10*rand.IntN(900)))
	r := runCommand(t, dir, env, script, world.binary)
	if r.code != 0 {
		t.Fatalf("%s", r)
	}
	for _, part := range []string{"successful", "hello listens on", "Hello, from app.web[0]", "Hello, from app.web[1]"} {
		if !strings.Contains(r.out, part) {
			t.Errorf("it does not show %q", part)
		}
	}
	if t.Failed() {
		t.Log(r)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
	if pids := belonging(dir); len(pids) > 0 {
		t.Errorf("it leaves processes %v", pids)
	}
	if mounts := mountsBelow(dir); len(mounts) > 0 {
		t.Errorf("it leaves mounts %v", mounts)
	}
}
