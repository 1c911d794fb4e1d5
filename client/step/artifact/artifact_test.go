package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// helperArg makes the test's own binary the helper process.
const helperArg = "artifact-helper"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == helperArg {
		os.Exit(Main(context.Background(), os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

type entry struct{ name, body, link string }

func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o4755, Size: int64(len(e.body)), Typeflag: tar.TypeReg}
		if e.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestFetch(t *testing.T) {
	good := archive(t, entry{name: "bin/run", body: "#!"}, entry{name: "conf", body: "x=1"})
	bad := archive(t, entry{name: "../../../evil", body: "x"})
	leaving := archive(t, entry{name: "out", link: "/etc/passwd"})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/plain.txt":
			fmt.Fprint(w, "plain "+r.Header.Get("X-Who"))
		case "/good.tar.gz":
			w.Write(good)
		case "/bad.tar.gz":
			w.Write(bad)
		case "/leaving.tar.gz":
			w.Write(leaving)
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	tests := []struct {
		name   string
		a      nl.Artifact
		file   string // below the task's directory
		want   string
		absent string // must not be a link
		error  string
	}{
		{name: "file", a: nl.Artifact{GetterSource: srv.URL + "/plain.txt", GetterHeaders: map[string]string{"X-Who": "${who}"}}, file: "local/plain.txt", want: "plain me"},
		{name: "mode file", a: nl.Artifact{GetterSource: srv.URL + "/plain.txt", GetterMode: "file", RelativeDest: "local/sub/name"}, file: "local/sub/name", want: "plain "},
		{name: "archive", a: nl.Artifact{GetterSource: srv.URL + "/good.tar.gz", RelativeDest: "local/x"}, file: "local/x/bin/run", want: "#!"},
		{name: "shared", a: nl.Artifact{GetterSource: srv.URL + "/plain.txt", RelativeDest: "../alloc/data"}, file: "../alloc/data/plain.txt", want: "plain "},
		{name: "checksum", a: nl.Artifact{GetterSource: srv.URL + "/plain.txt", GetterOptions: map[string]string{"checksum": "md5:00000000000000000000000000000000"}}, error: "hecksum"},
		{name: "missing", a: nl.Artifact{GetterSource: srv.URL + "/none"}, error: "404"},
		{name: "archive escapes", a: nl.Artifact{GetterSource: srv.URL + "/bad.tar.gz"}, error: "artifact"},
		{name: "link escapes", a: nl.Artifact{GetterSource: srv.URL + "/leaving.tar.gz"}, absent: "local/out"},
		{name: "destination escapes", a: nl.Artifact{GetterSource: srv.URL + "/plain.txt", RelativeDest: "../../up"}, error: "escapes"},
		{name: "local file", a: nl.Artifact{GetterSource: "file:///etc/passwd"}, error: "not supported"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			taskDir := filepath.Join(dir, "t")
			for _, d := range []string{taskDir + "/local", taskDir + "/tmp", dir + "/alloc/data"} {
				if err := os.MkdirAll(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			f := New(Config{Command: func() (string, []string) { return os.Args[0], []string{helperArg} }})
			err := f.Fetch(context.Background(), task.FetchRequest{
				Artifact: &tt.a, TaskDir: taskDir, AllocDir: dir,
				Replace: func(s string) string { return strings.ReplaceAll(s, "${who}", "me") },
			})
			if tt.error != "" {
				if err == nil || !strings.Contains(err.Error(), tt.error) {
					t.Fatalf("error is %v, want one with %q", err, tt.error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.absent != "" {
				if info, err := os.Lstat(filepath.Join(taskDir, tt.absent)); err == nil && !info.Mode().IsRegular() {
					t.Errorf("%s was made: %s", tt.absent, info.Mode())
				}
				return
			}
			raw, err := os.ReadFile(filepath.Join(taskDir, tt.file))
			if err != nil || string(raw) != tt.want {
				t.Errorf("file holds %q, %v; want %q", raw, err, tt.want)
			}
			if info, err := os.Stat(filepath.Join(taskDir, tt.file)); err == nil && info.Mode()&os.ModeSetuid != 0 {
				t.Error("the file kept its setuid bit")
			}
		})
	}
}
