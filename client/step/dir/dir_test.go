package dir

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestBuildAndRemove(t *testing.T) {
	a := Of(t.TempDir(), "alloc-1")
	for range 2 { // a restarted agent builds again
		if err := a.Build(); err != nil {
			t.Fatal(err)
		}
		if err := a.Task("t").Build(0); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]fs.FileMode{
		"": 0o755, "alloc": 0o777, "alloc/data": 0o777, "alloc/logs": 0o777, "alloc/tmp": 0o777,
		"t": 0o777, "t/local": 0o777, "t/tmp": 0o777 | fs.ModeSticky,
	} {
		info, err := os.Stat(filepath.Join(a.Root, path))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.Mode() &^ fs.ModeDir; got != mode {
			t.Errorf("%s has mode %v, want %v", path, got, mode)
		}
	}
	if err := os.WriteFile(filepath.Join(a.Task("t").Secrets(), "s"), []byte("x"), 0o600); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := a.Remove([]string{"t"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(a.Root); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}
