package importer_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/jobspec"
	"github.com/nomadlike/nomadlike/jobspec/importer"
)

// cpuMax bounds the CPU time of this process for one file, which does not
// depend on how busy the machine is.
const cpuMax = 5 * time.Second

// One target for each kind, so that each is given time of its own.
func FuzzAzure(f *testing.F)        { fuzz(f, "azure") }
func FuzzCloudFoundry(f *testing.F) { fuzz(f, "cloudfoundry") }
func FuzzCompose(f *testing.F)      { fuzz(f, "compose") }
func FuzzECS(f *testing.F)          { fuzz(f, "ecs") }
func FuzzKubernetes(f *testing.F)   { fuzz(f, "kubernetes") }
func FuzzMarathon(f *testing.F)     { fuzz(f, "marathon") }

// fuzz: whatever a file holds, it is either refused or gives job files that
// pass the parser, within the bound of time.
func fuzz(f *testing.F, kind string) {
	paths, _ := filepath.Glob("testdata/" + kind + "/*.[yj]*")
	for _, p := range paths {
		body, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, s := range []string{"\x00\xff", "[]", "a: &a [*a]", `{"id":"${x}%{y}\u0000","cmd":"\u0000${z}"}`, strings.Repeat("[", 5000), "<<: &a {<<: *a}"} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, body []byte) {
		before := cpu(t)
		results, problems := importer.Import(context.Background(), importer.Input{Kind: kind, Files: []importer.File{{Path: filepath.Join(dir, "f.yaml"), Body: body}}})
		for _, err := range problems {
			// The parser of Compose is not ours; its panics become errors.
			if kind != "compose" && strings.Contains(err.Error(), "its reader gave up") {
				t.Error(err)
			}
		}
		for _, r := range results {
			if _, problems := jobspec.Parse(jobspec.Input{Body: r.HCL}); problems != nil {
				t.Errorf("job %s does not parse: %v\n%s", r.Job, problems, r.HCL)
			}
		}
		if took := cpu(t) - before; took > cpuMax {
			t.Errorf("it took %s of CPU", took)
		}
	})
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
