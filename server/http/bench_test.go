package http_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/server/http"
)

// benchAllocs is a page of allocations, each with a task that has run.
func benchAllocs() (out []*nl.AllocStub) {
	for i := range 100 {
		out = append(out, &nl.AllocStub{ID: fmt.Sprintf("%08d-0000-0000-0000-000000000000", i), Namespace: "default", JobID: "job", TaskGroup: "g",
			ClientStatus: nl.AllocClientRunning, DesiredStatus: nl.AllocDesiredRun, TaskStates: map[string]*nl.TaskState{"t": {State: "running",
				Events: []*nl.TaskEvent{{Type: "Received"}, {Type: "Task Setup", Message: "Building Task Directory"}, {Type: "Started"}}}}})
	}
	return out
}

// BenchmarkAllocList is a page of a list as a dashboard asks for it.
func BenchmarkAllocList(b *testing.B) {
	allocs := benchAllocs()
	mux := session.NewMux()
	session.Handle(mux, "Alloc.List", func(_ context.Context, _ *query.AllocList, reply *query.AllocStubs) error {
		for _, a := range allocs {
			stub := *a
			reply.Allocs = append(reply.Allocs, &stub)
		}
		return nil
	})
	a, err := http.New(http.Config{Backend: mux, Agent: fakeAgent{}, Logger: hclog.NewNullLogger()})
	if err != nil {
		b.Fatal(err)
	}
	h, err := a.Handler()
	if err != nil {
		b.Fatal(err)
	}
	for _, encoding := range []string{"", "gzip"} {
		b.Run("encoding="+encoding, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("GET", "/v1/allocations?per_page=100", nil)
				r.Header.Set("Accept-Encoding", encoding)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
