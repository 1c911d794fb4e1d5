package http

import (
	"encoding/json"
	"fmt"
	"io"
	web "net/http"
	"strconv"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func (a *API) variableRoutes() []route {
	return []route{
		{path: "/v1/vars", cors: true, by: methods{"GET": variableList}},
		{path: "/v1/var/", cors: true, invalid: bad("Invalid method"),
			by: methods{"GET": variableGet, "WRITE": variableWrite, "DELETE": variableDelete}},
	}
}

func variableList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.Variables
	if err := r.call("Variables.List", &query.VariableList{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Variables), nil
}

var errVariablePath = bad("missing variable path")

func variableGet(r *request) (any, error) {
	if r.rest == "" {
		return nil, errVariablePath
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.VariableReply
	if err := r.call("Variables.Get", &query.VariableGet{QueryOptions: o, Path: r.rest}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Variable == nil {
		return nil, notFound("variable not found")
	}
	return reply.Variable, nil
}

// variableBody is a variable as it is sent; the durations of the lock may be
// text or nanoseconds.
type variableBody struct {
	Namespace string
	Items     map[string]string
	Lock      *struct {
		ID             string
		TTL, LockDelay json.RawMessage
	}
}

func (b *variableBody) variable(r *request) (*nl.VariableDecrypted, error) {
	v := &nl.VariableDecrypted{Namespace: b.Namespace, Path: r.rest, Items: b.Items}
	if v.Namespace == "" {
		v.Namespace = r.write().Namespace
	}
	if b.Lock == nil {
		return v, nil
	}
	v.Lock = &nl.VariableLock{ID: b.Lock.ID}
	for _, d := range []struct {
		name string
		from json.RawMessage
		to   *string
	}{{"TTL", b.Lock.TTL, &v.Lock.TTL}, {"LockDelay", b.Lock.LockDelay, &v.Lock.LockDelay}} {
		n, err := durationText(d.from)
		if err != nil {
			return nil, bad("Lock.%s: %s", d.name, err)
		}
		if n != 0 {
			*d.to = n.String()
		}
	}
	return v, nil
}

const lockRenew = "lock-renew"

// lockOperation is the operation that the query asks for, "" when none.
func (r *request) lockOperation() (asked string, err error) {
	q := r.URL.Query()
	for _, name := range []string{lockRenew, string(query.VariableAcquire), string(query.VariableRelease)} {
		if !q.Has(name) {
			continue
		}
		if asked != "" {
			return "", bad("multiple lock operations")
		}
		asked = name
	}
	if asked != "" && q.Has("cas") {
		return "", bad("CAS can't be used with lock operations")
	}
	return asked, nil
}

// checked reads the cas parameter into a write.
func (r *request) checked(req *query.VariableApply) (err error) {
	text := r.URL.Query().Get("cas")
	if text == "" {
		return nil
	}
	req.CAS = true
	if req.Expect, err = strconv.ParseUint(text, 10, 64); err != nil {
		return bad("can not parse cas: %s", err)
	}
	return nil
}

func variableWrite(r *request) (any, error) {
	if r.rest == "" {
		return nil, errVariablePath
	}
	operation, err := r.lockOperation()
	if err != nil {
		return nil, err
	}
	var body variableBody
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	v, err := body.variable(r)
	if err != nil {
		return nil, err
	}
	switch operation {
	case lockRenew:
		return r.renewLock(v)
	case "":
		operation = string(query.VariableSet)
		if len(v.Items) == 0 {
			return nil, bad("variable missing required Items object")
		}
	case string(query.VariableRelease):
		if v.Lock == nil {
			return nil, bad("missing lock information")
		}
	}
	req := &query.VariableApply{WriteOptions: r.write(), Action: query.VariableAction(operation), Variable: v}
	if err := r.checked(req); err != nil {
		return nil, err
	}
	reply, err := r.applyVariable(req)
	if err != nil {
		return nil, err
	}
	if reply == nil {
		return written, nil
	}
	return reply.Variable, nil
}

func variableDelete(r *request) (any, error) {
	if r.rest == "" {
		return nil, errVariablePath
	}
	o := r.write()
	req := &query.VariableApply{WriteOptions: o, Action: query.VariableDelete,
		Variable: &nl.VariableDecrypted{Namespace: o.Namespace, Path: r.rest}}
	if err := r.checked(req); err != nil {
		return nil, err
	}
	reply, err := r.applyVariable(req)
	if err != nil {
		return nil, err
	}
	if reply != nil {
		r.w.WriteHeader(web.StatusNoContent)
	}
	return written, nil
}

// applyVariable writes and sets the index; on a conflict it answers and
// returns nil. Index headers are as recorded: 0 beside a refusal, none beside a
// lock that could not be taken.
func (r *request) applyVariable(req *query.VariableApply) (*query.VariableApplied, error) {
	var reply query.VariableApplied
	if err := r.call("Variables.Apply", req, &reply); err != nil {
		r.index(0)
		return nil, err
	}
	c := reply.Conflict
	if c == nil {
		r.index(reply.Index)
		return &reply, nil
	}
	body, err := r.marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding variable %q: %w", c.Path, err)
	}
	if req.Action == query.VariableSet || req.Action == query.VariableDelete {
		r.index(c.ModifyIndex)
	}
	r.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	r.w.WriteHeader(web.StatusConflict)
	io.WriteString(r.w, string(body))
	return nil, nil
}

func (r *request) renewLock(v *nl.VariableDecrypted) (any, error) {
	req := &query.VariableRenew{WriteOptions: r.write(), Path: v.Path}
	req.Namespace = v.Namespace
	if v.Lock != nil {
		req.LockID = v.Lock.ID
	}
	var reply query.VariableRenewed
	if err := r.call("Variables.RenewLock", req, &reply); err != nil {
		return nil, err
	}
	return reply.Variable, nil
}
