package check

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProbe(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			fmt.Fprint(w, "fine")
		case "/made":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, r.Method+" "+r.Header.Get("X-A"))
		case "/long":
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprint(w, strings.Repeat("x", 2*outputBytesMax))
		case "/slow":
			<-r.Context().Done()
		}
	}))
	defer srv.Close()
	host, portText, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		c      nl.ServiceCheck
		port   int
		status string
		code   int
		output string
	}{
		{"tcp", nl.ServiceCheck{Type: "tcp"}, port, StatusSuccess, 0, outputTCP},
		{"tcp refused", nl.ServiceCheck{Type: "tcp"}, 1, StatusFailure, 0, "refused"},
		{"ok", nl.ServiceCheck{Type: "http", Path: "/ok"}, port, StatusSuccess, 200, outputHTTP},
		{"other success", nl.ServiceCheck{Type: "http", Path: "made", Method: "PUT", Header: map[string][]string{"X-A": {"b"}}}, port, StatusSuccess, 201, "PUT b"},
		{"failure", nl.ServiceCheck{Type: "http", Path: "/long"}, port, StatusFailure, 418, "xxx"},
		{"timeout", nl.ServiceCheck{Type: "http", Path: "/slow", Timeout: 20 * time.Millisecond}, port, StatusFailure, 0, "deadline"},
	}
	for _, tt := range tests {
		if tt.c.Timeout == 0 {
			tt.c.Timeout = 10 * time.Second
		}
		status, code, output := Probe(context.Background(), &Spec{Check: &tt.c, Addr: host, Port: tt.port})
		if status != tt.status || code != tt.code || !strings.Contains(output, tt.output) || len(output) > outputBytesMax {
			t.Errorf("%s: %s %d %.60q", tt.name, status, code, output)
		}
	}
}

func TestID(t *testing.T) {
	base := nl.ServiceCheck{Name: "n", Type: "http", Path: "/", Interval: time.Second}
	id := ID("a", "g", "t", &base)
	if len(id) != 64 || id != ID("a", "g", "t", &base) {
		t.Errorf("ID is %q", id)
	}
	other := base
	other.Path = "/x"
	if ID("a", "g", "t", &other) == id || ID("a", "gt", "", &base) == id {
		t.Error("different checks have one ID")
	}
}

func TestSet(t *testing.T) {
	results := make(chan Result, 100)
	s := NewSet(time.Now, func(r Result) { results <- r })
	c := &nl.ServiceCheck{Name: "n", Type: "tcp", Interval: 10 * time.Millisecond, Timeout: time.Second}
	s.Start(context.Background(), []*Spec{{ID: "x", Check: c, Addr: "127.0.0.1", Port: 1}})
	if r := s.Results()["x"]; r == nil || r.Status != StatusPending || r.Mode != ModeHealthiness {
		t.Errorf("result is %+v", r)
	}
	if r := <-results; r.Status != StatusFailure {
		t.Errorf("result is %+v", r)
	}
	s.Stop(nil)
	s.Wait()
	if len(s.Results()) != 0 {
		t.Error("results are kept")
	}
}
