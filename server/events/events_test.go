package events

import (
	"encoding/json"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Events of variables tell where something changed, never what is in it.
func TestVariables(t *testing.T) {
	lock := &nl.VariableLock{ID: "l1", TTL: "15s", LockDelay: "15s"}
	variable := &nl.Variable{VariableMetadata: nl.VariableMetadata{Namespace: nl.DefaultNamespace, Path: "a/b", Lock: lock}, Data: []byte("data")}
	var commits []store.Commit
	st := store.New(store.Empty())
	st.OnCommit(func(c store.Commit) { commits = append(commits, c) })
	const metadata = `"Metadata":{"CreateTime":7,"ModifyTime":7,"Namespace":"default","Path":"a/b","CreateIndex":2,"ModifyIndex":`
	for i, c := range []struct {
		op   op.Op
		want string // the payload, "" when there is no event
	}{
		{&op.ApplyVariable{Action: op.VariableAcquire, Variable: variable, Time: 7}, `{"Deleted":false,` + metadata + `2}}`},
		{&op.ApplyVariable{Action: op.VariableDelete, Variable: &nl.Variable{VariableMetadata: nl.VariableMetadata{
			Namespace: nl.DefaultNamespace, Path: "a/b"}}}, ""}, // it is locked
		{&op.RekeyVariables{Variables: []*nl.Variable{{VariableMetadata: nl.VariableMetadata{
			Namespace: nl.DefaultNamespace, Path: "a/b", ModifyIndex: 2}, KeyID: "k2"}}}, ""},
		{&op.ApplyVariable{Action: op.VariableDelete, Variable: variable}, `{"Deleted":true,` + metadata + `2}}`},
	} {
		if _, err := st.Apply(uint64(i+2), c.op); err != nil {
			t.Fatal(err)
		}
		made := newEntry(commits[len(commits)-1])
		if c.want == "" {
			if made != nil {
				t.Errorf("step %d: an event: %+v", i, made.events().Events[0])
			}
			continue
		}
		if made == nil || len(made.events().Events) != 1 {
			t.Fatalf("step %d: events %+v, want one", i, made)
		}
		ev := made.events()
		e := ev.Events[0]
		if e.Topic != "Variable" || e.Type != "VariableUpdated" || e.Key != "a/b" || e.Namespace != nl.DefaultNamespace {
			t.Errorf("step %d: event %+v", i, e)
		}
		if got, err := json.Marshal(e.Payload); err != nil || string(got) != c.want {
			t.Errorf("step %d: payload %s (%v), want %s", i, got, err, c.want)
		}
	}
}
