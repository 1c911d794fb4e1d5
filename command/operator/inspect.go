package operator

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// The files of an archive.
const (
	archiveMeta  = "meta.json"
	archiveState = "state.bin"
	archiveSums  = "SHA256SUMS"
	// archiveTextMax bounds, in bytes, those that are read into memory.
	archiveTextMax = 1 << 20
)

// archive is what an archive holds.
type archive struct {
	Created string
	ID      string
	Size    int64
	Index   uint64
	Term    uint64
	Version int
	Types   []store.Tally
}

func snapshotInspect(*meta.Meta) *meta.Verb {
	return &meta.Verb{
		Name: "operator snapshot inspect", Args: "<file>", MinArgs: 1, MaxArgs: 1, Local: true,
		Summary: "Show what is in a snapshot file",
		Text:    "Verifies a snapshot file and shows when it was made and what it holds. No agent is asked.",
		Examples: []meta.Example{
			{Text: "Look inside", Line: meta.Binary + " operator snapshot inspect backup.snap"},
		},
		Flags:   func(fl *meta.Flags) { fl.Output() },
		Predict: meta.PredictFiles("*"),
		Do: func(_ context.Context, c *meta.Call) error {
			f, err := os.Open(c.Args[0])
			if err != nil {
				return fmt.Errorf("opening the snapshot: %w", err)
			}
			defer f.Close()
			a, err := readArchive(f)
			if err != nil {
				return fmt.Errorf("file %s is no sound snapshot: %w", c.Args[0], err)
			}
			if done, err := c.PrintStructured(a); done {
				return err
			}
			c.Print((&render.Pairs{}).Add("Created", a.Created).Add("ID", a.ID).Add("Size", render.Bytes(uint64(a.Size))).
				Add("Index", strconv.FormatUint(a.Index, 10)).Add("Term", strconv.FormatUint(a.Term, 10)).
				Add("Version", strconv.Itoa(a.Version)).String())
			t := render.NewTable("Type", "Count", "Size")
			var count int
			var size int64
			for _, n := range a.Types {
				t.Row(n.Type, strconv.Itoa(n.Count), render.Bytes(uint64(n.Size)))
				count, size = count+n.Count, size+n.Size
			}
			t.Row("Total", strconv.Itoa(count), render.Bytes(uint64(size)))
			c.Print("\n" + t.String())
			return nil
		},
	}
}

// readArchive reads and verifies an archive.
func readArchive(r io.Reader) (*archive, error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("decompressing: %w", err)
	}
	out := &archive{}
	var listed string
	sums, found := map[string]string{}, map[string]bool{}
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("unpacking: %w", err)
		}
		sum := sha256.New()
		from := io.TeeReader(in, sum)
		found[h.Name] = true
		switch h.Name {
		case archiveMeta:
			err = out.describe(from, h.ModTime)
		case archiveState:
			out.Types, err = store.Census(from)
		case archiveSums:
			var text []byte
			text, err = io.ReadAll(io.LimitReader(from, archiveTextMax))
			listed = string(text)
		}
		if err == nil {
			_, err = io.Copy(io.Discard, from)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", h.Name, err)
		}
		sums[h.Name] = hex.EncodeToString(sum.Sum(nil))
	}
	if !found[archiveMeta] || !found[archiveState] {
		return nil, errors.New("a part is missing")
	}
	for _, name := range []string{archiveMeta, archiveState} {
		if !slices.Contains(strings.Split(listed, "\n"), sums[name]+"  "+name) {
			return nil, fmt.Errorf("%s does not fit its checksum", name)
		}
	}
	slices.SortStableFunc(out.Types, func(a, b store.Tally) int { return strings.Compare(a.Type, b.Type) })
	return out, nil
}

// describe reads the description of the snapshot.
func (a *archive) describe(r io.Reader, made time.Time) error {
	var d struct {
		Version     int
		ID          string
		Index, Term uint64
		Size        int64
	}
	if err := json.NewDecoder(io.LimitReader(r, archiveTextMax)).Decode(&d); err != nil {
		return err
	}
	a.Created, a.ID, a.Size, a.Index, a.Term, a.Version = render.Time(made.Local()), d.ID, d.Size, d.Index, d.Term, d.Version
	return nil
}
