package clitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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
		if text := said(body); text != "" {
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

// said is a body as it is, save that a job leaves out its members that are
// null, so that transcripts do not grow with the nouns.
func said(body []byte) string {
	var v map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&v) != nil || v["Job"] == nil {
		return strings.TrimSpace(string(body))
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(withoutNull(v)) != nil {
		return strings.TrimSpace(string(body))
	}
	return strings.TrimSpace(out.String())
}

func withoutNull(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if e == nil {
				delete(v, k)
			} else {
				v[k] = withoutNull(e)
			}
		}
	case []any:
		for i, e := range v {
			v[i] = withoutNull(e)
		}
	}
	return v
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

func (a *agent) requests(unordered bool) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if unordered {
		slices.Sort(a.writes)
	}
	return strings.Join(a.writes, "\n")
}
