package operator

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
)

// cluster answers like an agent of a cluster of one server and one node.
func cluster(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1/agent/members":
			fmt.Fprint(w, `{"Members":[{"Name":"../a","Status":"alive"},{"Name":"gone","Status":"failed"}]}`)
		case r.URL.Path == "/v1/nodes":
			fmt.Fprint(w, `[{"ID":"n1","Status":"ready"},{"ID":"n2","Status":"down"}]`)
		case r.URL.Path == "/v1/agent/monitor":
			fmt.Fprint(w, `{"Data":"bG9nZ2VkCg=="}{}`)
		case strings.HasPrefix(r.URL.Path, "/v1/agent/pprof/"):
			http.Error(w, "Permission denied", http.StatusForbidden)
		default:
			fmt.Fprint(w, `{"ok":true}`)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// collected runs the command for one round and returns what it printed.
func collected(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	address := cluster(t)
	m := &meta.Meta{Out: &out, Err: &out, Now: func() time.Time { return time.Unix(1777636800, 0) },
		Getenv: func(key string) string {
			if key == "NOMAD_ADDR" {
				return address
			}
			return ""
		},
		Pause: func(context.Context, time.Duration) error { return errors.New("one round is enough") }}
	command, err := Commands(m)["operator debug"]()
	if err != nil {
		t.Fatal(err)
	}
	if code := command.Run(args); code != 0 {
		t.Fatalf("code %d\n%s", code, &out)
	}
	return out.String()
}

func TestDebugArchive(t *testing.T) {
	t.Chdir(t.TempDir())
	out := collected(t)
	const name = "nomad-debug-2026-05-01-120000Z"
	if !strings.Contains(out, "Created debug bundle: "+name+".tar.gz") || !strings.Contains(out, "6 questions had no answer") {
		t.Errorf("printed\n%s", out)
	}
	f, err := os.Open(name + ".tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		content[strings.TrimPrefix(h.Name, name+"/")] = string(text)
	}
	for _, want := range []string{"cluster/agent-self.json", "nomad/0000/jobs.json", "nomad/0000/fingerprint.json", "client/n1/agent-host.json", "index.json", "errors.txt"} {
		if content[want] == "" {
			t.Errorf("%s is missing", want)
		}
	}
	for _, log := range []string{"client/n1/monitor.log", "server/__a/monitor.log"} {
		if content[log] != "logged\n" {
			t.Errorf("%s has %q", log, content[log])
		}
	}
}

func TestDebugDirectory(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	collected(t, "-output", dir, "-node-id", "none")
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if !d.IsDir() {
			files = append(files, d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(files, "index.json") || slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, ".tar.gz") }) {
		t.Errorf("wrote %v", files)
	}
}
