package clitest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// route is one answer of the agent.
type route struct {
	method, path string
	params       url.Values
	status       int
	header       map[string]string
	body         string
	used         bool
}

func newRoute(title, body string) *route {
	fields := strings.Fields(title)
	r := &route{method: fields[0], status: http.StatusOK, header: map[string]string{}, body: body}
	target, err := url.Parse(fields[1])
	if err == nil {
		r.path, r.params = target.EscapedPath(), target.Query()
	}
	for _, f := range fields[2:] {
		if code, err := strconv.Atoi(f); err == nil {
			r.status = code
		} else if key, value, ok := strings.Cut(f, ":"); ok {
			r.header[key] = value
		}
	}
	return r
}

func (r *route) matches(req *http.Request) bool {
	if r.method != req.Method || r.path != req.URL.EscapedPath() {
		return false
	}
	query := req.URL.Query()
	for key := range r.params {
		if query.Get(key) != r.params.Get(key) {
			return false
		}
	}
	return true
}

// agent answers from routes and remembers what it was asked to change.
type agent struct {
	*httptest.Server
	mu     sync.Mutex
	routes []*route
	writes []string
}

func newAgent(t *testing.T, routes []*route) *agent {
	a := &agent{routes: routes}
	for _, r := range routes {
		r.used = false
	}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

// ServeHTTP implements http.Handler.
func (a *agent) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	found := a.find(req)
	// Nobody has to write down that there are no hints.
	if found == nil && req.URL.Path == "/v1/agent/self" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if req.Method != http.MethodGet || found == nil {
		note := fmt.Sprintf("%s %s", req.Method, req.URL.RequestURI())
		if found == nil {
			note = "no answer for " + note
		}
		if text := strings.TrimSpace(string(body)); text != "" {
			note += "\n" + text
		}
		a.writes = append(a.writes, note)
	}
	if found == nil {
		http.Error(w, "not in the transcript", http.StatusNotFound)
		return
	}
	for k, v := range found.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(found.status)
	_, _ = io.WriteString(w, found.body)
}

// find is the first matching route that was not used, or else the last one.
func (a *agent) find(req *http.Request) *route {
	var last *route
	for _, r := range a.routes {
		if !r.matches(req) {
			continue
		}
		last = r
		if !r.used {
			r.used = true
			return r
		}
	}
	return last
}

func (a *agent) requests() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.writes, "\n")
}
