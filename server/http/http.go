// Package http serves the HTTP API: it decodes requests, calls the backend and
// encodes answers, one file per noun. It never touches state: the backend is
// the server's router of calls or, on an agent without a server, a session to
// one.
package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	web "net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/session"
)

// Config is what the API stands on.
type Config struct {
	Backend session.Caller // required
	Agent   Agent          // required: the agent this API belongs to
	Events  EventSource    // nil on agents without a server
	Gossip  GossipKeys     // nil on agents without a server
	Logger  hclog.Logger   // required
	Now     func() time.Time

	Region string // of the agent
	// NodeID is the agent's own node, "" without a client.
	NodeID string
	// Headers are added to every answer.
	Headers map[string]string
	// BodyBytesMax bounds a request body; 0 is bodyBytesMaxDefault. Bodies that
	// are archives are not bounded by it.
	BodyBytesMax int64
	// EnableDebug serves profiles and host facts although ACLs are off.
	EnableDebug bool
	// OIDCIssuer names this cluster in identities; "" turns discovery off.
	OIDCIssuer string
	ACLEnabled bool
	// Debug shows metrics in the text format of Prometheus.
	PrometheusMetrics bool
}

// bodyBytesMaxDefault bounds requests: several times the largest job source
// that is kept, with room for its variables.
const bodyBytesMaxDefault = 32 << 20

// gzipBytesMin is the smallest answer worth compressing.
const gzipBytesMin = 150

// API is the handler of everything.
type API struct {
	cfg    Config
	routes []route
	mux    *web.ServeMux
}

// handler answers one request. The value is encoded as JSON; nil is an empty
// body. Handlers that wrote the answer themselves return written.
type handler func(r *request) (any, error)

// written tells that the handler has answered already.
type writtenMark struct{}

var written any = writtenMark{}

// methods are the handlers of one route by HTTP method. "WRITE" stands for PUT
// and POST, "ANY" for every method.
type methods map[string]handler

type route struct {
	path string // ending in "/" takes everything below
	by   methods
	cors bool
	// invalid is what other methods are answered with; nil is 405.
	invalid error
}

var errMethod = &nl.Error{Code: 405, Text: "Invalid method"}

// New builds the API.
func New(cfg Config) (*API, error) {
	if cfg.Backend == nil || cfg.Agent == nil || cfg.Logger == nil {
		return nil, errors.New("the HTTP API needs a backend, an agent and a logger")
	}
	if cfg.BodyBytesMax == 0 {
		cfg.BodyBytesMax = bodyBytesMaxDefault
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &API{cfg: cfg, mux: web.NewServeMux()}
	a.routes = slices.Concat(a.jobRoutes(), a.evalRoutes(), a.deploymentRoutes(), a.allocRoutes(), a.nodeRoutes(),
		a.clientRoutes(), a.namespaceRoutes(), a.quotaRoutes(), a.serviceRoutes(), a.searchRoutes(), a.operatorRoutes(), a.statusRoutes(),
		a.agentRoutes(), a.eventRoutes(), a.keyRoutes(), a.editionRoutes(), a.aclRoutes(), a.variableRoutes(), a.volumeRoutes())
	for _, rt := range a.routes {
		a.mux.HandleFunc(rt.path, func(w web.ResponseWriter, r *web.Request) { a.serve(rt, w, r) })
	}
	a.mux.HandleFunc("/", func(w web.ResponseWriter, r *web.Request) {
		if r.URL.Path == "/" {
			to := "/ui/"
			if r.URL.RawQuery != "" {
				to += "?" + r.URL.RawQuery
			}
			web.Redirect(w, r, to, web.StatusTemporaryRedirect)
			return
		}
		w.WriteHeader(web.StatusNotFound)
	})
	return a, nil
}

// Handler is the API with compression and the headers every answer has.
func (a *API) Handler() (web.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(gzipBytesMin), gzhttp.CompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, fmt.Errorf("setting up compression: %w", err)
	}
	plain := web.HandlerFunc(func(w web.ResponseWriter, r *web.Request) {
		for k, v := range a.cfg.Headers {
			w.Header().Set(k, v)
		}
		a.mux.ServeHTTP(w, r)
	})
	zipped := wrap(plain)
	return web.HandlerFunc(func(w web.ResponseWriter, r *web.Request) {
		if streams(r) {
			w.Header().Set("Vary", "Accept-Encoding")
			plain.ServeHTTP(w, r)
			return
		}
		zipped.ServeHTTP(w, r)
	}), nil
}

// streams tells whether the answer is written piece by piece over a long time,
// or over a connection taken over, and must not be buffered for compression.
func streams(r *web.Request) bool {
	p := r.URL.Path
	return r.Header.Get("Upgrade") != "" || p == "/v1/event/stream" || strings.HasPrefix(p, "/v1/client/fs/stream") ||
		strings.HasPrefix(p, "/v1/client/fs/logs") || strings.HasPrefix(p, "/v1/agent/monitor")
}

// serve runs one route.
func (a *API) serve(rt route, w web.ResponseWriter, r *web.Request) {
	if rt.cors && a.cors(rt, w, r) {
		return
	}
	h := rt.by[r.Method]
	if h == nil && (r.Method == web.MethodPut || r.Method == web.MethodPost) {
		h = rt.by["WRITE"]
	}
	if h == nil {
		h = rt.by["ANY"]
	}
	req := &request{Request: r, w: w, api: a, rest: strings.TrimPrefix(r.URL.Path, rt.path)}
	if h == nil {
		err := rt.invalid
		if err == nil {
			err = errMethod
		}
		req.fail(err)
		return
	}
	if !archive(r) {
		r.Body = web.MaxBytesReader(w, r.Body, a.cfg.BodyBytesMax)
	}
	v, err := h(req)
	switch {
	case err != nil && v != written:
		req.fail(err)
	case v == written:
	default:
		req.encode(v)
	}
}

// archive tells whether the body is a stream without bound.
func archive(r *web.Request) bool { return r.URL.Path == "/v1/operator/snapshot" }

// fail answers with an error.
func (r *request) fail(err error) {
	code, text := int(nl.CodeOf(err)), err.Error()
	var tooLarge *web.MaxBytesError
	if errors.As(err, &tooLarge) {
		code, text = web.StatusRequestEntityTooLarge, fmt.Sprintf("request body is larger than %d bytes", tooLarge.Limit)
	}
	for _, denied := range []string{"Permission denied", "ACL token not found",
		"Job registration, dispatch, and scale are disabled by the scheduler configuration"} {
		if strings.HasSuffix(text, denied) {
			code, text = web.StatusForbidden, denied
		}
	}
	if code >= 500 && code != web.StatusNotImplemented {
		r.api.cfg.Logger.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", text, "code", code)
	} else {
		r.api.cfg.Logger.Debug("request refused", "method", r.Method, "path", r.URL.Path, "error", text, "code", code)
	}
	if text != "" {
		r.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	r.w.WriteHeader(code)
	io.WriteString(r.w, text)
}

// encode answers with JSON.
func (r *request) encode(v any) {
	if v == nil {
		return
	}
	out := &answer{r: r}
	if err := r.encodeTo(out, v); err != nil && !out.begun {
		r.fail(fmt.Errorf("encoding the answer: %w", err))
	}
}

// answer takes an encoded body, which comes in one piece once all of it has
// been encoded, and begins the answer then.
type answer struct {
	r     *request
	begun bool
}

func (a *answer) Write(b []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.r.w.Header().Set("Content-Type", "application/json")
	}
	body := b
	if !a.r.pretty() {
		body = bytes.TrimSuffix(b, []byte("\n"))
	}
	_, err := a.r.w.Write(body)
	return len(b), err
}

// null is a JSON null as an answer.
type null struct{}

// MarshalJSON writes null.
func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// pretty tells whether the answer is to be indented.
func (r *request) pretty() bool {
	q := r.URL.Query()
	return q.Has("pretty") && q.Get("pretty") != "0"
}

// encodeTo encodes as the API does, without HTML escapes and indented when
// asked, but for the newline at the end.
func (r *request) encodeTo(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if r.pretty() {
		enc.SetIndent("", "    ")
	}
	return enc.Encode(v)
}

// marshal gives the body of an answer.
func (r *request) marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := r.encodeTo(&b, v); err != nil {
		return nil, err
	}
	if r.pretty() {
		return b.Bytes(), nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// cors answers preflights and marks answers that web pages may read; it tells
// whether the request is done with.
func (a *API) cors(rt route, w web.ResponseWriter, r *web.Request) bool {
	w.Header().Add("Vary", "Origin")
	if r.Method == web.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		w.Header().Add("Vary", "Access-Control-Request-Method")
		w.Header().Add("Vary", "Access-Control-Request-Headers")
		want := r.Header.Get("Access-Control-Request-Method")
		if r.Header.Get("Origin") != "" && corsAllows(rt, want) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Allow-Methods", want)
			w.Header().Set("Access-Control-Allow-Credentials", "true")
			if h := r.Header.Get("Access-Control-Request-Headers"); h != "" {
				w.Header().Set("Access-Control-Allow-Headers", h)
			}
		}
		w.WriteHeader(web.StatusNoContent)
		return true
	}
	if r.Header.Get("Origin") != "" && corsAllows(rt, r.Method) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}
	return false
}

func corsAllows(rt route, method string) bool {
	if method == web.MethodGet || method == web.MethodHead {
		return true
	}
	return strings.HasPrefix(rt.path, "/v1/var/") && (method == web.MethodPut || method == web.MethodDelete)
}

// remoteIP is the address of the caller, for limits.
func remoteIP(r *web.Request) string {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return ap.Addr().String()
	}
	return r.RemoteAddr
}
