package jobspec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/jobspec"
	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/diff"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

// canonical does with a file what a server asked to parse it does.
func canonical(b *testing.B, body []byte) spec.Document {
	b.Helper()
	doc, problems := jobspec.Parse(jobspec.Input{Body: body, LaxVariables: true})
	if problems != nil {
		b.Fatal(problems)
	}
	spec.Canonicalize(doc)
	return doc
}

// cpuTime is what the process has used of the processors: unlike the time that
// goes by, it says the same on a machine with other work.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// reportCPU reports processor time per operation since start.
func reportCPU(b *testing.B, start time.Duration) {
	b.Helper()
	b.ReportMetric(float64((cpuTime(b)-start).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// BenchmarkTypical reads files like those people have: each operation is one
// of the corpus, in turn. The goal is 1,000 a second on one core.
func BenchmarkTypical(b *testing.B) {
	files, err := filepath.Glob(corpus + "/valid/*.hcl")
	if err != nil || len(files) == 0 {
		b.Fatalf("no files: %v", err)
	}
	var bodies [][]byte
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		if _, problems := jobspec.Parse(jobspec.Input{Body: body, LaxVariables: true}); problems == nil {
			bodies = append(bodies, body) // files of variables lie among them
		}
	}
	b.ReportAllocs()
	start := cpuTime(b)
	for i := 0; b.Loop(); i++ {
		canonical(b, bodies[i%len(bodies)])
	}
	reportCPU(b, start)
}

// largeJob is the largest file that is expected to be quick.
func largeJob() []byte {
	const groups = 2000
	var file strings.Builder
	file.WriteString("job \"large\" {\n")
	for i := range groups {
		fmt.Fprintf(&file, `  group "g%d" {
    count = 2
    network {
      port "http" {}
    }
    task "web" {
      driver = "docker"
      config {
        image = "registry.example/web:%d"
        ports = ["http"]
      }
      env {
        PORT = "${NOMAD_PORT_http}"
      }
      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
`, i, i)
	}
	file.WriteString("}\n")
	return []byte(file.String())
}

// BenchmarkLarge reads and canonicalises 2,000 groups: the goal is 200 ms.
func BenchmarkLarge(b *testing.B) {
	body := largeJob()
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		canonical(b, body)
	}
	reportCPU(b, start)
}

// BenchmarkLargeAdmitted does with canonical jobs of 2,000 groups, of which one
// has changed, what a server asked to plan does besides scheduling.
func BenchmarkLargeAdmitted(b *testing.B) {
	settings := admit.Settings{Namespace: &nomadlike.Namespace{Name: "default"}}
	admitted := func() *nomadlike.Job {
		job, err := spec.Decode(canonical(b, largeJob()))
		if err != nil {
			b.Fatal(err)
		}
		return job
	}
	registered := admitted()
	admit.Mutate(registered, settings)
	registered.TaskGroups[1000].Count++
	b.ReportAllocs()
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		doc := canonical(b, largeJob())
		b.StartTimer()
		start := cpuTime(b)
		job, err := spec.Decode(doc)
		if err != nil {
			b.Fatal(err)
		}
		admit.Mutate(job, settings)
		if _, err := admit.Validate(job, settings); err != nil {
			b.Fatal(err)
		}
		if d := diff.Job(registered, job, true); d.Type != diff.Edited {
			b.Fatalf("the difference is %s", d.Type)
		}
		used += cpuTime(b) - start
	}
	b.ReportMetric(float64(used.Microseconds())/1000/float64(b.N), "cpu-ms/op")
}
