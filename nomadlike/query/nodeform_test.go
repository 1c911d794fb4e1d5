package query

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// plainChanges is the message without its own form.
type plainChanges NodeAllocChanges

func changes() map[string]*NodeAllocChanges {
	job := &NodeJob{Namespace: "default", ID: "web", Version: 3, JobModifyIndex: 1 << 40, Encoded: []byte("encoded")}
	alloc := &nl.Alloc{ID: "a", Name: "web.g[0]", Namespace: "default", JobID: "web", JobVersion: 3, NodeID: "n",
		AllocatedResources: &nl.AllocatedResources{Shared: nl.AllocatedSharedResources{DiskMB: 300}}}
	return map[string]*NodeAllocChanges{
		"empty":   {},
		"nothing": {Index: 7, Jobs: []*NodeJob{}, Allocs: wire.AllocList{}, Removed: []string{}},
		"all":     {Index: 300, Reset: true, Jobs: []*NodeJob{job, nil, {}}, Allocs: wire.AllocList{alloc, alloc}, Removed: []string{"b", ""}},
	}
}

// What is written by hand is what the library writes, and comes back.
func TestNodeAllocChangesForm(t *testing.T) {
	for name, m := range changes() {
		t.Run(name, func(t *testing.T) {
			got, err := wire.Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			want, err := wire.Encode((*plainChanges)(m))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%x\nwant\n%x", got, want)
			}
			var back NodeAllocChanges
			if err := wire.Decode(got, &back); err != nil {
				t.Fatal(err)
			}
			var own NodeAllocChanges
			lent := bytes.Clone(got)
			if err := own.UnmarshalCBOR(lent); err != nil {
				t.Fatal(err)
			}
			clear(lent) // the bytes are another's once they were read
			if m.Allocs == nil {
				m.Allocs = wire.AllocList{} // the form of a list has no null
			}
			for _, read := range []*NodeAllocChanges{&back, &own} {
				if d := cmp.Diff(m, read); d != "" {
					t.Error(d)
				}
			}
			for cut := range got {
				if err := back.UnmarshalCBOR(got[:cut]); err == nil {
					t.Errorf("%d of %d bytes were taken", cut, len(got))
				}
			}
		})
	}
}

// plainUpdates is the request without its own form.
type plainUpdates NodeAllocUpdates

func updates() map[string]*NodeAllocUpdates {
	return map[string]*NodeAllocUpdates{
		"empty":   {},
		"nothing": {NodeID: "n", Updates: []*nl.AllocUpdate{}},
		"all": {WriteOptions: nl.WriteOptions{Region: "r", Namespace: "ns", AuthToken: "t"}, NodeID: "n", SecretID: "s", Updates: []*nl.AllocUpdate{
			{ID: "a", ClientStatus: "running", ClientDescription: "Tasks are running"}, nil, {}, {ID: "b"},
		}},
	}
}

func TestNodeAllocUpdatesForm(t *testing.T) {
	for name, m := range updates() {
		t.Run(name, func(t *testing.T) {
			got, err := wire.Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			want, err := wire.Encode((*plainUpdates)(m))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%x\nwant\n%x", got, want)
			}
			var back NodeAllocUpdates
			if err := wire.Decode(got, &back); err != nil {
				t.Fatal(err)
			}
			var own NodeAllocUpdates
			lent := bytes.Clone(got)
			if err := own.UnmarshalCBOR(lent); err != nil {
				t.Fatal(err)
			}
			clear(lent) // the bytes are another's once they were read
			for _, read := range []*NodeAllocUpdates{&back, &own} {
				if d := cmp.Diff(m, read); d != "" {
					t.Error(d)
				}
			}
			for cut := range got {
				if err := back.UnmarshalCBOR(got[:cut]); err == nil {
					t.Errorf("%d of %d bytes were taken", cut, len(got))
				}
			}
		})
	}
}

// A field that this version does not know is passed over, whatever it holds.
func TestNodeAllocChangesOfLaterVersions(t *testing.T) {
	b, err := wire.Encode(map[string]any{
		"Index": 9, "Later": map[string]any{"a": []any{1, -2.5, "x", []byte("y"), nil, true, map[string]any{}}},
		"Jobs": []any{map[string]any{"ID": "web", "Later": 1.25}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var m NodeAllocChanges
	if err := m.UnmarshalCBOR(b); err != nil {
		t.Fatal(err)
	}
	if m.Index != 9 || len(m.Jobs) != 1 || m.Jobs[0].ID != "web" {
		t.Errorf("%+v", m)
	}
	var u NodeAllocUpdates
	if err := u.UnmarshalCBOR(b); err != nil || u.NodeID != "" {
		t.Errorf("%+v, %v", u, err)
	}
	deep := append([]byte("\xa1\x61x"), strings.Repeat("\x81", 1000)...)
	if err := m.UnmarshalCBOR(append(deep, 0)); err == nil {
		t.Error("what nests without end was taken")
	}
}

func BenchmarkNodeAllocUpdates(b *testing.B) {
	m := updates()["all"]
	m.Updates = m.Updates[:1]
	buf, err := m.AppendCBOR(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := wire.Decode(buf, new(NodeAllocUpdates)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNodeAllocChanges(b *testing.B) {
	m := changes()["all"]
	m.Jobs = m.Jobs[:1]
	buf, err := m.AppendCBOR(nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, how := range []string{"append", "decode"} {
		b.Run(fmt.Sprint(how, " 2 allocations"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if how == "append" {
					buf, _ = m.AppendCBOR(buf[:0])
				} else if err := wire.Decode(buf, new(NodeAllocChanges)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
