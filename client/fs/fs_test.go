package fs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nomadlike/nomadlike/client/step/dir"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// tree makes an allocation's directory with files: path -> content, "->x" is a
// link to x.
func tree(t *testing.T, files map[string]string) *Tree {
	t.Helper()
	base := t.TempDir()
	for name, body := range files {
		p := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(body, "->"); ok {
			err = os.Symlink(to, p)
		} else {
			err = os.WriteFile(p, []byte(body), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	tr, err := Open(dir.Alloc{Root: base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	return tr
}

func sample(t *testing.T) *Tree {
	return tree(t, map[string]string{
		"t/local/ten": "0123456789", "t/local/page.html": "<html>", "t/secrets/token": "s", "t/private/x": "p",
		"t/local/out": "->/etc/passwd", "t/local/up": "->../../../../../../etc/passwd", "t/local/sneak": "->../secrets/token",
		"t/local/fine": "->ten",
	})
}

func TestRead(t *testing.T) {
	tr := sample(t)
	tests := []struct {
		path          string
		offset, limit int64
		want          string
		code          nl.Code // 0: none
	}{
		{path: "t/local/ten", want: "0123456789"},
		{path: "/t/local/ten", offset: 3, limit: 4, want: "3456"},
		{path: "t/local/ten", offset: 8, limit: 40, want: "89"},
		{path: "t/local/fine", want: "0123456789"},
		{path: "../../../../t/local/ten", want: "0123456789"},
		{path: "t/local", code: nl.CodeInvalid},
		{path: "t/none", code: nl.CodeNotFound},
		{path: "t/secrets/token", code: nl.CodeDenied},
		{path: "t/private/x", code: nl.CodeDenied},
		{path: "t/local/sneak", code: nl.CodeDenied},
		{path: "t/local/out", code: nl.CodeInvalid},
		{path: "t/local/up", code: nl.CodeInvalid},
	}
	for _, tt := range tests {
		var got strings.Builder
		err := tr.Read(tt.path, tt.offset, tt.limit, func(b []byte) error { got.Write(b); return nil })
		if tt.code != 0 {
			if err == nil || nl.CodeOf(err) != tt.code {
				t.Errorf("%s: error is %v (%d), want code %d", tt.path, err, nl.CodeOf(err), tt.code)
			}
			continue
		}
		if err != nil || got.String() != tt.want {
			t.Errorf("%s: got %q, %v; want %q", tt.path, got.String(), err, tt.want)
		}
	}
}

func TestListAndStat(t *testing.T) {
	tr := sample(t)
	list, err := tr.List("t")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "local private secrets" {
		t.Errorf("listed %s", got)
	}
	info, err := tr.Stat("t/local/ten")
	if err != nil || info.Size != 10 || info.ContentType != "text/plain; charset=utf-8" || info.FileMode != "-rw-r--r--" {
		t.Errorf("stat is %+v, %v", info, err)
	}
	if _, err := tr.Stat("t/none"); nl.CodeOf(err) != nl.CodeNotFound {
		t.Errorf("error is %v", err)
	}
	if _, err := tr.List("t/none"); nl.CodeOf(err) != nl.CodeNotFound {
		t.Errorf("error is %v", err)
	}
}

func TestStream(t *testing.T) {
	tr := tree(t, map[string]string{"f": "alpha beta\n"})
	tests := []struct {
		origin string
		offset int64
		want   string
		end    int64
		fails  bool
	}{
		{"", 0, "alpha beta\n", 11, false},
		{"start", 6, "beta\n", 11, false},
		{"end", 5, "beta\n", 11, false},
		{"end", 500, "alpha beta\n", 11, false},
		{"start", 500, "", 0, false},
		{"side", 0, "", 0, true},
	}
	for _, tt := range tests {
		var got string
		var last *query.Frame
		err := tr.Stream(context.Background(), "f", tt.origin, tt.offset, false, func(f *query.Frame) error {
			got += string(f.Data)
			if f.File != "f" || f.Offset != tt.end {
				t.Errorf("%+v: frame is %+v", tt, f)
			}
			last = f
			return nil
		})
		if (err != nil) != tt.fails || got != tt.want || (last == nil) != (tt.want == "") {
			t.Errorf("%+v: got %q, %v", tt, got, err)
		}
	}
}

// TestStreamFollow follows a file that grows, is truncated and deleted.
func TestStreamFollow(t *testing.T) {
	tr := tree(t, map[string]string{"f": "one"})
	name := filepath.Join(tr.root.Name(), "f")
	var seen []string
	err := tr.Stream(context.Background(), "f", "", 0, true, func(f *query.Frame) error {
		switch {
		case f.FileEvent != "":
			seen = append(seen, f.FileEvent)
		case len(f.Data) > 0:
			seen = append(seen, string(f.Data))
		default:
			return nil
		}
		switch len(seen) {
		case 1:
			return appendTo(name, "two")
		case 2:
			return os.Truncate(name, 0)
		case 3:
			return appendTo(name, "3")
		case 4:
			return os.Remove(name)
		}
		return nil
	})
	if got, want := strings.Join(seen, ", "), "one, two, file truncated, 3, file deleted"; err != nil || got != want {
		t.Errorf("saw %s, %v; want %s", got, err, want)
	}
}

func appendTo(name, s string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(s)
	return err
}

func TestLogs(t *testing.T) {
	tr := tree(t, map[string]string{
		"alloc/logs/t.stdout.2": "cc", "alloc/logs/t.stdout.1": "bbbb", "alloc/logs/t.stdout.3": "", "alloc/logs/t.stderr.0": "err",
	})
	tests := []struct {
		kind, origin string
		offset       int64
		want         string
		code         nl.Code
	}{
		{kind: "stdout", want: "bbbbcc"},
		{kind: "stdout", origin: "start", offset: 3, want: "bcc"},
		{kind: "stdout", origin: "start", offset: 5, want: "c"},
		{kind: "stdout", origin: "end", offset: 3, want: "bcc"},
		{kind: "stdout", origin: "end", offset: 30, want: "bbbbcc"},
		{kind: "stderr", want: "err"},
		{kind: "nonsense", code: nl.CodeInvalid},
		{kind: "stdout", origin: "side", code: nl.CodeInvalid},
	}
	for _, tt := range tests {
		var got string
		err := tr.Logs(context.Background(), LogRequest{Task: "t", Type: tt.kind, Origin: tt.origin, Offset: tt.offset}, func(f *query.Frame) error {
			got += string(f.Data)
			return nil
		})
		if tt.code != 0 {
			if err == nil || nl.CodeOf(err) != tt.code {
				t.Errorf("%+v: error is %v", tt, err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%+v: got %q, %v", tt, got, err)
		}
	}
	err := tr.Logs(context.Background(), LogRequest{Task: "none", Type: "stdout"}, func(*query.Frame) error { return nil })
	if nl.CodeOf(err) != nl.CodeNotFound {
		t.Errorf("error is %v", err)
	}
}

// TestLogsFollow follows a log across a rotation.
func TestLogsFollow(t *testing.T) {
	tr := tree(t, map[string]string{"alloc/logs/t.stdout.0": "a"})
	logDir := filepath.Join(tr.root.Name(), "alloc/logs")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var got, files string
	err := tr.Logs(ctx, LogRequest{Task: "t", Type: "stdout", Follow: true}, func(f *query.Frame) error {
		got += string(f.Data)
		files += f.File + " "
		switch got {
		case "a":
			if err := appendTo(filepath.Join(logDir, "t.stdout.0"), "b"); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(logDir, "t.stdout.1"), []byte("c"), 0o644)
		case "abc":
			cancel()
		}
		return nil
	})
	if err != nil || got != "abc" || !strings.Contains(files, "alloc/logs/t.stdout.1") {
		t.Errorf("got %q from %s, %v", got, files, err)
	}
}
