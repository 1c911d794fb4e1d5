package events

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come, on a busy machine.
const patience = 20 * time.Second

// world is a store with a broker that keeps four commits.
type world struct {
	t  *testing.T
	st *store.Store
	b  *Broker
}

func newWorld(t *testing.T) *world {
	st := store.New(store.Empty())
	return &world{t: t, st: st, b: New(st, 4)}
}

// eval commits one evaluation; its index is what it returns.
func (w *world) eval(namespace, job, id string) uint64 {
	w.t.Helper()
	index := w.st.Snapshot().Index() + 1
	ev := &nl.Eval{ID: id, Namespace: namespace, JobID: job, DeploymentID: "d", Status: nl.EvalStatusPending}
	if _, err := w.st.Apply(index, &op.UpsertEvals{Evals: []*nl.Eval{ev}}); err != nil {
		w.t.Fatal(err)
	}
	return index
}

func (w *world) subscribe(ctx context.Context, topics map[string][]string, namespace string, index uint64) <-chan *nl.Events {
	w.t.Helper()
	ch, err := w.b.Subscribe(ctx, topics, namespace, index)
	if err != nil {
		w.t.Fatal(err)
	}
	return ch
}

// next are the keys of the next batch, "end" when the stream has ended.
func next(t *testing.T, ch <-chan *nl.Events) string {
	t.Helper()
	select {
	case batch, ok := <-ch:
		if !ok {
			return "end"
		}
		var keys []string
		for _, e := range batch.Events {
			keys = append(keys, e.Key)
			if e.Index != batch.Index {
				t.Errorf("event %s has index %d in a batch of %d", e.Key, e.Index, batch.Index)
			}
		}
		return strings.Join(keys, " ")
	case <-time.After(patience):
		return "nothing"
	}
}

// marked are topics and the one of the mark, which comes last, so that what must
// not come can be told from what has not come yet.
func marked(topics map[string][]string) map[string][]string {
	out := map[string][]string{"NodePool": {"mark"}}
	for k, v := range topics {
		out[k] = v
	}
	return out
}

func TestFilters(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	other := &nl.Namespace{Name: "other"}
	if _, err := w.st.Apply(1, &op.UpsertNamespaces{Namespaces: []*nl.Namespace{other}}); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		topics    map[string][]string
		namespace string
		want      string
	}{
		{map[string][]string{"*": {"*"}}, "default", "e1 e2"},
		{map[string][]string{"Evaluation": {"*"}}, "*", "e1 e2 e3"},
		{map[string][]string{"Evaluation": {"*"}}, "other", "e3"},
		{map[string][]string{"Evaluation": {"e2"}}, "default", "e2"},
		{map[string][]string{"Evaluation": {"j1"}}, "default", "e1"}, // by the job
		{map[string][]string{"Evaluation": {"d"}}, "*", "e1 e2 e3"},  // by the deployment
		{map[string][]string{"*": {"e1"}}, "default", "e1"},
		{map[string][]string{"Job": {"*"}}, "default", ""},
		{map[string][]string{"Nonsense": {"*"}}, "default", ""},
		{map[string][]string{"Evaluation": {"e1", "e3"}}, "absent", ""},
	}
	var streams []<-chan *nl.Events
	for _, c := range cases {
		streams = append(streams, w.subscribe(ctx, marked(c.topics), c.namespace, 0))
	}
	w.eval("default", "j1", "e1")
	w.eval("default", "j2", "e2")
	w.eval("other", "j1", "e3")
	pool := &nl.NodePool{Name: "mark"}
	if _, err := w.st.Apply(w.st.Snapshot().Index()+1, &op.UpsertNodePools{Pools: []*nl.NodePool{pool}}); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		var got []string
		for {
			keys := next(t, streams[i])
			if keys == "mark" || keys == "nothing" || keys == "end" {
				break
			}
			got = append(got, keys)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v in %s: %v, want %s", c.topics, c.namespace, got, c.want)
		}
	}
}

func TestStart(t *testing.T) {
	w := newWorld(t)
	var at []uint64
	for i := range 6 { // the first two are forgotten
		at = append(at, w.eval("default", "j", fmt.Sprintf("e%d", i)))
	}
	for _, c := range []struct {
		index uint64
		want  string // "" waits for what comes
	}{
		{0, "e2"}, {at[0], "e2"}, {at[3], "e3"}, {at[5], "e5"}, {at[5] + 1, ""}, {1 << 60, ""},
	} {
		got := ""
		ev, wait, lost := w.b.next(w.b.start(c.index))
		if ev != nil {
			got = ev.events().Events[0].Key
		}
		if got != c.want || lost || (wait != nil) != (c.want == "") {
			t.Errorf("from %d: %q (lost %v), want %q", c.index, got, lost, c.want)
		}
	}
}

func TestFallingBehind(t *testing.T) {
	w := newWorld(t)
	ch := w.subscribe(t.Context(), map[string][]string{"*": {"*"}}, "default", 0)
	for i := range 10 { // more than the buffer and the one that waits to be taken
		w.eval("default", "j", fmt.Sprintf("e%d", i))
	}
	for taken := 0; ; taken++ {
		got := next(t, ch)
		if got == "end" {
			return
		}
		if got == "nothing" || taken > 10 {
			t.Fatalf("the stream goes on with %q after it lost something", got)
		}
		for i := range 10 {
			w.eval("default", "j", fmt.Sprintf("more%d-%d", taken, i))
		}
	}
}

// Another state is no sequel: who is behind when it comes has lost something.
func TestReplaced(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.eval("default", "j", "e0")
	behind := w.b.start(0)
	w.st.Replace(store.Empty())
	if _, _, lost := w.b.next(behind); !lost {
		t.Error("an event of the state before is still there")
	}
	ch := w.subscribe(ctx, map[string][]string{"*": {"*"}}, "default", 0)
	w.eval("default", "j", "e1")
	if got := next(t, ch); got != "e1" {
		t.Errorf("after the replacement came %s", got)
	}
}

// Events never carry what lets others act as a node, nor the job of every
// allocation.
func TestSecretsStay(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ch := w.subscribe(ctx, map[string][]string{"Node": {"*"}}, "default", 0)
	n := &nl.Node{ID: "n", SecretID: "secret", Name: "n", Datacenter: "dc", NodePool: nl.NodePoolDefault, Status: nl.NodeStatusReady}
	if _, err := w.st.Apply(1, &op.RegisterNode{Node: n, Time: 1}); err != nil {
		t.Fatal(err)
	}
	select {
	case batch := <-ch:
		e := batch.Events[0]
		shown := e.Payload.(map[string]any)["Node"].(*nl.Node)
		if e.Type != "NodeRegistration" || e.Key != "n" || shown.SecretID != "" {
			t.Errorf("event %+v shows secret %q", e, shown.SecretID)
		}
		if w.st.Snapshot().Node("n").SecretID != "secret" {
			t.Error("hiding the secret changed the state")
		}
	case <-time.After(patience):
		t.Fatal("no event")
	}
}
