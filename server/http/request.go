package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	web "net/http"
	"strconv"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// request is one request being answered.
type request struct {
	*web.Request
	w    web.ResponseWriter
	api  *API
	rest string // what follows the route's path
}

// call asks the backend.
func (r *request) call(method string, req, reply any) error {
	return r.api.cfg.Backend.Call(r.Context(), method, req, reply)
}

// The bounds of blocking.
const (
	waitDefault = 300 * time.Second
	waitMax     = 300 * time.Second
	// waitJitterPart of the wait is added at random, so that waiters do not
	// all come back at once.
	waitJitterPart = 16
)

// token is the caller's secret.
func (r *request) token() string {
	if t := strings.TrimSpace(r.Header.Get("X-Nomad-Token")); t != "" {
		return t
	}
	scheme, rest, ok := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if ok && strings.EqualFold(scheme, "Bearer") {
		if f := strings.Fields(rest); len(f) > 0 {
			return f[0]
		}
	}
	return ""
}

// region is where the request belongs.
func (r *request) region() string {
	if v := r.URL.Query().Get("region"); v != "" {
		return v
	}
	return r.api.cfg.Region
}

// namespace is what the query says, "" when it says nothing.
func (r *request) namespace() string { return r.URL.Query().Get("namespace") }

// read parses the options of a read.
func (r *request) read() (nl.QueryOptions, error) {
	q := r.URL.Query()
	o := nl.QueryOptions{Region: r.region(), Namespace: q.Get("namespace"), AuthToken: r.token(),
		Prefix: q.Get("prefix"), Filter: q.Get("filter"), NextToken: q.Get("next_token"), Reverse: q.Get("reverse") == "true"}
	if o.Namespace == "" {
		o.Namespace = nl.DefaultNamespace
	}
	if q.Has("stale") {
		switch v := q.Get("stale"); v {
		case "", "true":
			o.Stale = true
		case "false":
		default:
			return o, bad("Expect `true` or `false` for `stale` query string parameter")
		}
	}
	if v := q.Get("index"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return o, bad("Invalid index")
		}
		o.MinIndex = n
	}
	wait := waitDefault
	if v := q.Get("wait"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			return o, bad("Invalid wait time")
		}
		if d > 0 && d < waitMax {
			wait = d
		}
	}
	o.MaxWait = wait + rand.N(wait/waitJitterPart+1)
	if v := q.Get("per_page"); v != "" {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil {
			return o, bad("Expect a number for `per_page` query string parameter")
		}
		o.PerPage = int(n)
	}
	return o, nil
}

// write parses the options of a write.
func (r *request) write() nl.WriteOptions {
	ns := r.namespace()
	if ns == "" {
		ns = nl.DefaultNamespace
	}
	return nl.WriteOptions{Region: r.region(), Namespace: ns, AuthToken: r.token()}
}

// meta sets the headers that tell about the state that was read.
func (r *request) meta(m nl.QueryMeta) {
	h := r.w.Header()
	h.Set("X-Nomad-Index", strconv.FormatUint(m.Index, 10))
	h.Set("X-Nomad-LastContact", strconv.FormatInt(m.LastContact.Milliseconds(), 10))
	h.Set("X-Nomad-KnownLeader", strconv.FormatBool(m.KnownLeader))
	if m.NextToken != "" {
		h.Set("X-Nomad-NextToken", m.NextToken)
	}
}

// index sets the header that tells the index of a write.
func (r *request) index(i uint64) {
	r.w.Header().Set("X-Nomad-Index", strconv.FormatUint(i, 10))
}

// boolean reads a flag; absent is def. What does not parse is an error with
// the given code.
func (r *request) boolean(name string, def bool, code nl.Code) (bool, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return def, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return def, nl.Errorf(code, "Failed to parse value of %q (%v) as a bool: %v", name, v, err)
	}
	return b, nil
}

// errBody tells that a body is needed.
var errBody = &nl.Error{Code: nl.CodeInvalid, Text: "Request body is empty"}

// decode reads the body as JSON.
func (r *request) decode(v any) error {
	err := json.NewDecoder(r.Body).Decode(v)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return errBody
	}
	return tooLargeOr(err, bad("%s", err))
}

// tooLargeOr keeps the error of a body that is too large, which has a status
// of its own, and gives other errors of reading as they are to be told.
func tooLargeOr(err, told error) error {
	var tooLarge *web.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return told
}

// optional is decode for a body that may be absent.
func (r *request) optional(v any) error {
	if err := r.decode(v); err != nil && err != errBody {
		return err
	}
	return nil
}

// raw reads the whole body.
func (r *request) raw() ([]byte, error) {
	b, err := io.ReadAll(r.Body)
	if err == nil && len(b) == 0 {
		return nil, errBody
	}
	return b, err
}

func bad(format string, args ...any) error { return nl.Errorf(nl.CodeInvalid, format, args...) }

func notFound(format string, args ...any) error { return nl.Errorf(nl.CodeNotFound, format, args...) }

// splitLast cuts "a/b/verb" into "a/b" and "verb".
func splitLast(path string) (head, tail string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// byMethod picks a handler for routes that are told apart below their path.
func (r *request) byMethod(m methods) (any, error) {
	h := m[r.Method]
	if h == nil && (r.Method == web.MethodPut || r.Method == web.MethodPost) {
		h = m["WRITE"]
	}
	if h == nil {
		h = m["ANY"]
	}
	if h == nil {
		return nil, errMethod
	}
	return h(r)
}

// durationText reads a duration given as text or as nanoseconds.
func durationText(raw json.RawMessage) (time.Duration, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if text == "" {
			return 0, nil
		}
		return time.ParseDuration(text)
	}
	var ns int64
	if err := json.Unmarshal(raw, &ns); err != nil {
		return 0, fmt.Errorf("%s is neither a duration nor nanoseconds", raw)
	}
	return time.Duration(ns), nil
}
