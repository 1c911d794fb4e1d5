package operator

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// packed is an archive as servers make them.
func packed(t *testing.T, state []byte, damage func(name string, content []byte) []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	sums := ""
	put := func(name string, content []byte) {
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(content), name)
		content = damage(name, content)
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(content)), ModTime: time.Unix(1777636500, 0)}
		if err := archive.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	put(archiveMeta, fmt.Appendf(nil, `{"Version":1,"ID":"2-9-1","Index":9,"Term":2,"Size":%d}`, len(state)))
	put(archiveState, state)
	put(archiveSums, []byte(sums))
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func savedState(t *testing.T) []byte {
	t.Helper()
	s := store.Empty()
	var err error
	for i := range 700 {
		o := &op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: fmt.Sprintf("ns-%d", i)}}}
		if s, _, _, err = store.Apply(s, uint64(i+1), o); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := s.Save(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func intact(_ string, content []byte) []byte { return content }

func TestReadArchive(t *testing.T) {
	state := savedState(t)
	a, err := readArchive(bytes.NewReader(packed(t, state, intact)))
	if err != nil {
		t.Fatal(err)
	}
	if a.ID != "2-9-1" || a.Index != 9 || a.Term != 2 || a.Version != 1 || a.Size != int64(len(state)) || a.Created == "" {
		t.Errorf("described as %+v", a)
	}
	counts := map[string]int{}
	for _, n := range a.Types {
		counts[n.Type] = n.Count
		if n.Size <= 0 {
			t.Errorf("%s takes %d bytes", n.Type, n.Size)
		}
	}
	if counts["Namespace"] != 701 || counts["NodePool"] != 2 || counts["Configuration"] != 1 {
		t.Errorf("counted %v", counts)
	}
}

func TestDamagedArchive(t *testing.T) {
	state := savedState(t)
	for _, name := range []string{archiveMeta, archiveState} {
		damaged := packed(t, state, func(n string, content []byte) []byte {
			if n != name {
				return content
			}
			content = bytes.Clone(content)
			content[len(content)-1] ^= 1
			return content
		})
		if name == archiveMeta {
			damaged = packed(t, state, func(n string, content []byte) []byte {
				return bytes.Replace(content, []byte(`"Term":2`), []byte(`"Term":3`), 1)
			})
		}
		if _, err := readArchive(bytes.NewReader(damaged)); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := readArchive(bytes.NewReader(packed(t, nil, intact))); err == nil {
		t.Error("an empty state was taken for one")
	}
}
