package consensus

import (
	"fmt"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// A follower whose newest entries were never committed cuts them off when the
// next leader overwrites them. Its log must still open and read afterwards.
func TestLogOpensAfterItsEndWasCut(t *testing.T) {
	dir := t.TempDir()
	open := func() *logFiles {
		f, err := openFiles(dir, 1, hclog.NewNullLogger())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	store := func(f *logFiles, from, to, term uint64) {
		var entries []*raft.Log
		for i := from; i <= to; i++ {
			entries = append(entries, &raft.Log{Index: i, Term: term, Data: fmt.Appendf(nil, "%d in %d", i, term)})
		}
		if err := f.logs.StoreLogs(entries); err != nil {
			t.Fatal(err)
		}
	}
	f := open()
	store(f, 1, 10, 1)
	if err := f.logs.DeleteRange(8, 10); err != nil {
		t.Fatal(err)
	}
	store(f, 8, 9, 2)
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	f = open()
	defer f.close()
	for i := uint64(1); i <= 9; i++ {
		want := fmt.Sprintf("%d in %d", i, 1+i/8)
		var l raft.Log
		if err := f.logs.GetLog(i, &l); err != nil || string(l.Data) != want {
			t.Errorf("entry %d: %q, %v; want %q", i, l.Data, err, want)
		}
	}
}
