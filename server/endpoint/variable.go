package endpoint

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/keyring"
)

// Locks keeps the locks on variables alive on the leader.
type Locks interface {
	// Renew starts the lock's time to live again.
	Renew(v *nl.Variable)
}

func (e *Endpoints) registerVariables() {
	on(e, Read, "Variables.List", e.variablesList)
	on(e, Read, "Variables.Get", e.variablesGet)
	on(e, Write, "Variables.Apply", e.variablesApply)
	on(e, Write, "Variables.RenewLock", e.variablesRenewLock)
}

// Bounds of variables.
const (
	// variableBytesMax bounds the keys and values of one variable together.
	variableBytesMax = 65536
	// lockTTLMin keeps holders from renewing all the time, lockTTLMax keeps
	// locks of holders that are gone from staying for good.
	lockTTLMin = 10 * time.Second
	lockTTLMax = 24 * time.Hour
	// lockTTLDefault and lockDelayDefault are those of locks that do not say.
	lockTTLDefault   = 15 * time.Second
	lockDelayDefault = 15 * time.Second
)

// onVariable asks for a capability on the variable at a path.
func onVariable(namespace, path, capability string) need {
	return need{namespace: namespace, variable: path, capabilities: []string{capability}}
}

// listedVariable is what filters of the list see: they name the metadata.
type listedVariable struct{ nl.VariableMetadata }

func (e *Endpoints) variablesList(ctx context.Context, req *query.VariableList, reply *query.Variables) error {
	ns := namespaceOf(req.Namespace)
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		locks := e.seesLocks(req.AuthToken)
		list, err := pager[listedVariable]{
			opts: &req.QueryOptions, token: func(v listedVariable) string { return v.Namespace + "." + v.Path },
			less: variableTokenLess,
			keep: func(v listedVariable) bool {
				return e.authorize(req.AuthToken, onVariable(v.Namespace, v.Path, "list")) == nil
			},
		}.page(func(yield func(listedVariable) bool) {
			for v := range s.Variables(ns, req.Prefix) {
				l := listedVariable{v.VariableMetadata}
				if !locks {
					l.Lock = nil // before the filter, which would tell
				}
				if !yield(l) {
					return
				}
			}
		}, &reply.QueryMeta)
		reply.Variables = make([]*nl.VariableMetadata, len(list))
		for i := range list {
			reply.Variables[i] = &list[i].VariableMetadata
		}
		return s.TableIndex(store.TableVariables), []store.Key{{Table: store.TableVariables}}, err
	})
}

// variableTokenLess compares tokens in the order of the list: namespaces first,
// which cannot hold a dot.
func variableTokenLess(a, b string) bool {
	aNS, aPath, _ := strings.Cut(a, ".")
	bNS, bPath, _ := strings.Cut(b, ".")
	if aNS != bNS {
		return aNS < bNS
	}
	return aPath < bPath
}

// seesLocks tells whether reads show the caller who holds a lock: whoever knows
// the ID of a lock can write as its holder.
func (e *Endpoints) seesLocks(token string) bool {
	return e.authorize(token, need{management: true}) == nil
}

func (e *Endpoints) variablesGet(ctx context.Context, req *query.VariableGet, reply *query.VariableReply) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, onVariable(ns, req.Path, "read")); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableVariables, ID: store.JobKey(ns, req.Path)}}
		reply.Variable = nil
		v := s.Variable(ns, req.Path)
		if v == nil {
			return s.TableIndex(store.TableVariables), watch, nil
		}
		items, err := keyring.Open(s, v)
		if err != nil {
			return 0, nil, err
		}
		reply.Variable = v.Decrypted(items)
		if !e.seesLocks(req.AuthToken) {
			reply.Variable.Lock = nil
		}
		return v.ModifyIndex, watch, nil
	})
}

var variablePath = regexp.MustCompile(`^[a-zA-Z0-9-_~/]{1,128}$`)

// variableProblem is a variable that may not be written. The words before the
// text are part of the API: that is how clients have always seen it.
func variableProblem(format string, args ...any) error {
	return nl.Errorf(nl.CodeInvalid, "RPC Error:: 400,%s", fmt.Sprintf(format, args...))
}

// checkVariablePath keeps the paths below nomad/ for what the cluster itself
// looks for there.
func checkVariablePath(path string) error {
	if !variablePath.MatchString(path) {
		return variableProblem("invalid path %q", path)
	}
	parts := strings.Split(path, "/")
	if parts[0] != "nomad" {
		return nil
	}
	switch {
	case len(parts) >= 2 && (parts[1] == "jobs" || parts[1] == "sentinel"):
		return nil
	case len(parts) == 3 && parts[1] == "job-templates" && parts[2] != "":
		return nil
	}
	return variableProblem("invalid path %q: below \"nomad\" only \"nomad/jobs\", \"nomad/jobs/...\", \"nomad/sentinel/...\" "+
		"and \"nomad/job-templates/<name>\" can be written", path)
}

func checkVariable(req *query.VariableApply) error {
	v := req.Variable
	if v.Namespace == nl.AllNamespaces {
		return variableProblem("a variable cannot be written to every namespace (%q); name one", v.Namespace)
	}
	if req.Action == query.VariableDelete {
		return nil
	}
	if err := checkVariablePath(v.Path); err != nil {
		return err
	}
	size := 0
	for k, value := range v.Items {
		size += len(k) + len(value)
	}
	if size > variableBytesMax {
		return variableProblem("the items have %d bytes, more than the %d that a variable may hold", size, variableBytesMax)
	}
	if req.Action == query.VariableSet && len(v.Items) == 0 {
		return variableProblem("empty variables are invalid")
	}
	return nil
}

// lockOf is the lock that a write carries, in its complete form.
func (e *Endpoints) lockOf(s *store.Snapshot, req *query.VariableApply) (*nl.VariableLock, error) {
	lock := req.Variable.Lock
	switch req.Action {
	case query.VariableDelete:
		return nil, nil
	case query.VariableRelease:
		if lock == nil || lock.ID == "" {
			return nil, nl.Errorf(nl.CodeInvalid, "missing lock information")
		}
		if len(req.Variable.Items) > 0 {
			return nil, nl.Errorf(nl.CodeInvalid, "lock release operation doesn't take variable items")
		}
		return &nl.VariableLock{ID: lock.ID}, nil
	case query.VariableSet:
		if lock == nil {
			return nil, nil
		}
		if lock.TTL != "" || lock.LockDelay != "" {
			return nil, nl.Errorf(nl.CodeInvalid, "variable should not contain lock definition")
		}
		if lock.ID == "" {
			return nil, nil
		}
		return &nl.VariableLock{ID: lock.ID, TTL: lockTTLDefault.String(), LockDelay: lockDelayDefault.String()}, nil
	}
	if lock == nil {
		lock = &nl.VariableLock{}
	}
	ttl, err := lockDuration("TTL", lock.TTL, lockTTLDefault)
	if err != nil {
		return nil, err
	}
	delay, err := lockDuration("lock delay", lock.LockDelay, lockDelayDefault)
	if err != nil {
		return nil, err
	}
	if ttl < lockTTLMin || ttl > lockTTLMax {
		return nil, variableProblem("the TTL of a lock is between %s and %s, not %s", lockTTLMin, lockTTLMax, ttl)
	}
	if delay < 0 || delay > lockTTLMax {
		return nil, variableProblem("the lock delay is between 0s and %s, not %s", lockTTLMax, delay)
	}
	id := lock.ID
	if id == "" || s.Variable(req.Variable.Namespace, req.Variable.Path).LockID() == "" {
		id = e.cfg.NewID() // a lock that is taken anew is another lock
	}
	return &nl.VariableLock{ID: id, TTL: ttl.String(), LockDelay: delay.String()}, nil
}

func lockDuration(what, text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, variableProblem("the %s of a lock is no duration: %q", what, text)
	}
	if d == 0 {
		return otherwise, nil
	}
	return d, nil
}

var variableActions = map[query.VariableAction]op.VariableAction{
	query.VariableSet: op.VariableSet, query.VariableDelete: op.VariableDelete,
	query.VariableAcquire: op.VariableAcquire, query.VariableRelease: op.VariableRelease,
}

func (e *Endpoints) variablesApply(ctx context.Context, req *query.VariableApply, reply *query.VariableApplied) error {
	v, action := req.Variable, variableActions[req.Action]
	if v == nil || action == 0 {
		return nl.Errorf(nl.CodeInvalid, "a write of a variable needs the variable and one of the known actions, not %q", req.Action)
	}
	v.Namespace = namespaceOf(v.Namespace)
	capability := "write"
	if req.Action == query.VariableDelete {
		capability = "destroy"
	}
	if err := e.authorize(req.AuthToken, onVariable(v.Namespace, v.Path, capability)); err != nil {
		return err
	}
	if err := checkVariable(req); err != nil {
		return err
	}
	s := e.snapshot()
	lock, err := e.lockOf(s, req)
	if err != nil {
		return err
	}
	if s.Namespace(v.Namespace) == nil {
		return fmt.Errorf("variable %q is in nonexistent namespace %q", v.Path, v.Namespace)
	}
	stored := &nl.Variable{VariableMetadata: nl.VariableMetadata{Namespace: v.Namespace, Path: v.Path, Lock: lock}}
	if err := keyring.Seal(s, stored, v.Items); err != nil {
		return err
	}
	r, err := e.propose(ctx, &op.ApplyVariable{Action: action, Variable: stored, CAS: req.CAS, Expect: req.Expect, Time: e.now(), Region: e.cfg.Region})
	if err != nil {
		return err
	}
	reply.Index = r.Index
	result, ok := r.Value.(*op.ApplyVariableResult)
	if !ok {
		return fmt.Errorf("writing variable %q: the log answered with %T", v.Path, r.Value)
	}
	if result.Exceeds != "" {
		return nl.Errorf(nl.CodeDenied, "writing variable %q: the quota of namespace %q is reached: %s; raise it, or delete variables", v.Path, v.Namespace, result.Exceeds)
	}
	return e.answerVariable(req, result, reply)
}

// answerVariable tells what became of a write: what the caller wrote, or as
// much as it may see of what stood in the way.
func (e *Endpoints) answerVariable(req *query.VariableApply, r *op.ApplyVariableResult, reply *query.VariableApplied) error {
	v := req.Variable
	mayRead := e.authorize(req.AuthToken, onVariable(v.Namespace, v.Path, "read")) == nil
	switch {
	case r.Locked || r.Changed && r.Variable == nil:
		reply.Conflict = &nl.VariableDecrypted{Namespace: v.Namespace, Path: v.Path}
		return nil
	case r.Variable == nil:
		return nil // deleted
	}
	var items map[string]string
	if mayRead && (r.Changed || req.Action == query.VariableAcquire) {
		var err error
		if items, err = keyring.Open(e.snapshot(), r.Variable); err != nil {
			return err
		}
	}
	if r.Changed {
		reply.Conflict = r.Variable.Decrypted(items)
		return nil
	}
	if len(v.Items) > 0 {
		items = v.Items
	}
	reply.Variable = r.Variable.Decrypted(items)
	return nil
}

func (e *Endpoints) variablesRenewLock(_ context.Context, req *query.VariableRenew, reply *query.VariableRenewed) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, onVariable(ns, req.Path, "write")); err != nil {
		return err
	}
	if req.LockID == "" {
		return nl.Errorf(nl.CodeInvalid, "missing lock ID")
	}
	v := e.snapshot().Variable(ns, req.Path)
	switch {
	case v == nil:
		return nl.Errorf(nl.CodeNotFound, "variable doesn't exist")
	case v.LockID() == "":
		return nl.Errorf(nl.CodeConflict, "variable doesn't hold a lock")
	case v.LockID() != req.LockID:
		return nl.Errorf(nl.CodeConflict, "attempting to modify locked variable")
	}
	e.cfg.Locks.Renew(v)
	reply.Variable = &v.VariableMetadata
	return nil
}
