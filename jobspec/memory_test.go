package jobspec_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/jobspec"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

const (
	sourceMiB = 1 << 20
	// heapMax is what reading a source of a mebibyte may take at once, in bytes,
	// garbage that waits to be collected left aside.
	heapMax = 64 << 20
)

// heapPeak runs f and tells how much the heap grew at most, in bytes.
func heapPeak(f func()) uint64 {
	const tight = 25 // percent of garbage that may wait
	defer debug.SetGCPercent(debug.SetGCPercent(tight))
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	heap := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	base, peak := heap(), uint64(0)
	done, result := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				result <- peak
				return
			case <-tick.C:
				peak = max(peak, heap())
			}
		}
	}()
	f()
	close(done)
	return max(<-result, base) - base
}

// repeated fills a mebibyte with copies of a member, each with a number.
func repeated(head, member, tail string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len()+len(member)+len(tail) < sourceMiB-10; i++ {
		if strings.Contains(member, "%d") {
			fmt.Fprintf(&b, member, i)
		} else {
			b.WriteString(member)
		}
	}
	b.WriteString(tail)
	return b.String()
}

// TestMemory reads sources of a mebibyte that are made to be expensive. They
// may be refused, but only with a place and within the bound.
func TestMemory(t *testing.T) {
	const heredoc = "job \"a\" {\n  group \"g\" {\n    task \"t\" {\n      template {\n        data = <<E\n"
	for name, text := range map[string]string{
		"groups":        repeated("job \"a\" {\n", "group \"g%d\" {\n  task \"t\" {\n    driver = \"docker\"\n    config {\n      image = \"web:%[1]d\"\n    }\n  }\n}\n", "}\n"),
		"constraints":   repeated("job \"a\" {\n", "constraint {}\n", "}\n"),
		"list":          repeated("job \"a\" {\n datacenters = [", "1,", "]\n}\n"),
		"list of names": "job \"a\" {\n datacenters = [" + strings.Repeat("a.b.c,", 24_000) + "]\n}\n",
		"interpolation": repeated("job \"a\" {\n name = \"", "${a}", "\"\n}\n"),
		"dollars":       repeated("job \"a\" {\n name = \"", "$", "\"\n}\n"),
		"lines":         repeated("job \"a\" {\n", "\n", "}\n"),
		"comments":      repeated("job \"a\" {\n", "#\n", "}\n"),
		"heredoc":       repeated(heredoc, "a\n", "E\n}\n}\n}\n}\n"),
		"prose":         repeated(heredoc, "A line of a file as people write them, of about eighty letters and signs.\n", "E\n}\n}\n}\n}\n"),
		"variables":     repeated("", "variable \"v%d\" {\n default = 1\n}\n", "job \"a\" {}\n"),
		"unknown":       repeated("job \"a\" {\n", "x {}\n", "}\n"),
		"not HCL":       repeated("job \"a\" {\n", "= =\n", "}\n"),
		"JSON list":     `{"job":{"a":{"datacenters":[` + strings.Repeat(`"${a}",`, 80_000) + `"b"]}}}`,
		"JSON blocks":   `{"job":{"a":{"constraint":[` + strings.Repeat(`{},`, 40_000) + `{}]}}}`,
		"JSON meta":     repeated(`{"job":{"a":{"meta":{`, `"k%d":"x",`, `"b":""}}}}`),
		"loops":         "job \"a\" {\n datacenters = flatten([for a in range(1000) : [for b in range(1000) : \"${a}-${b}\"]])\n}\n",
		"blocks made":   "job \"a\" {\n dynamic \"group\" {\n for_each = range(1000)\n labels = [\"g${group.key}\"]\n content {\n dynamic \"task\" {\n for_each = range(9)\n labels = [\"t${task.key}\"]\n content {}\n}\n}\n}\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			var problems *jobspec.Diagnostics
			peak := heapPeak(func() {
				var doc spec.Document
				doc, problems = jobspec.Parse(jobspec.Input{Body: []byte(text), LaxVariables: true})
				if problems == nil {
					spec.Canonicalize(doc)
				}
			})
			if peak > heapMax {
				t.Errorf("%d bytes take %d MiB of memory, want at most %d", len(text), peak>>20, heapMax>>20)
			}
			if problems == nil {
				return
			}
			for _, p := range problems.All() {
				if p.Line == 0 || p.Column == 0 {
					t.Errorf("a problem without a place: %s; %s", p.Summary, p.Detail)
				}
			}
		})
	}
}
