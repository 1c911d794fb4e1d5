package logs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, dir string, n int) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, File("t", "stdout", n)))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestRotation(t *testing.T) {
	tests := []struct {
		name   string
		size   int64
		files  int
		writes []string
		want   map[int]string // file number -> content; others must not exist
	}{
		{"fits", 100, 3, []string{"a\n", "b\n"}, map[int]string{0: "a\nb\n"}},
		{"breaks at a line end", 10, 3, []string{"1234\n6789012\n"}, map[int]string{0: "1234\n", 1: "6789012\n"}},
		{"breaks a long line", 4, 5, []string{"123456789"}, map[int]string{0: "1234", 1: "5678", 2: "9"}},
		{"old files go", 2, 2, []string{"a\n", "b\n", "c\n", "d\n"}, map[int]string{2: "c\n", 3: "d\n"}},
		{"no limit", 0, 1, []string{"a", "b"}, map[int]string{0: "ab"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			r, err := newRotator(dir, "t", "stdout", Limits{Files: tt.files, FileSize: tt.size})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range tt.writes {
				if n, err := r.Write([]byte(w)); err != nil || n != len(w) {
					t.Fatalf("wrote %d of %q: %v", n, w, err)
				}
			}
			r.close()
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) != len(tt.want) {
				t.Errorf("there are %v", entries)
			}
			for n, want := range tt.want {
				if got := read(t, dir, n); got != want {
					t.Errorf("file %d holds %q, want %q", n, got, want)
				}
			}
		})
	}
}

func TestIndexes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"t.stdout.10", "t.stdout.2", "t.stdout.x", "t.stderr.1", "t.stdout.02", "tt.stdout.5", ".t.stdout.fifo"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(Indexes(entries, "t", "stdout")); got != "[2 10]" {
		t.Errorf("indexes are %s", got)
	}
}

// TestPump writes through a FIFO, across a restart of the reader.
func TestPump(t *testing.T) {
	dir := t.TempDir()
	limits := Limits{Files: 100, FileSize: 64 << 10}
	fail := func(err error) { t.Error(err) }
	p, err := Start(dir, "t", limits, NewPool(), fail)
	if err != nil {
		t.Fatal(err)
	}
	// The task's supervisor holds both ends, as drivers do.
	w, err := os.OpenFile(FIFO(dir, "t", "stdout"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var want bytes.Buffer
	write := func(s string) {
		t.Helper()
		want.WriteString(s)
		if _, err := w.WriteString(s); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5000 {
		write(fmt.Sprintf("line %d of the first reader, long enough to fill files\n", i))
	}
	p.Flush()
	p.Stop()
	write("between\n")
	if p, err = Start(dir, "t", limits, NewPool(), fail); err != nil {
		t.Fatal(err)
	}
	write("after\n")
	p.Stop()
	var got strings.Builder
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range Indexes(entries, "t", "stdout") {
		got.WriteString(read(t, dir, n))
	}
	if got.String() != want.String() {
		t.Errorf("%d bytes arrived, want %d", got.Len(), want.Len())
	}
	if err := Remove(dir, "t"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(FIFO(dir, "t", "stdout")); !os.IsNotExist(err) {
		t.Errorf("the FIFO is still there: %v", err)
	}
}
