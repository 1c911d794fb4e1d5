package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// defaultWithin is how long a step may take, with all its repetitions, where it
// does not say: placing and starting a task takes a few seconds of it.
const defaultWithin = 20 * time.Second

// urlEscapes lets scenarios write filters and commands as they are.
var urlEscapes = strings.NewReplacer(" ", "%20", `"`, "%22", "<", "%3C", ">", "%3E", ";", "%3B", "|", "%7C", "^", "%5E")

// send performs the step's request, again and again if it has conditions.
func (x *run) send(st *Step) (*Response, error) {
	path, err := x.expand(st.Path)
	if err != nil {
		return nil, err
	}
	path = urlEscapes.Replace(path)
	within := cmp.Or(st.Within, defaultWithin)
	switch st.Method {
	case "SLEEP":
		d, err := time.ParseDuration(path)
		time.Sleep(d)
		return nil, err
	case "WAIT":
		select {
		case a := <-x.pending[path]:
			return a.r, a.err
		case <-time.After(within):
			return nil, fmt.Errorf("no answer to %s within %s", path, within)
		}
	}
	header := http.Header{}
	for _, h := range st.Headers {
		v, err := x.expand(h[1])
		if err != nil {
			return nil, err
		}
		header.Add(h[0], v)
	}
	body, err := x.body(st)
	if err != nil {
		return nil, err
	}
	once := func() (*Response, error) {
		ctx := x.ctx
		if st.Defer {
			ctx = context.Background()
		}
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		var read func(*http.Response, *Response)
		if st.Stream != "" {
			read = func(res *http.Response, r *Response) { x.readStream(st, res.Body, r) }
		}
		return x.target.do(ctx, st.Method, path, header, body, read)
	}
	switch {
	case st.Method == "WS":
		var send []string
		for _, s := range st.Send {
			if s, err = x.expand(s); err != nil {
				return nil, err
			}
			send = append(send, s)
		}
		return websocketExec(x.target.addr+path, header, send, within)
	case st.Async != "":
		ch := make(chan asyncResult, 1)
		x.pending[st.Async] = ch
		go func() {
			r, err := once()
			ch <- asyncResult{r, err}
		}()
		return nil, nil
	case st.Stream != "":
		return once()
	}
	for deadline := time.Now().Add(within); ; time.Sleep(120 * time.Millisecond) {
		r, err := once()
		if len(st.Until) == 0 || time.Now().After(deadline) || err == nil && x.holds(st.Until, r) {
			return r, err
		}
	}
}

func (x *run) holds(conds []Cond, r *Response) bool {
	for _, c := range conds {
		if c.check(r, x.expand) != "" {
			return false
		}
	}
	return true
}

// body is the step's body; a job in HCL goes through the target's own parser.
func (x *run) body(st *Step) (string, error) {
	if st.Job == "" && st.HCL == "" {
		return x.expand(st.Body)
	}
	hcl, err := x.expand(st.Job + st.HCL)
	if err != nil {
		return "", err
	}
	with, err := x.expand(cmp.Or(st.With, "{}"))
	if err != nil {
		return "", err
	}
	envelope := map[string]any{}
	if err := json.Unmarshal([]byte(with), &envelope); err != nil {
		return "", fmt.Errorf("with: %w", err)
	}
	if envelope["JobHCL"] = hcl; st.HCL != "" {
		return plain(envelope), nil
	}
	r, err := x.target.call("POST", "/v1/jobs/parse", plain(map[string]any{"JobHCL": hcl}))
	if err != nil {
		return "", err
	}
	if r.Status != http.StatusOK {
		return "", fmt.Errorf("parsing the job: status %d: %s", r.Status, excerpt(r.Raw))
	}
	delete(envelope, "JobHCL")
	envelope["Job"] = r.JSON
	return plain(envelope), nil
}
