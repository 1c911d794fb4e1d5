package jobspec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nomadlike/nomadlike/jobspec"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

// canonical does with a file what a server asked to parse it does.
func canonical(b *testing.B, body []byte) {
	b.Helper()
	doc, problems := jobspec.Parse(jobspec.Input{Body: body, LaxVariables: true})
	if problems != nil {
		b.Fatal(problems)
	}
	spec.Canonicalize(doc)
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
	for i := 0; b.Loop(); i++ {
		canonical(b, bodies[i%len(bodies)])
	}
}

// BenchmarkLarge reads the largest file that is expected to be quick: 2,000
// groups within 200 ms.
func BenchmarkLarge(b *testing.B) {
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
	body := []byte(file.String())
	b.ReportAllocs()
	for b.Loop() {
		canonical(b, body)
	}
}
