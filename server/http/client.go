package http

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	web "net/http"
	"path"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
)

func (a *API) clientRoutes() []route {
	return []route{
		{path: "/v1/client/stats", cors: true, by: methods{"ANY": clientStats}},
		{path: "/v1/client/gc", by: methods{"ANY": clientGC}},
		{path: "/v1/client/metadata", cors: true, by: methods{"GET": clientMetadata, "WRITE": clientSetMetadata}},
		{path: "/v1/client/identity", cors: true, by: methods{"GET": clientIdentity}},
		{path: "/v1/client/identity/renew", cors: true, by: methods{"WRITE": clientRenewIdentity}},
		{path: "/v1/client/allocation/", cors: true, by: methods{"ANY": clientAlloc}},
		{path: "/v1/client/fs/", cors: true, by: methods{"ANY": clientFS}},
	}
}

func clientStats(r *request) (any, error) {
	on, err := r.onNode("")
	if err != nil {
		return nil, err
	}
	var reply nl.HostStats
	if err := r.call("Client.Stats", &query.ClientStats{OnNode: on}, &reply); err != nil {
		return nil, onNodeError(err)
	}
	return &reply, nil
}

func clientGC(r *request) (any, error) {
	on, err := r.onNode("")
	if err != nil {
		return nil, err
	}
	return nil, onNodeError(r.call("Client.GC", &query.ClientGC{OnNode: on}, nil))
}

func clientMetadata(r *request) (any, error) {
	on, err := r.onNode("")
	if err != nil {
		return nil, err
	}
	return r.metadata(&query.ClientMetadata{OnNode: on})
}

func clientSetMetadata(r *request) (any, error) {
	var body struct {
		NodeID string
		Meta   map[string]*string
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if len(body.Meta) == 0 {
		return nil, bad("missing required Meta object")
	}
	on, err := r.onNode("")
	if body.NodeID != "" {
		on.NodeID, err = body.NodeID, nil
	}
	if err != nil {
		return nil, err
	}
	return r.metadata(&query.ClientMetadata{OnNode: on, Set: true, Meta: body.Meta})
}

func (r *request) metadata(req *query.ClientMetadata) (any, error) {
	var reply nl.NodeMetaResponse
	if err := r.call("Client.Metadata", req, &reply); err != nil {
		return nil, onNodeError(err)
	}
	return &reply, nil
}

// clientAlloc routes what is below /v1/client/allocation/.
func clientAlloc(r *request) (any, error) {
	id, verb, _ := strings.Cut(r.rest, "/")
	r.rest = id
	verbs := map[string]methods{
		"stats": {"ANY": allocStats}, "checks": {"ANY": allocChecks}, "exec": {"ANY": allocExec}, "snapshot": {"GET": allocSnapshot},
		"restart": {"ANY": allocRestart}, "signal": {"WRITE": allocSignal}, "gc": {"ANY": allocGC},
		"pause": {"GET": allocPause, "WRITE": allocPause},
	}
	m, ok := verbs[verb]
	if !ok {
		return nil, notFound("resource not found")
	}
	return r.byMethod(m)
}

func allocStats(r *request) (any, error) {
	on, _ := r.onNode(r.rest)
	var reply nl.AllocResourceUsage
	if err := r.call("Alloc.Stats", &query.AllocStats{OnNode: on, Task: r.URL.Query().Get("task")}, &reply); err != nil {
		return nil, onNodeError(err)
	}
	return &reply, nil
}

func allocChecks(r *request) (any, error) {
	on, _ := r.onNode(r.rest)
	var reply query.AllocCheckResults
	if err := r.call("Alloc.Checks", &query.AllocChecks{OnNode: on}, &reply); err != nil {
		return nil, onNodeError(err)
	}
	return reply.Results, nil
}

func allocRestart(r *request) (any, error) {
	var body struct {
		TaskName string
		AllTasks bool
	}
	if err := r.optional(&body); err != nil {
		return nil, err
	}
	on, _ := r.onNode(r.rest)
	if err := r.call("Alloc.Restart", &query.AllocRestart{OnNode: on, Task: body.TaskName, AllTasks: body.AllTasks}, nil); err != nil {
		return nil, onNodeError(err)
	}
	return nl.WriteMeta{}, nil
}

func allocSignal(r *request) (any, error) {
	var body struct{ Task, Signal string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, tooLargeOr(err, bad("Failed to decode body: %v", err))
	}
	on, _ := r.onNode(r.rest)
	if err := r.call("Alloc.Signal", &query.AllocSignal{OnNode: on, Task: body.Task, Signal: body.Signal}, nil); err != nil {
		return nil, onNodeError(err)
	}
	return nl.WriteMeta{}, nil
}

func allocGC(r *request) (any, error) {
	on, _ := r.onNode(r.rest)
	return nil, onNodeError(r.call("Alloc.GC", &query.AllocGC{OnNode: on}, nil))
}

// allocPause belongs to task schedules.
func allocPause(r *request) (any, error) {
	if r.Method != web.MethodGet {
		var body struct{ Task, ScheduleState string }
		if err := r.decode(&body); err != nil {
			return nil, err
		}
		switch body.ScheduleState {
		case "pause", "run", "scheduled":
		default:
			return nil, bad("Not a valid task schedule state")
		}
	}
	return nil, nl.Errorf(nl.CodeInternal, "Enterprise only")
}

// stream opens a stream on a node.
func (r *request) stream(method string, req any) (session.Stream, error) {
	s, err := r.api.cfg.Backend.Stream(r.Context(), method, req)
	return s, onNodeError(err)
}

func allocSnapshot(r *request) (any, error) {
	on, _ := r.onNode(r.rest)
	return r.chunks("Alloc.Snapshot", &query.AllocSnapshot{OnNode: on}, func() {})
}

// chunks copies a stream of bytes into the answer; head is called before the
// first of them.
func (r *request) chunks(method string, req any, head func()) (any, error) {
	s, err := r.stream(method, req)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for begun := false; ; begun = true {
		var c query.Chunk
		err := s.Recv(&c)
		if err != nil && !errors.Is(err, io.EOF) {
			if !begun {
				return nil, onNodeError(err)
			}
			return written, nil // the answer has begun: all that is left is to end it
		}
		if !begun {
			head()
		}
		if err != nil {
			return written, nil
		}
		if _, err := r.w.Write(c.Data); err != nil {
			return written, nil
		}
	}
}

// clientFS routes what is below /v1/client/fs/.
func clientFS(r *request) (any, error) {
	verb, id, _ := strings.Cut(r.rest, "/")
	handlers := map[string]handler{"ls": fsList, "stat": fsStat, "cat": fsCat, "readat": fsReadAt, "stream": fsStream, "logs": fsLogs}
	h, ok := handlers[verb]
	if !ok {
		return nil, notFound("Invalid method")
	}
	if id == "" {
		return nil, bad("must provide a valid alloc id")
	}
	r.rest = id
	return h(r)
}

func fsList(r *request) (any, error) {
	p := r.URL.Query().Get("path")
	if p == "" {
		p = "/"
	}
	on, _ := r.onNode(r.rest)
	var reply query.FSFiles
	if err := r.call("FS.List", &query.FSList{OnNode: on, Path: p}, &reply); err != nil {
		return nil, onNodeError(err)
	}
	return list(reply.Files), nil
}

// filePath is the path parameter, which must be there.
func (r *request) filePath() (string, error) {
	if p := r.URL.Query().Get("path"); p != "" {
		return p, nil
	}
	return "", bad("must provide a file name")
}

func fsStat(r *request) (any, error) {
	p, err := r.filePath()
	if err != nil {
		return nil, err
	}
	on, _ := r.onNode(r.rest)
	var reply nl.AllocFileInfo
	if err := r.call("FS.Stat", &query.FSStat{OnNode: on, Path: p}, &reply); err != nil {
		return nil, onNodeError(err)
	}
	return &reply, nil
}

func fsCat(r *request) (any, error) {
	p, err := r.filePath()
	if err != nil {
		return nil, err
	}
	on, _ := r.onNode(r.rest)
	return r.chunks("FS.Read", &query.FSRead{OnNode: on, Path: p}, func() { r.guard(p) })
}

func fsReadAt(r *request) (any, error) {
	p, err := r.filePath()
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	if q.Get("offset") == "" {
		return nil, bad("must provide an offset")
	}
	offset, err := strconv.ParseInt(q.Get("offset"), 10, 64)
	if err != nil {
		return nil, nl.Errorf(nl.CodeInternal, "error parsing offset: %v", err)
	}
	var limit int64
	if v := q.Get("limit"); v != "" {
		if limit, err = strconv.ParseInt(v, 10, 64); err != nil {
			return nil, nl.Errorf(nl.CodeInternal, "error parsing limit: %v", err)
		}
	}
	on, _ := r.onNode(r.rest)
	return r.chunks("FS.Read", &query.FSRead{OnNode: on, Path: p, Offset: offset, Limit: limit}, func() { r.guard(p) })
}

// guard sets the headers that keep a browser from running what a task wrote.
func (r *request) guard(name string) {
	h := r.w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-XSS-Protection", "1; mode=block")
	if t := mime.TypeByExtension(path.Ext(name)); strings.HasPrefix(t, "text/html") || strings.HasPrefix(t, "application/xhtml") {
		h.Set("Content-Type", "text/plain")
	}
}

// offset reads the place to start from.
func (r *request) offset() (int64, error) {
	v := r.URL.Query().Get("offset")
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, bad("error parsing offset: %v", err)
	}
	return n, nil
}

func (r *request) origin() (string, error) {
	switch v := r.URL.Query().Get("origin"); v {
	case "", "start":
		return "start", nil
	case "end":
		return v, nil
	}
	return "", bad("origin must be start or end")
}

func fsStream(r *request) (any, error) {
	p, err := r.filePath()
	if err != nil {
		return nil, err
	}
	offset, err := r.offset()
	if err != nil {
		return nil, err
	}
	origin, err := r.origin()
	if err != nil {
		return nil, err
	}
	follow, err := r.boolean("follow", true, nl.CodeInvalid)
	if err != nil {
		return nil, err
	}
	on, _ := r.onNode(r.rest)
	return r.frames("FS.Stream", &query.FSStream{OnNode: on, Path: p, Origin: origin, Offset: offset, Follow: follow}, "")
}

func fsLogs(r *request) (any, error) {
	q := r.URL.Query()
	task, kind := q.Get("task"), q.Get("type")
	if task == "" {
		return nil, bad("must provide task name")
	}
	if kind != "stdout" && kind != "stderr" {
		return nil, bad("must provide log type (stdout/stderr)")
	}
	follow, err := r.boolean("follow", false, nl.CodeInvalid)
	if err != nil {
		return nil, err
	}
	plain, err := r.boolean("plain", false, nl.CodeInvalid)
	if err != nil {
		return nil, err
	}
	offset, err := r.offset()
	if err != nil {
		return nil, err
	}
	origin, err := r.origin()
	if err != nil {
		return nil, err
	}
	on, _ := r.onNode(r.rest)
	return r.frames("FS.Logs", &query.FSLogs{OnNode: on, Task: task, Type: kind, Origin: origin, Offset: offset, Follow: follow}, frameKind(plain))
}

// The content types of framed streams.
const (
	kindFrames = "application/json"
	kindPlain  = "text/plain"
)

func frameKind(plain bool) string {
	if plain {
		return kindPlain
	}
	return kindFrames
}

// frames copies a framed stream into the answer, as JSON objects one after the
// other or, plain, as the bytes in them. Kind is the content type; "" leaves
// it to be found from the first bytes.
func (r *request) frames(method string, req any, kind string) (any, error) {
	s, err := r.stream(method, req)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return r.copyFrames(s, kind)
}

func (r *request) copyFrames(s session.Stream, kind string) (any, error) {
	flush := web.NewResponseController(r.w)
	for begun := false; ; begun = true {
		var f query.Frame
		err := s.Recv(&f)
		if err != nil && !errors.Is(err, io.EOF) {
			if !begun {
				return nil, onNodeError(err)
			}
			return written, nil
		}
		if !begun && kind != "" {
			r.w.Header().Set("Content-Type", kind)
		}
		if err != nil {
			return written, nil
		}
		out := f.Data
		if kind != kindPlain {
			if out, err = json.Marshal(f); err != nil {
				return written, nil
			}
		}
		if _, err := r.w.Write(out); err != nil || flush.Flush() != nil {
			return written, nil
		}
	}
}
