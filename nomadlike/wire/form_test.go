package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// filled are allocations with everything set, with nothing set, and with what a
// placement has.
func filled() []*nl.Alloc {
	full := new(nl.Alloc)
	(&filler{}).fill(reflect.ValueOf(full).Elem(), 0)
	full.Job = nil
	early := &nl.Alloc{ID: "early", CreateTime: -5, CreateIndex: 1 << 40, ModifyIndex: 300, AllocModifyIndex: 70_000, JobVersion: 200}
	out := []*nl.Alloc{full, {}, early}
	shared := &nl.AllocatedResources{Shared: nl.AllocatedSharedResources{DiskMB: 300}}
	for i := range 300 {
		out = append(out, &nl.Alloc{ID: fmt.Sprintf("id-%d", i), Name: fmt.Sprintf("j.g[%d]", i), Namespace: "default", JobID: "j", TaskGroup: "g",
			EvalID: fmt.Sprintf("eval-%d", i), AllocatedResources: shared, DesiredStatus: "run", ClientStatus: "pending"})
	}
	return out
}

// What is written by hand is what the library writes of the form.
func TestFormIsTheLibrarys(t *testing.T) {
	list := filled()
	got, err := EncodeAllocs(list)
	if err != nil {
		t.Fatal(err)
	}
	var block allocBlock
	if err := Decode(got, &block); err != nil {
		t.Fatalf("the library cannot read it: %v", err)
	}
	want, err := Encode(&block)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%x\nwant\n%x", got, want)
	}
	back, err := DecodeAllocs(got)
	if err != nil {
		t.Fatal(err)
	}
	clear(got) // the bytes are another's once they were read
	if d := cmp.Diff(list, back); d != "" {
		t.Error(d)
	}
}

func FuzzDecodeAllocs(f *testing.F) {
	whole, err := EncodeAllocs(filled()[:8])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for i := 0; i < len(whole); i += 97 {
		f.Add(whole[:i])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := DecodeAllocs(b)
		if err != nil {
			return
		}
		again, err := EncodeAllocs(list)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeAllocs(again); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
	})
}

func BenchmarkAllocs(b *testing.B) {
	list := filled()[3:]
	encoded, err := EncodeAllocs(list)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := EncodeAllocs(list); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/alloc")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeAllocs(encoded); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/alloc")
	})
}

// What nodes tell shares its texts.
func TestTextsShare(t *testing.T) {
	var texts Texts
	told := func() *nl.AllocUpdate {
		u := &nl.AllocUpdate{ID: "a", ClientStatus: strings.Clone("running"), ClientDescription: strings.Clone("Tasks are running")}
		texts.Share(u)
		return u
	}
	first, second := told(), told()
	if d := cmp.Diff(&nl.AllocUpdate{ID: "a", ClientStatus: "running", ClientDescription: "Tasks are running"}, second); d != "" {
		t.Error(d)
	}
	if !sameText(first.ClientDescription, second.ClientDescription) || !sameText(first.ClientStatus, second.ClientStatus) {
		t.Error("two copies of a text")
	}
}

// sameText tells whether two texts are one copy.
// Equal strings of bytes are read into one copy, and there is a bound to what is
// remembered.
func TestShared(t *testing.T) {
	var p Shared
	read := func(b []byte) []byte {
		form := AppendBytes(nil, b)
		out := p.Read(NewReader(form))
		clear(form)
		return out
	}
	for _, want := range [][]byte{nil, {}, []byte("job")} {
		if got := read(want); !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%q became %q", want, got)
		}
	}
	if first, second := read([]byte("job")), read([]byte("job")); unsafe.SliceData(first) != unsafe.SliceData(second) {
		t.Error("equal bytes were copied twice")
	}
	for i := range 3 * sharedMax {
		read(fmt.Appendf(nil, "%2000d", i))
	}
	read(make([]byte, sharedBytesMax+1))
	held := 0
	for _, b := range p.known {
		held += len(b)
	}
	if held > sharedBytesMax || held != p.size {
		t.Errorf("%d bytes are held, and %d counted", held, p.size)
	}
}

func sameText(a, b string) bool { return unsafe.StringData(a) == unsafe.StringData(b) }

// An event carries its older form in the log and in JSON as if it were part of
// it, whether it has one or not.
func TestTaskEventLegacy(t *testing.T) {
	for _, e := range []*nl.TaskEvent{{Type: "Received", Details: map[string]string{}}, {Type: "Terminated", TaskEventLegacy: &nl.TaskEventLegacy{ExitCode: 3}}} {
		b, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		back := new(nl.TaskEvent)
		if err := Decode(b, back); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, back); d != "" {
			t.Error(d)
		}
		var shown map[string]any
		text, err := json.Marshal(e)
		if err == nil {
			err = json.Unmarshal(text, &shown)
		}
		if err != nil || shown["Type"] != e.Type || shown["ExitCode"] != float64(e.Legacy().ExitCode) || len(shown) != 24 {
			t.Errorf("%v: %s", err, text)
		}
	}
}

func TestTexts(t *testing.T) {
	for _, c := range []struct{ first, second string }{
		{"", ""}, {"a", ""}, {"", "b"}, {"id", "name"}, {strings.Repeat("x", 300), strings.Repeat("y", 24)},
	} {
		b := AppendUint(AppendText(AppendText(nil, c.first), c.second), 7)
		r := NewReader(b)
		first, second := r.Texts()
		if after := r.Uint(); first != c.first || second != c.second || after != 7 || r.Close() != nil {
			t.Errorf("%q, %q: read %q, %q, then %d, %v", c.first, c.second, first, second, after, r.Close())
		}
		for cut := range b[:len(b)-1] {
			r = NewReader(b[:cut])
			if one, two := r.Texts(); one != "" || two != "" || r.Close() == nil {
				t.Errorf("%q, %q cut at %d: read %q, %q, %v", c.first, c.second, cut, one, two, r.Close())
			}
		}
	}
}
