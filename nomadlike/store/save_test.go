package store

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

func saved(tb testing.TB, s *Snapshot) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := s.Save(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// copied is an equal value that shares nothing.
func copied[T any](tb testing.TB, v *T) *T {
	if v == nil {
		return nil
	}
	out := new(T)
	b, err := wire.Encode(v)
	if err == nil {
		err = wire.Decode(b, out)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// unshared is the state with everything that allocations share copied for each.
func unshared(tb testing.TB, s *Snapshot) *Snapshot {
	out, o := *s, new(cow.Owner)
	for row := range s.jobs.All() {
		next := *row
		for number := range row.allocs.All() {
			a := *s.allocs.Get(number)
			a.Job, a.Metrics, a.AllocatedResources = copied(tb, a.Job), copied(tb, a.Metrics), copied(tb, a.AllocatedResources)
			a.EvalID, a.NodeID = strings.Clone(a.EvalID), strings.Clone(a.NodeID)
			out.allocs.Set(o, number, &a)
		}
		out.jobs.Set(o, &next)
	}
	return &out
}

// What allocations share in memory is no part of the state: states that are
// equal have equal fingerprints and are saved as equal bytes, and what is
// restored shares again. Records end within jobs and between them.
func TestSharingIsNoState(t *testing.T) {
	for _, tt := range []struct{ allocs, perJob int }{{4, 2}, {2100, 3}, {2 * (allocsPerRecord + 10), allocsPerRecord + 10}} {
		c := newCrowd(t, 20)
		c.settle(t, tt.allocs, tt.perJob)
		whole, fingerprint := saved(t, c.state), c.state.Fingerprint()
		apart := unshared(t, c.state)
		if apart.Fingerprint() != fingerprint {
			t.Errorf("%v: copies have another fingerprint", tt)
		}
		if !bytes.Equal(saved(t, apart), whole) {
			t.Errorf("%v: copies are saved as other bytes", tt)
		}
		restored, err := Restore(bytes.NewReader(saved(t, apart)))
		if err != nil {
			t.Fatal(err)
		}
		checkRestore(t, restored)
		checkCapacity(t, restored)
		if restored.Fingerprint() != fingerprint {
			t.Errorf("%v: the restored state has another fingerprint", tt)
		}
		metrics, jobs := map[*nl.AllocMetric]bool{}, map[*nl.Job]bool{}
		for a := range restored.AllocsByPrefix(nl.AllNamespaces, "") {
			metrics[a.Metrics], jobs[a.Job] = true, true
		}
		records := tt.allocs/allocsPerRecord + 1
		each := min(tt.perJob, savedAlone) + max(0, tt.perJob-savedAlone)/savedTogether + 1
		if most := tt.allocs / tt.perJob * each * records; len(metrics) > most || len(jobs) != tt.allocs/tt.perJob {
			t.Errorf("%v: %d metrics and %d jobs are kept, want at most %d and %d", tt, len(metrics), len(jobs), most, tt.allocs/tt.perJob)
		}
	}
}

// What hardly takes room is as well restored as what does.
func TestRestoreRatio(t *testing.T) {
	s := Empty()
	for i, text := range []string{"", strings.Repeat("a", 2*recordBytes), strings.Repeat("a", 2*recordUsualMax), strings.Repeat("ab", 700)} {
		var err error
		if s, _, _, err = Apply(s, s.Index()+1, &op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: strings.Repeat("n", i+1), Description: text}}}); err != nil {
			t.Fatal(err)
		}
		checkRestore(t, s)
	}
}

// Files that are not of this format are refused in words that help.
func TestRestoreOther(t *testing.T) {
	for _, tt := range []struct{ file, err string }{
		{"", "it is another file"},
		{"PK\x03\x04 and so on, at some length", "it is another file"},
		{"nomadlike state 1\nwhat an earlier version wrote", `it is of format "1" and this version reads "2"; restore it with the version that wrote it`},
		{"nomadlike state 10\nwhat a later version wrote", `it is of format "10" and this version reads "2"; restore it with the version that wrote it`},
		{saveFormat, "reading the next record: unexpected EOF"},
		{saveFormat + "\x09\xff\xff\xff\xff\x0f\x01", "a record is longer than any that is written"},
		{saveFormat + "\x09\x80\x80\x80\x04\x02ab", "a record is longer than any that is written"},
		{saveFormat + "\x09\x10\x02ab", "a record does not unpack to what it should"},
		{saveFormat + "\x63\x01\x01a", "a record is of kind 99, which this version does not know"},
	} {
		for name, read := range map[string]func() error{
			"restore": func() error { _, err := Restore(strings.NewReader(sealed(tt.file))); return err },
			"census":  func() error { _, err := Census(strings.NewReader(sealed(tt.file))); return err },
		} {
			if name == "census" && strings.Contains(tt.err, "kind 99") {
				continue // what is not known can be counted
			}
			if err := read(); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s of %q: %v, want %q", name, tt.file, err, tt.err)
			}
		}
	}
}

// sealed is the file with its last record, unless it holds nothing yet.
func sealed(file string) string {
	if len(file) <= len(saveFormat) {
		return file
	}
	sum := sha256.Sum256([]byte(file))
	end := recordOut{kind: recordEnd, content: sum[:], body: sum[:]}
	return file + string(end.appendHead(nil)) + string(end.body)
}

// plain is the state as Save writes it, but without the last record and with
// nothing compressed, so that a fuzzer reaches what is in the records.
func plain(tb testing.TB, s *Snapshot) []byte {
	out := []byte(saveFormat)
	err := s.records(1, nil, func(r *recordOut) error {
		r.body = r.content
		out = append(r.appendHead(out), r.body...)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// FuzzRestore reads files whose checksum is right, whatever they hold. What is
// restored can be saved and is the same again.
func FuzzRestore(f *testing.F) {
	ids := newIDs()
	s := Empty()
	for step := range 60 {
		if step%20 == 0 {
			f.Add(plain(f, s))
		}
		s, _, _, _ = Apply(s, s.Index()+1, randomOp(s, ids))
	}
	c := newCrowd(f, 2)
	c.settle(f, 4, 2)
	f.Add(plain(f, c.state))
	packed := saved(f, c.state)
	f.Add(packed[:len(packed)-len(sealed("x"+saveFormat))+1+len(saveFormat)])
	f.Fuzz(func(t *testing.T, b []byte) {
		restored, err := Restore(strings.NewReader(sealed(string(b))))
		if err != nil {
			return
		}
		again, err := Restore(bytes.NewReader(saved(t, restored)))
		if err != nil {
			t.Fatalf("what was restored cannot be restored again: %v", err)
		}
		if again.Fingerprint() != restored.Fingerprint() {
			t.Error("what was restored is restored as something else")
		}
	})
}
