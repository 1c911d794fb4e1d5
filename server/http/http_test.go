package http_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	web "net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// send makes a request and decodes the answer into reply unless that is nil.
func send(t testing.TB, h web.Handler, method, path, body string, reply any) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if w.Code != 200 {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if reply != nil {
		if err := json.Unmarshal(w.Body.Bytes(), reply); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return w
}

// job is the request that registers a batch job.
func job(id, more string) string {
	return fmt.Sprintf(`{"Job":{"ID":%q,"Type":"batch","Datacenters":["*"],%s"TaskGroups":[{"Name":"g","Count":1,
		"Tasks":[{"Name":"t","Driver":"raw_exec","Config":{"command":"/bin/true"}}]}]}}`, id, more)
}

// What is shown of a job's versions is a copy: reading must not change what is
// stored, such as the compressed payload of a dispatched job.
func TestVersionsLeaveStateAlone(t *testing.T) {
	h := api(t, shared)
	send(t, h, "PUT", "/v1/jobs", job("payload", `"ParameterizedJob":{"Payload":"required"},`), nil)
	var child struct{ DispatchedJobID string }
	const payload = `"aGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8="`
	send(t, h, "PUT", "/v1/job/payload/dispatch", `{"Payload":`+payload+`}`, &child)
	for range 2 {
		var versions struct {
			Versions []struct{ Payload json.RawMessage }
		}
		send(t, h, "GET", "/v1/job/"+child.DispatchedJobID+"/versions", "", &versions)
		if len(versions.Versions) != 1 || string(versions.Versions[0].Payload) != payload {
			t.Fatalf("versions show %+v, want the payload %s", versions, payload)
		}
	}
}

// A blocked read wakes when what it watches changes, and only then.
func TestBlockedReadWakes(t *testing.T) {
	h := api(t, shared)
	send(t, h, "PUT", "/v1/jobs", job("wakes", ""), nil)
	index := send(t, h, "GET", "/v1/job/wakes", "", nil).Header().Get("X-Nomad-Index")
	var waiting sync.WaitGroup
	var woken *httptest.ResponseRecorder
	waiting.Go(func() {
		woken = httptest.NewRecorder()
		h.ServeHTTP(woken, httptest.NewRequest("GET", "/v1/job/wakes?wait=60s&index="+index, nil))
	})
	send(t, h, "PUT", "/v1/jobs", job("asleep", ""), nil) // of no concern
	send(t, h, "PUT", "/v1/jobs", job("wakes", `"Priority":60,`), nil)
	waiting.Wait()
	var got struct{ Priority int }
	if err := json.Unmarshal(woken.Body.Bytes(), &got); err != nil || got.Priority != 60 {
		t.Errorf("the read woke with %s", woken.Body)
	}
	if woken.Header().Get("X-Nomad-Index") == index {
		t.Errorf("the read woke at the index %s it had", index)
	}
}

// A read that nothing wakes answers with what it has when its time is over.
func TestBlockedReadEnds(t *testing.T) {
	h := api(t, shared)
	w := send(t, h, "GET", "/v1/node/pools?wait=1ms&index=99999999", "", nil)
	if !strings.Contains(w.Body.String(), `"default"`) {
		t.Errorf("answered %s", w.Body)
	}
}

// The event stream begins with an empty line at once, tells what was asked for
// as it happens, and ends when its reader goes. Unknown topics are silent.
func TestEventStream(t *testing.T) {
	h := api(t, shared)
	id := nl.NewID(rand.Reader) // a job registered a second time as it is is no news
	srv := httptest.NewServer(h)
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := web.NewRequestWithContext(ctx, "GET", srv.URL+"/v1/event/stream?topic=Nonsense&topic=Job:"+id+"&index=99999999", nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &web.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" || resp.ContentLength != -1 || len(resp.TransferEncoding) != 0 {
		t.Errorf("answer %d %v, length %d, encoding %v", resp.StatusCode, resp.Header, resp.ContentLength, resp.TransferEncoding)
	}
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != "{}\n" || err != nil {
		t.Fatalf("the first line is %q (%v)", line, err)
	}
	send(t, h, "PUT", "/v1/jobs", job("not-"+id, ""), nil)
	send(t, h, "PUT", "/v1/jobs", job(id, ""), nil)
	line, err := lines.ReadString('\n')
	var batch struct {
		Events []struct{ Topic, Type, Key string }
	}
	if err == nil {
		err = json.Unmarshal([]byte(line), &batch)
	}
	if err != nil || len(batch.Events) != 1 || batch.Events[0].Key != id || batch.Events[0].Topic != "Job" {
		t.Errorf("the second line is %q (%v)", line, err)
	}
	cancel()
	if _, err := io.ReadAll(lines); err == nil {
		t.Error("the stream goes on after its reader has gone")
	}
}

// Headers of the configuration are in every answer, refusals too.
func TestConfiguredHeaders(t *testing.T) {
	h := api(t, shared)
	for _, path := range []string{"/v1/regions", "/v1/nonsense", "/v1/job/absent"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if got := w.Header().Get("X-Own"); got != "yes" {
			t.Errorf("%s: header %q", path, got)
		}
	}
}
