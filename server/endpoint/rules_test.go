package endpoint

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/script"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// rules runs script commands against the endpoints of jobs and nodes. The time
// is the index in seconds, counted from the epoch.
type rules struct {
	t   *testing.T
	st  *store.Store
	e   *Endpoints
	ids int
	// heard are the nodes that were heard of otherwise than by heartbeats.
	heard []string
}

func (w *rules) Bind(context.Context, string)         {}
func (w *rules) Beat(string) time.Duration            { return 10 * time.Second }
func (w *rules) Heard(nodeID string)                  { w.heard = append(w.heard, nodeID) }
func (w *rules) Forget(string)                        {}
func (w *rules) Renew(*nl.Variable)                   {}
func (w *rules) Servers(string) []Member              { return nil }
func (w *rules) Regions() []string                    { return []string{nl.DefaultRegion} }
func (w *rules) snapshot() *store.Snapshot            { return w.st.Snapshot() }
func (w *rules) write() nl.WriteOptions               { return nl.WriteOptions{Namespace: nl.DefaultNamespace} }
func (w *rules) number(l script.Line, key string) int { var n int; fmt.Sscan(l.Set[key], &n); return n }

func newRules(t *testing.T) *rules {
	w := &rules{t: t, st: store.New(store.Empty())}
	w.e = New(Config{
		Store: w.st, Log: fakeLog{w.st}, Locks: w, Nodes: w, Heartbeats: w, Cluster: w, Logger: hclog.NewNullLogger(), Region: nl.DefaultRegion,
		Now:   func() time.Time { return time.Unix(int64(w.st.Snapshot().Index()), 0) },
		NewID: func() string { w.ids++; return uuidOf(w.ids) },
	})
	w.e.cfg.Admission.MaxCount = 10
	return w
}

// uuidOf is a UUID that can be told in a script by its number.
func uuidOf(n int) string { return fmt.Sprintf("%08d-0000-0000-0000-000000000000", n) }

func TestRuleScripts(t *testing.T) {
	script.Run(t, "testdata/rules*.txt", func(t *testing.T) func(script.Line) string { return newRules(t).do })
}

func (w *rules) do(l script.Line) string {
	name := ""
	if len(l.Args) > 0 {
		name = l.Args[0]
	}
	told, err := w.command(l, name)
	if err != nil {
		told = fmt.Sprintf("%d %s", nl.CodeOf(err), strings.ReplaceAll(err.Error(), "\n", `\n`))
	}
	return l.Verb + ": " + told
}

func (w *rules) command(l script.Line, name string) (string, error) {
	ctx := w.t.Context()
	switch l.Verb {
	case "job":
		return w.job(ctx, l, name)
	case "dispatch":
		var reply nl.JobDispatchResponse
		req := &query.JobDispatch{WriteOptions: w.write(), ID: name, Payload: []byte(strings.Repeat("x", w.number(l, "payload"))),
			Priority: w.number(l, "priority"), IdempotencyToken: l.Set["token"]}
		if l.Set["meta"] != "" {
			req.Meta = map[string]string{l.Set["meta"]: "v"}
		}
		err := w.e.jobDispatch(ctx, req, &reply)
		return fmt.Sprintf("%s eval=%v", strings.Split(reply.DispatchedJobID, "-0000")[0], reply.EvalID != ""), err
	case "scale":
		req := &query.JobScale{WriteOptions: w.write(), ID: name, Group: l.Set["group"], Message: l.Set["message"], Error: l.Set["error"] != ""}
		if _, ok := l.Set["count"]; ok {
			n := w.number(l, "count")
			req.Count = &n
		}
		var reply nl.JobRegisterResponse
		err := w.e.jobScale(ctx, req, &reply)
		return fmt.Sprintf("eval=%v", reply.EvalID != ""), err
	case "tag", "untag":
		var reply query.JobTagReply
		err := w.e.jobTag(ctx, &query.JobTag{WriteOptions: w.write(), ID: name, Tag: l.Set["tag"], Version: uint64(w.number(l, "version")),
			Latest: l.Set["latest"] != "", Remove: l.Verb == "untag"}, &reply)
		return reply.Name, err
	case "revert":
		var reply nl.JobRegisterResponse
		err := w.e.jobRevert(ctx, &query.JobRevert{WriteOptions: w.write(), ID: name, Version: uint64(w.number(l, "version"))}, &reply)
		return "done", err
	}
	return w.node(ctx, l, name)
}

// job registers a job; the settings are parameterized=payload and scaling=min,max.
func (w *rules) job(ctx context.Context, l script.Line, name string) (string, error) {
	more, scaling := "", ""
	if p, ok := l.Set["parameterized"]; ok {
		more = fmt.Sprintf(`"ParameterizedJob":{"Payload":%q,"MetaRequired":["need"]},`, p)
	}
	if p, ok := l.Set["scaling"]; ok {
		low, high, _ := strings.Cut(p, ",")
		scaling = fmt.Sprintf(`"Scaling":{"Min":%s,"Max":%s},`, low, high)
	}
	doc, err := spec.FromJSON([]byte(fmt.Sprintf(`{"ID":%q,"Type":%q,"Namespace":"default","Priority":%d,"Datacenters":["*"],%s"TaskGroups":[{"Name":"g","Count":1,%s
		"Tasks":[{"Name":"t","Driver":"raw_exec","Config":{"command":"x"}}]}]}`, name, l.Set["type"], max(1, w.number(l, "priority")), more, scaling)))
	if err != nil {
		return "", err
	}
	j, err := spec.Register(doc)
	if err != nil {
		return "", err
	}
	before := j.Copy()
	req := &query.JobRegister{WriteOptions: w.write(), Job: j}
	var reply nl.JobRegisterResponse
	if err := w.e.jobRegister(ctx, req, &reply); err != nil {
		return "", err
	}
	if j.SubmitTime != before.SubmitTime || len(j.TaskGroups[0].Constraints) != len(before.TaskGroups[0].Constraints) {
		w.t.Error("registering changed the request")
	}
	return fmt.Sprintf("version=%d eval=%v", w.snapshot().Job(nl.DefaultNamespace, name).Version, reply.EvalID != ""), nil
}

func (w *rules) node(ctx context.Context, l script.Line, name string) (string, error) {
	id := uuidOf(1000 + w.number(l, "n"))
	switch l.Verb {
	case "register":
		var reply query.NodeUpdate
		err := w.e.nodeRegister(ctx, &query.NodeRegister{Node: &nl.Node{ID: id, SecretID: l.Set["secret"], Name: name, Datacenter: "dc1",
			NodePool: l.Set["pool"], Status: l.Set["status"]}}, &reply)
		return fmt.Sprintf("ttl=%s %s", reply.HeartbeatTTL, reply.Eligibility), err
	case "heartbeat":
		var reply query.NodeUpdate
		err := w.e.nodeHeartbeat(ctx, &query.NodeHeartbeat{NodeID: id, SecretID: l.Set["secret"], Status: l.Set["status"]}, &reply)
		return fmt.Sprintf("ttl=%s %s", reply.HeartbeatTTL, reply.Eligibility), err
	case "eligibility", "drain":
		req := &query.NodeChange{WriteOptions: w.write(), ID: id, Eligibility: name, MarkEligible: l.Set["eligible"] != ""}
		if l.Verb == "eligibility" {
			err := w.e.nodeEligibility(ctx, req, &nl.NodeEligibilityUpdateResponse{})
			return w.shown(id), err
		}
		if name == "on" {
			req.Drain = &nl.DrainSpec{Deadline: time.Hour}
		}
		err := w.e.nodeDrain(ctx, req, &nl.NodeDrainUpdateResponse{})
		return w.shown(id), err
	case "place": // an allocation on the node
		if w.snapshot().Job(nl.DefaultNamespace, name) == nil {
			w.apply(&op.RegisterJob{Job: &nl.Job{ID: name, Namespace: nl.DefaultNamespace, Type: nl.JobTypeService, TaskGroups: []*nl.Group{{Name: "g"}}}})
		}
		w.apply(&op.ApplyPlans{Plans: []*op.PlanDelta{{Place: []*nl.Alloc{{ID: uuidOf(2000 + w.number(l, "a")), Namespace: nl.DefaultNamespace,
			JobID: name, NodeID: id, TaskGroup: "g", DesiredStatus: nl.AllocDesiredRun, ClientStatus: nl.AllocClientPending}}}}})
		return "done", nil
	case "report": // what a node says of an allocation
		alloc := uuidOf(2000 + w.number(l, "a"))
		updates := []*nl.AllocUpdate{nil, {ID: alloc, ClientStatus: name}}
		given := slices.Clone(updates)
		err := w.e.nodeUpdateAllocs(ctx, &query.NodeAllocUpdates{NodeID: id, SecretID: l.Set["secret"], Updates: updates}, &query.Written{})
		if !slices.Equal(given, updates) {
			w.t.Error("reporting changed the request")
		}
		return w.snapshot().Alloc(alloc).ClientStatus, err
	}
	return "", fmt.Errorf("unknown command %s", l.Verb)
}

func (w *rules) shown(id string) string {
	n := w.snapshot().Node(id)
	if n == nil {
		return ""
	}
	return fmt.Sprintf("%s draining=%v", n.SchedulingEligibility, n.DrainStrategy != nil)
}

func (w *rules) apply(o op.Op) {
	if _, err := w.e.propose(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// Tokens of statuses name one job each, and rise with the list.
func TestStatusTokens(t *testing.T) {
	jobs := []*nl.Job{{ID: "a", ModifyIndex: 9}, {ID: "b", ModifyIndex: 9}, {ID: "c", ModifyIndex: 9}, {ID: "d", ModifyIndex: 4}}
	tokens := statusTokens(jobs)
	var got []string
	for i, j := range jobs {
		got = append(got, tokens[j])
		if i > 0 && !statusLess(got[i-1], got[i]) {
			t.Errorf("%s is not before %s", got[i-1], got[i])
		}
	}
	if want := []string{"9", "9.1", "9.2", "4"}; !slices.Equal(got, want) {
		t.Errorf("tokens %v, want %v", got, want)
	}
}

// Tokens of lists by creation order as numbers do; what is no token is last.
func TestCreateTokens(t *testing.T) {
	order := []string{createToken(2, "b"), createToken(10, "a"), createToken(10, "b"), "nonsense"}
	for i, a := range order {
		for k, b := range order {
			if got, want := createLess(a, b), i < k; got != want {
				t.Errorf("createLess(%q, %q) = %v", a, b, got)
			}
		}
	}
	for _, s := range []string{"", ".", "1.", "x.a", "-1.a"} {
		if createLess(s, order[0]) {
			t.Errorf("%q is before a token", s)
		}
	}
}
