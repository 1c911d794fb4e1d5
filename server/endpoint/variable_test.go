package endpoint

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/script"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

var _ = flag.Bool("rewrite", false, "write what the scripts print into them")

// fakeLog is a log of one server that is the store itself.
type fakeLog struct{ st *store.Store }

func (l fakeLog) Propose(_ context.Context, o op.Op) (Result, error) {
	index := l.st.Snapshot().Index() + 1
	v, err := l.st.Apply(index, o)
	return Result{Index: index, Value: v}, err
}

func (fakeLog) IsLeader() bool                { return true }
func (fakeLog) LeaderAddr() string            { return "" }
func (fakeLog) LastContact() time.Duration    { return 0 }
func (fakeLog) Barrier(context.Context) error { return nil }

// variables runs script commands against the endpoints of variables. The time
// is the index in seconds.
type variables struct {
	t       *testing.T
	st      *store.Store
	e       *Endpoints
	ids     int
	renewed []string
}

func (w *variables) Renew(v *nl.Variable) { w.renewed = append(w.renewed, v.Path+" "+v.LockID()) }

func newVariables(t *testing.T) *variables {
	w := &variables{t: t, st: store.New(store.Empty())}
	w.e = New(Config{
		Store: w.st, Log: fakeLog{w.st}, Locks: w, Logger: hclog.NewNullLogger(), Region: nl.DefaultRegion,
		Now:   func() time.Time { return time.Unix(int64(w.st.Snapshot().Index()), 0) },
		NewID: func() string { w.ids++; return fmt.Sprintf("id%d", w.ids) },
	})
	w.key("k1")
	return w
}

func (w *variables) key(id string) {
	key := &nl.RootKey{Meta: &nl.RootKeyMeta{KeyID: id}, Encryption: bytes.Repeat([]byte{id[1]}, 32)}
	if _, err := w.e.propose(w.t.Context(), &op.UpsertRootKey{Key: key, Activate: true}); err != nil {
		w.t.Fatal(err)
	}
}

func TestVariableScripts(t *testing.T) {
	script.Run(t, "testdata/variable*.txt", func(t *testing.T) func(script.Line) string { return newVariables(t).do })
}

// settings are those of a command that are items, and those that are not.
func (w *variables) request(l script.Line) *query.VariableApply {
	req := &query.VariableApply{Action: query.VariableAction(l.Verb), Variable: &nl.VariableDecrypted{Items: map[string]string{}}}
	if len(l.Args) > 0 {
		req.Variable.Path = strings.ReplaceAll(l.Args[0], "%20", " ")
	}
	lock := &nl.VariableLock{}
	for key, value := range l.Set {
		switch key {
		case "ns":
			req.Variable.Namespace = value
		case "cas":
			req.CAS = true
			req.Expect, _ = strconv.ParseUint(value, 10, 64)
		case "lock":
			lock.ID, req.Variable.Lock = value, lock
		case "ttl":
			lock.TTL, req.Variable.Lock = value, lock
		case "delay":
			lock.LockDelay, req.Variable.Lock = value, lock
		case "bytes":
			n, _ := strconv.Atoi(value)
			req.Variable.Items["b"] = strings.Repeat("x", n-1)
		default:
			req.Variable.Items[key] = value
		}
	}
	return req
}

func (w *variables) do(l script.Line) string {
	ctx := w.t.Context()
	switch l.Verb {
	case "set", "delete", "lock-acquire", "lock-release":
		var reply query.VariableApplied
		err := w.e.variablesApply(ctx, w.request(l), &reply)
		switch {
		case err != nil:
			return problem(err)
		case reply.Conflict != nil:
			return "conflict " + showVariable(reply.Conflict)
		case reply.Variable == nil:
			return fmt.Sprintf("deleted at %d", reply.Index)
		}
		return showVariable(reply.Variable)
	case "lock-renew":
		var reply query.VariableRenewed
		req := w.request(l)
		err := w.e.variablesRenewLock(ctx, &query.VariableRenew{Path: req.Variable.Path, LockID: l.Set["lock"]}, &reply)
		if err != nil {
			return problem(err)
		}
		renewed := w.renewed
		w.renewed = nil
		return fmt.Sprintf("renewed %v modify=%d", renewed, reply.Variable.ModifyIndex)
	case "get":
		var reply query.VariableReply
		req := &query.VariableGet{Path: l.Args[0]}
		req.Namespace = l.Set["ns"]
		if err := w.e.variablesGet(ctx, req, &reply); err != nil {
			return problem(err)
		}
		if reply.Variable == nil {
			return fmt.Sprintf("none, index=%d", reply.Index)
		}
		return fmt.Sprintf("%s index=%d", showVariable(reply.Variable), reply.Index)
	case "list":
		return w.list(l)
	case "namespace":
		if _, err := w.e.propose(ctx, &op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: l.Args[0]}}}); err != nil {
			w.t.Fatal(err)
		}
	case "key":
		w.key(l.Args[0])
	case "forget-key":
		if _, err := w.e.propose(ctx, &op.DeleteRootKey{KeyID: l.Args[0]}); err != nil {
			w.t.Fatal(err)
		}
	case "move":
		// The stored data of one variable under the path of another.
		v := nl.DeepCopy(w.st.Snapshot().Variable(nl.DefaultNamespace, l.Args[0]))
		v.Path = l.Args[1]
		if _, err := w.e.propose(ctx, &op.ApplyVariable{Action: op.VariableSet, Variable: v}); err != nil {
			w.t.Fatal(err)
		}
	default:
		w.t.Fatalf("unknown verb %q", l.Verb)
	}
	return ""
}

func (w *variables) list(l script.Line) string {
	req := &query.VariableList{}
	req.Namespace, req.Prefix, req.NextToken = l.Set["ns"], l.Set["prefix"], l.Set["from"]
	req.Filter = strings.ReplaceAll(l.Set["filter"], "_", " ")
	req.PerPage, _ = strconv.Atoi(l.Set["per_page"])
	var reply query.Variables
	if err := w.e.variablesList(w.t.Context(), req, &reply); err != nil {
		return problem(err)
	}
	var out []string
	for _, m := range reply.Variables {
		out = append(out, m.Namespace+":"+m.Path)
	}
	text := fmt.Sprintf("%v index=%d", out, reply.Index)
	if reply.NextToken != "" {
		text += " next=" + reply.NextToken
	}
	return text
}

func problem(err error) string { return fmt.Sprintf("%d %s", nl.CodeOf(err), err) }

func showVariable(v *nl.VariableDecrypted) string {
	text := fmt.Sprintf("%s:%s create=%d modify=%d", v.Namespace, v.Path, v.CreateIndex, v.ModifyIndex)
	if v.Lock != nil {
		text += fmt.Sprintf(" lock=%s ttl=%s delay=%s", v.Lock.ID, v.Lock.TTL, v.Lock.LockDelay)
	}
	for _, k := range slices.Sorted(maps.Keys(v.Items)) {
		text += fmt.Sprintf(" %s=%.20q", k, v.Items[k])
	}
	return text
}

// What is stored must tell nothing of the items.
func TestVariable_IsStoredEncrypted(t *testing.T) {
	w := newVariables(t)
	w.do(script.Line{Verb: "set", Args: []string{"a"}, Set: map[string]string{"password": "correct-horse"}})
	var saved bytes.Buffer
	if err := w.st.Snapshot().Save(&saved); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"password", "correct-horse"} {
		if bytes.Contains(saved.Bytes(), []byte(secret)) {
			t.Errorf("the saved state holds %q", secret)
		}
	}
	before := w.st.Snapshot().Variable(nl.DefaultNamespace, "a").Data
	w.do(script.Line{Verb: "set", Args: []string{"a"}, Set: map[string]string{"password": "correct-horse"}})
	if bytes.Equal(before, w.st.Snapshot().Variable(nl.DefaultNamespace, "a").Data) {
		t.Error("the same items are stored as the same bytes")
	}
}
